"""Photos over HTTP, in a real object store."""

import io
import struct
import zlib
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from tests.support.api import Caller
from tests.support.tenants import Backends, ProvisionedTenant


def picture(kind: str = "JPEG", size: tuple[int, int] = (300, 200), **options: Any) -> bytes:
    """Left half red, right half blue."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.fixture
def path(admin: Caller) -> str:
    return f"/people/{admin.person()['person_id']}/photo"


def put(caller: Caller, path: str, content: bytes, kind: str = "image/jpeg") -> Any:
    return caller.request("PUT", path, content=content, headers={"Content-Type": kind})


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_stored_and_shown_in_three_sizes(admin: Caller, user: Caller, path: str, kind: str) -> None:
    stored = put(admin, path, picture(kind), "application/octet-stream")  # the type is what it is, not what it says
    assert stored.status_code == 204, stored.text
    for query, size in (("", (300, 200)), ("?size=64", (64, 64)), ("?size=256", (256, 256))):
        answer = user.get(path + query)
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["x-content-type-options"] == "nosniff"
        shown = decoded(answer.content)
        assert (shown.format, shown.size) == ("JPEG", size)
        again = user.get(path + query, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    person = admin.get(path.removesuffix("/photo")).json()
    assert person["photo"] == stored.headers["content-location"]
    assert user.get(person["photo"]).status_code == 200


def test_a_form_is_taken_too(admin: Caller, path: str) -> None:
    answer = admin.request("PUT", path, files={"photo": ("../../x.html", picture(), "text/html")})
    assert answer.status_code == 204, answer.text
    assert admin.get(path).headers["content-type"] == "image/jpeg"


def test_a_photo_is_turned_upright_and_loses_its_metadata(admin: Caller, path: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned 90 degrees clockwise to be seen
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)  # GPS
    put(admin, path, picture(exif=exif) + b"SecretTrailer")
    content = admin.get(path).content
    shown = decoded(content)
    assert shown.size == (200, 300)
    red, _, blue = shown.convert("RGB").getpixel((100, 20))  # type: ignore[misc]
    assert red > 200, "the left half is on top now"
    assert blue < 60
    assert not shown.getexif()
    assert b"Secret" not in content


def test_transparent_pictures_get_a_white_ground(admin: Caller, path: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (50, 50), (255, 0, 0, 0)).save(buffer, "PNG")
    put(admin, path, buffer.getvalue())
    assert min(decoded(admin.get(path).content).convert("RGB").getpixel((25, 25))) > 250  # type: ignore[type-var]


def png_header(width: int, height: int) -> bytes:
    """A few bytes that announce a picture of any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "invalid_request"),
        (b"not a picture", 415, "unsupported_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415, "unsupported_image"),
        (picture("GIF"), 415, "unsupported_image"),
        (picture("BMP"), 415, "unsupported_image"),
        (picture()[:200], 422, "broken_image"),
        (png_header(100_000, 100_000), 413, "image_too_large"),
        (png_header(7000, 7000), 413, "image_too_large"),
        (png_header(10, 10), 422, "broken_image"),
        (b"\0" * (8 * 1024 * 1024 + 5000), 413, "body_too_large"),
    ],
)
def test_what_is_no_reasonable_picture_is_refused(
    admin: Caller, path: str, content: bytes, status: int, code: str
) -> None:
    answer = put(admin, path, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert admin.get(path).status_code == 404


def test_only_who_may_edit_the_person_changes_the_photo(admin: Caller, user: Caller, path: str) -> None:
    for caller in (user, admin.with_role("Manager")):
        assert put(caller, path, picture()).status_code == 403
        assert caller.request("DELETE", path).status_code == 403
    assert put(admin, f"/people/{uuid4()}/photo", picture()).status_code == 404
    assert admin.get(path).status_code == 404


def objects(backends: Backends, tenant: ProvisionedTenant) -> set[str]:
    listed = backends.s3().list_objects_v2(Bucket=tenant.names.bucket).get("Contents", [])
    return {each["Key"] for each in listed}


def test_no_object_stays_that_nothing_shows(
    admin: Caller, path: str, backends: Backends, tenant: ProvisionedTenant
) -> None:
    before = objects(backends, tenant)
    put(admin, path, picture())
    first = objects(backends, tenant) - before
    etag = admin.get(path).headers["etag"]
    version = admin.get(path.removesuffix("/photo")).headers["etag"]
    put(admin, path, picture("PNG", (80, 90)))
    second = objects(backends, tenant) - before
    assert len(first) == len(second) == 3
    assert not first & second, "each upload has keys of its own"
    assert admin.get(path).headers["etag"] != etag
    assert admin.get(path.removesuffix("/photo")).headers["etag"] != version
    assert admin.request("DELETE", path).status_code == 204
    assert admin.request("DELETE", path).status_code == 404
    assert objects(backends, tenant) == before
    put(admin, path, picture())
    assert admin.delete(path.removesuffix("/photo")).status_code == 204
    assert objects(backends, tenant) == before


def test_what_a_crash_left_behind_is_removed_by_the_next_upload(
    admin: Caller, path: str, backends: Backends, tenant: ProvisionedTenant
) -> None:
    """A process killed between the objects and the row: the row says Uploading, and is old."""
    key = f"photos/{uuid4().hex}"
    backends.s3().put_object(Bucket=tenant.names.bucket, Key=f"{key}/full.jpg", Body=b"x")
    backends.machine.postgres.psql(
        """INSERT INTO directory.photos (tenant_id, object_key, content_type, digest, width, height, created_at)
           VALUES (:'tenant', :'key', 'image/jpeg', 'x', 1, 1, now() - interval '1 hour')""",
        variables={"tenant": str(tenant.tenant_id), "key": key},
    )
    put(admin, path, picture())
    assert f"{key}/full.jpg" not in objects(backends, tenant)
