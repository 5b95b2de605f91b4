"""What somebody sends who means harm: floods of guesses, text that cannot be stored, pictures that lie."""

import struct
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.api.test_photos import picture, put
from tests.support.api import ApiProcess, Caller
from tests.support.tenants import ADMIN_PASSWORD, Backends


def test_guesses_at_the_same_moment_are_counted_before_they_are_tried(admin: Caller) -> None:
    """Counting only after the slow comparison would let as many through as fit into it."""
    victim = admin.with_role("User")

    def guess(number: int) -> int:
        return admin.post("/auth/login", {"email": victim.email, "password": f"guess {number}"}).status_code

    with ThreadPoolExecutor(30) as crowd:
        answers = Counter(crowd.map(guess, range(30)))
    assert answers == {401: 10, 429: 20}


def test_signing_in_often_is_no_failure(admin: Caller) -> None:
    somebody = admin.with_role("User")
    for _ in range(12):
        somebody = Caller(admin.client, admin.tenant).signed_in(somebody.email)


def test_refused_guesses_do_not_lock_the_account_for_everybody(admin: Caller) -> None:
    """One address may use up its own tries, and not the hundred of all addresses together."""
    victim = admin.with_role("User")
    for _ in range(110):
        admin.post("/auth/login", {"email": victim.email, "password": "wrong"})
    elsewhere = Caller(admin.client, admin.tenant, headers={"X-Forwarded-For": "198.51.100.9"})
    assert elsewhere.signed_in(victim.email).token


def test_a_neighbouring_ipv6_address_is_the_same_caller(admin: Caller) -> None:
    """Whoever has one such address has 2^64 of them (RFC 6177)."""
    victim = admin.with_role("User")
    answers = []
    for number in range(12):
        caller = Caller(admin.client, admin.tenant, headers={"X-Forwarded-For": f"2001:db8:1:2::{number:x}"})
        answers.append(caller.post("/auth/login", {"email": victim.email, "password": "wrong"}).status_code)
    assert answers == [401] * 10 + [429] * 2


def send(caller: Caller, method: str, path: str, body: bytes, **headers: str) -> Any:
    given = {"Content-Type": "application/json", "If-Match": "*", **headers}
    return caller.request(method, path, content=body, headers=given)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/auth/login", b'{"email": "a@b.example", "password": "\\ud800"}'),
        ("POST", "/accounts", b'{"email": "a@b.example", "password": "long enough \\ud800"}'),
        ("PUT", "/me/password", b'{"current_password": "x", "new_password": "long enough \\udfff"}'),
        ("POST", "/auth/refresh", b'{"refresh_token": "\\ud800"}'),
        ("POST", "/people", b'{"given_name": "\\ud800", "family_name": "x"}'),
        ("POST", "/people", b'{"\\ud800": 1}'),
    ],
)
def test_half_a_character_is_the_callers_mistake(admin: Caller, method: str, path: str, body: bytes) -> None:
    """JSON can spell a lone surrogate, which no encoding can hold."""
    answer = send(admin, method, path, body)
    assert answer.status_code in {401, 422}, answer.text
    assert answer.json()["code"] in {"invalid_request", "refresh_refused"}


def test_an_entity_tag_that_counts_very_far_matches_nothing(admin: Caller) -> None:
    path = f"/people/{admin.person()['person_id']}"
    assert admin.patch(path, {"title": "x"}, f'"{"9" * 5000}"').status_code == 412


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(extra: bytes) -> bytes:
    """A good PNG with one chunk more, right after its header."""
    good = picture("PNG", (30, 20))
    return good[:33] + extra + good[33:]


def with_exif(entries: bytes) -> bytes:
    """A good JPEG with these 12-byte directory entries."""
    directory = struct.pack("<H", len(entries) // 12) + entries + b"\0\0\0\0"
    return picture("JPEG", (30, 20), exif=b"Exif\0\0II*\0\x08\0\0\0" + directory)


LYING = {
    "a cut-off EXIF chunk": with_chunk(chunk(b"eXIf", b"II*\0\xff")),
    "an EXIF that counts to infinity": with_exif(struct.pack("<HHII", 0x0112, 3, 0x7FFFFFFF, 0)),
    "an orientation in words": with_exif(struct.pack("<HHI4s", 0x0112, 2, 4, b"abc\0")),
    "an orientation that does not exist": with_exif(struct.pack("<HHII", 0x0112, 3, 1, 99)),
    "text for a number": with_exif(struct.pack("<HHI4s", 0x0100, 2, 4, b"abc\0")),
    "bytes for text": with_exif(struct.pack("<HHI4s", 0x010E, 7, 4, b"\xff\xfe\0\0")),
}


@pytest.mark.parametrize("name", LYING)
def test_metadata_that_lies_does_not_matter(admin: Caller, name: str) -> None:
    """It is dropped anyway; only the orientation is looked at."""
    answer = put(admin, f"/people/{admin.person()['person_id']}/photo", LYING[name])
    assert answer.status_code == 204, answer.text


def test_a_header_that_lies_is_a_broken_picture(admin: Caller) -> None:
    good = picture("PNG", (30, 20))
    interlaced = good[16:28] + b"\xff"
    answer = put(
        admin, f"/people/{admin.person()['person_id']}/photo", good[:8] + chunk(b"IHDR", interlaced) + good[33:]
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "broken_image")


def test_only_a_photo_may_be_as_long_as_a_photo(api: ApiProcess, admin: Caller) -> None:
    """The body of any other request is read into memory before anybody asks who sends it."""
    anonymous = Caller(admin.client, admin.tenant)
    answer = send(anonymous, "PUT", "/people/photo", b"[" + b"1," * 100_000 + b"1]")
    assert answer.status_code == 413


def test_answers_to_listed_origins_vary_with_the_token_too(pooled_api: ApiProcess, backends: Backends) -> None:
    tenant = backends.tenant(f"vary-{uuid4().hex[:8]}", corsAllowedOrigins=["https://intranet.example"])
    answer = pooled_api.caller(tenant).signed_in(password=ADMIN_PASSWORD).get("/people")
    assert {name.strip() for name in answer.headers["vary"].split(",")} == {"Authorization", "Origin"}
