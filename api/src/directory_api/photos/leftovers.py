"""Owns the removal of photos that nothing shows any more, and what a photo's objects are called."""

import logging
from typing import Final

from directory_api.calls import Authenticated
from directory_api.errors import Problem
from directory_api.observability import failure
from directory_api.photos import queries
from directory_api.photos.images import THUMBNAILS

_LOG: Final = logging.getLogger(__name__)
_SWEEP: Final = 20


def object_name(key: str, size: int | None) -> str:
    """The object of one size of a photo; without a size, of the picture itself."""
    return f"{key}/full.jpg" if size is None else f"{key}/{size}.jpg"


async def sweep(call: Authenticated) -> None:
    """Remove what nothing shows any more. A failure is logged: the next upload tries again."""
    try:
        async with call.read() as connection:
            found = await queries.leftovers(connection, _SWEEP)
        for leftover in found:
            sizes = (None, *THUMBNAILS)
            await call.services.buckets.delete(call.tenant, [object_name(leftover.object_key, size) for size in sizes])
        if found:
            async with call.services.database.write(call.tenant) as connection:
                await queries.forget(connection, [leftover.photo_id for leftover in found])
    except Problem as problem:
        _LOG.warning("photo leftovers stay for now", extra={"fields": failure(problem)})
