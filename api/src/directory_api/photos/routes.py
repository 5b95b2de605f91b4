"""Routes of photos: who may edit a person may change the photo, everybody sees it."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from directory_api.calls import ManagerCall, UserCall, no_content, problems
from directory_api.photos import actions
from directory_api.photos.images import CONTENT_TYPE

router = APIRouter(prefix="/api/v1/people", tags=["photos"])

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_FORM: Final = {
    "schema": {
        "type": "object",
        "required": ["photo"],
        "additionalProperties": False,
        "properties": {"photo": {"type": "string", "format": "binary"}},
    }
}
_UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {kind: _BINARY for kind in ("image/jpeg", "image/png", "image/webp")}
        | {"multipart/form-data": _FORM},
    }
}
_PICTURE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The picture", "content": {CONTENT_TYPE: _BINARY}},
    304: {"description": "The caller has it already"},
}
_CACHED: Final = {"Cache-Control": "private, max-age=300", "Vary": "Authorization", "X-Content-Type-Options": "nosniff"}


@router.put(
    "/{person_id}/photo",
    status_code=204,
    response_class=Response,
    openapi_extra=_UPLOAD,
    responses=problems(401, 403, 404, 415),
)
async def put_photo(call: ManagerCall, person_id: UUID) -> Response:
    """Take a JPEG, PNG or WebP picture, as the body or as the part `photo` of a form."""
    path = await actions.upload(call, person_id)
    return Response(status_code=204, headers={"Content-Location": path})


@router.get("/{person_id}/photo", response_class=Response, responses={**problems(401, 404), **_PICTURE})
async def get_photo(
    call: UserCall,
    person_id: UUID,
    size: Annotated[Literal["64", "256"] | None, Query(description="a square thumbnail")] = None,
    v: Annotated[UUID | None, Query(description="ignored: makes the address new with each photo")] = None,
) -> Response:
    etag, picture = await actions.download(call, person_id, int(size) if size else None)
    headers = {"ETag": etag, **_CACHED}
    return Response(picture, 200 if picture else 304, headers, media_type=CONTENT_TYPE)


@router.delete("/{person_id}/photo", status_code=204, response_class=Response, responses=problems(401, 403, 404))
async def delete_photo(call: ManagerCall, person_id: UUID) -> Response:
    await actions.delete(call, person_id)
    return no_content()
