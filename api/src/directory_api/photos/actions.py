"""Owns what happens to a photo, and that its row and its objects agree whatever is interrupted.

Upload: row (Uploading) → objects under a new, unguessable key → row (Current), the one before it Replaced. A crash
leaves at most a row that is not Current; the tenant's next upload or removal finds it and removes its objects first.
"""

import asyncio
import secrets
from uuid import UUID, uuid4

from starlette.datastructures import FormData, UploadFile

from directory_api import conditional
from directory_api.calls import Authenticated
from directory_api.errors import FieldError, invalid, not_found
from directory_api.people import queries as people
from directory_api.people.actions import locked
from directory_api.photos import queries
from directory_api.photos.images import CONTENT_TYPE, Photo
from directory_api.photos.leftovers import object_name, sweep


async def upload(call: Authenticated, person_id: UUID) -> str:
    """Store the request's picture as the person's photo; return its path."""
    picture = await _picture(call)
    async with call.services.database.write(call.tenant) as connection:
        await locked(call, connection, person_id, None)
    photo = await call.services.studio.process(picture)
    photo_id, key = uuid4(), f"photos/{secrets.token_urlsafe(24)}"
    async with call.services.database.write(call.tenant) as connection:
        await queries.announce(connection, photo_id, person_id, key, photo)
    await _store(call, key, photo)
    async with call.write() as connection:
        await locked(call, connection, person_id, None)
        await queries.retire(connection, person_id)
        await queries.show(connection, photo_id)
        await people.touch(connection, person_id)
    await sweep(call)
    return f"/api/v1/people/{person_id}/photo?v={photo_id}"


async def delete(call: Authenticated, person_id: UUID) -> None:
    async with call.write() as connection:
        await locked(call, connection, person_id, None)
        if await queries.retire(connection, person_id) == 0:
            raise not_found("photo")
        await people.touch(connection, person_id)
    await sweep(call)


async def download(call: Authenticated, person_id: UUID, size: int | None) -> tuple[str, bytes | None]:
    """Entity tag and bytes; no bytes when the caller has them already."""
    async with call.read() as connection:
        row = await queries.current(connection, person_id)
    if row is None:
        raise not_found("photo")
    etag = f'"{row["digest"][:32]}-{size or "full"}"'
    if conditional.not_modified(call.request.headers.get("if-none-match"), etag):
        return etag, None
    return etag, await call.services.buckets.get(call.tenant, object_name(row["object_key"], size))


async def _picture(call: Authenticated) -> bytes:
    """The body as it is, or the part `photo` of a form."""
    if not call.request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        picture = await call.request.body()
    else:
        async with call.request.form(max_files=1, max_fields=0) as form:
            picture = await _part(form)
    if not picture:
        raise invalid("There is no picture in the request.", FieldError("body", "send the picture's bytes"))
    return picture


async def _part(form: FormData) -> bytes:
    part = form.get("photo")
    return await part.read() if isinstance(part, UploadFile) else b""


async def _store(call: Authenticated, key: str, photo: Photo) -> None:
    objects = {object_name(key, None): photo.picture} | {
        object_name(key, size): each for size, each in photo.thumbnails.items()
    }
    put = call.services.buckets.put
    await asyncio.gather(*(put(call.tenant, name, body, CONTENT_TYPE) for name, body in objects.items()))
