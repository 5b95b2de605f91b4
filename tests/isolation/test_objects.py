"""S3: with one tenant's credentials no object of another can be listed, read, written, removed or guessed."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.isolation.conftest import Inhabited
from tests.support.tenants import Backends, Login

DENIED = {"AccessDenied", "403"}


def objects(backends: Backends, bucket: str) -> list[str]:
    return [each["Key"] for each in backends.s3().list_objects_v2(Bucket=bucket).get("Contents", [])]


CALLS: dict[str, Callable[[Any, str, str], Any]] = {
    "list": lambda s3, bucket, key: s3.list_objects_v2(Bucket=bucket),
    "list versions": lambda s3, bucket, key: s3.list_object_versions(Bucket=bucket),
    "head bucket": lambda s3, bucket, key: s3.head_bucket(Bucket=bucket),
    "get": lambda s3, bucket, key: s3.get_object(Bucket=bucket, Key=key),
    "head": lambda s3, bucket, key: s3.head_object(Bucket=bucket, Key=key),
    "put": lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=key, Body=b"owned"),
    "put new": lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key="photos/new", Body=b"owned"),
    "delete": lambda s3, bucket, key: s3.delete_object(Bucket=bucket, Key=key),
    "absent": lambda s3, bucket, key: s3.get_object(Bucket=bucket, Key="photos/never-was"),
    "policy": lambda s3, bucket, key: s3.put_bucket_policy(Bucket=bucket, Policy="{}"),
    "read policy": lambda s3, bucket, key: s3.get_bucket_policy(Bucket=bucket),
    "delete bucket": lambda s3, bucket, key: s3.delete_bucket(Bucket=bucket),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_object_of_another_is_reachable(
    backends: Backends, attacker: Inhabited, victim: Inhabited, call: str
) -> None:
    bucket = victim.tenant.names.bucket
    before = objects(backends, bucket)
    assert before
    with pytest.raises(ClientError) as refused:
        CALLS[call](backends.s3(attacker.tenant.login), bucket, before[0])
    assert refused.value.response["Error"]["Code"] in DENIED
    assert objects(backends, bucket) == before


def test_copying_from_another_is_refused(backends: Backends, attacker: Inhabited, victim: Inhabited) -> None:
    own, other = attacker.tenant.names.bucket, victim.tenant.names.bucket
    key = objects(backends, other)[0]
    with pytest.raises(ClientError) as refused:
        backends.s3(attacker.tenant.login).copy_object(
            Bucket=own, Key="stolen", CopySource={"Bucket": other, "Key": key}
        )
    assert refused.value.response["Error"]["Code"] in DENIED


def test_the_own_bucket_is_open(backends: Backends, attacker: Inhabited) -> None:
    """Deny and allow share one set-up: the credentials do work."""
    s3, bucket = backends.s3(attacker.tenant.login), attacker.tenant.names.bucket
    s3.put_object(Bucket=bucket, Key="probe", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="probe")["Body"].read() == b"x"
    s3.delete_object(Bucket=bucket, Key="probe")
    with pytest.raises(ClientError):
        s3.create_bucket(Bucket="directory-mine-now")


def test_other_buckets_are_not_even_listed(backends: Backends, attacker: Inhabited, victim: Inhabited) -> None:
    try:
        listed = {each["Name"] for each in backends.s3(attacker.tenant.login).list_buckets()["Buckets"]}
    except ClientError as refused:
        assert refused.response["Error"]["Code"] in DENIED  # noqa: PT017 - either answer will do
        return
    assert victim.tenant.names.bucket not in listed


def test_the_pools_credentials_end_at_the_platforms_buckets(backends: Backends, pool_login: Login) -> None:
    backends.s3().create_bucket(Bucket="somebody-elses")
    for call in ("list", "get", "put", "delete"):
        with pytest.raises(ClientError) as refused:
            CALLS[call](backends.s3(pool_login), "somebody-elses", "x")
        assert refused.value.response["Error"]["Code"] in DENIED


def test_keys_of_objects_cannot_be_guessed(backends: Backends, attacker: Inhabited) -> None:
    """Nothing in a key follows from ids that people see, and the random part has 192 bits."""
    names = objects(backends, attacker.tenant.names.bucket)
    photos = {name.split("/")[1] for name in names if name.startswith("photos/")}
    assert photos
    assert all(len(each) == 32 for each in photos)
    assert not any(attacker.person_id in name for name in names)
