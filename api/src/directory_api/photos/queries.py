"""The SQL of photos: a row before its objects, and objects gone before the row."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from directory_api.db import Row, TenantConnection
from directory_api.photos.images import CONTENT_TYPE, Photo

_LEFTOVER_AGE: Final = "15 minutes"  # longer than any upload takes


@dataclass(frozen=True, slots=True)
class Leftover:
    """A photo that nothing shows any more."""

    photo_id: UUID
    object_key: str


async def announce(connection: TenantConnection, photo_id: UUID, person_id: UUID, key: str, photo: Photo) -> None:
    await connection.execute(
        """INSERT INTO directory.photos
               (tenant_id, photo_id, person_id, object_key, content_type, digest, width, height)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        photo_id,
        person_id,
        key,
        CONTENT_TYPE,
        photo.digest,
        photo.width,
        photo.height,
    )


async def retire(connection: TenantConnection, person_id: UUID) -> int:
    """Take the person's photo out of sight. Returns how many there were: one or none."""
    return await connection.execute(
        """UPDATE directory.photos SET state = 'Replaced'
           WHERE tenant_id = $1 AND person_id = $2 AND state = 'Current'""",
        person_id,
    )


async def show(connection: TenantConnection, photo_id: UUID) -> None:
    await connection.execute(
        "UPDATE directory.photos SET state = 'Current' WHERE tenant_id = $1 AND photo_id = $2", photo_id
    )


async def current(connection: TenantConnection, person_id: UUID) -> Row | None:
    return await connection.row(
        """SELECT photo_id, object_key, content_type, digest FROM directory.photos
           WHERE tenant_id = $1 AND person_id = $2 AND state = 'Current'""",
        person_id,
    )


async def leftovers(connection: TenantConnection, limit: int) -> list[Leftover]:
    """Photos that were replaced, whose person is gone, or whose upload was broken off long ago."""
    rows = await connection.rows(
        """SELECT photo_id, object_key FROM directory.photos
           WHERE tenant_id = $1 AND (state <> 'Current' OR person_id IS NULL)
             AND (state = 'Replaced' OR person_id IS NULL OR created_at < now() - $3::text::interval)
           ORDER BY created_at LIMIT $2""",
        limit,
        _LEFTOVER_AGE,
    )
    return [Leftover(row["photo_id"], row["object_key"]) for row in rows]


async def forget(connection: TenantConnection, photo_ids: list[UUID]) -> None:
    await connection.execute(
        "DELETE FROM directory.photos WHERE tenant_id = $1 AND photo_id = ANY($2::uuid[])", photo_ids
    )
