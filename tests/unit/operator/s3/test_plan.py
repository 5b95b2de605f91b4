"""What is decided about a tenant's bucket and session."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from directory_operator.errors import Conflict, NotReady
from directory_operator.systems.s3.desired import (
    ABORT_UPLOADS,
    CORS,
    OWNER_TAG,
    PUBLIC_ACCESS_BLOCK,
    DesiredBucket,
    desired_bucket,
)
from directory_operator.systems.s3.plan import ObservedBucket, ObservedStorage, plan_storage
from directory_operator.systems.s3.session import (
    ObservedSecret,
    StorageSession,
    observed_secret,
    renewal_due,
    secret_manifest,
)
from directory_operator.tenant.model import Tenant
from tests.support.builders import PLATFORM_SPEC, a_platform, a_tenant

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIFETIME = 43200


def secure_tenant(**storage: Any) -> Tenant:
    place = PLATFORM_SPEC["objectStorage"] | {"endpoint": "https://s3.example"} | storage
    return a_tenant(platform=a_platform(objectStorage=place), cors={"allowedOrigins": ["https://app.example"]})


TENANT = secure_tenant()


def as_desired(tenant: Tenant, unsupported: frozenset[str] = frozenset()) -> ObservedStorage:
    wanted = desired_bucket(tenant)
    bucket = ObservedBucket(
        tags=wanted.tags,
        empty=None,
        versioning="Enabled",
        encryption="AES256",
        lifecycle=wanted.lifecycle(unsupported),
        policy=wanted.policy,
        public_access_blocked=True,
        cors_origins=wanted.cors_origins,
    )
    return ObservedStorage(bucket, live_secret(tenant, wanted), unsupported, NOW)


def live_secret(tenant: Tenant, wanted: DesiredBucket) -> ObservedSecret:
    expires = NOW + timedelta(seconds=LIFETIME)
    session = StorageSession("id", SecretStr("secret"), SecretStr("token"), expires)
    manifest = secret_manifest(tenant, wanted, session)
    live = {**manifest, "metadata": {**manifest["metadata"], "uid": "s", "resourceVersion": "1"}}
    observed = observed_secret(tenant, wanted, live)
    assert observed
    return observed


def plan(tenant: Tenant, observed: ObservedStorage, *, wanted: bool = True) -> list[str]:
    return [str(each) for each in plan_storage(tenant, desired_bucket(tenant) if wanted else None, observed)]


def test_a_new_tenant_gets_all_of_it_closed_before_open() -> None:
    assert plan(TENANT, ObservedStorage(None, None, frozenset(), NOW)) == [
        "create bucket directory-acme",
        "mark the owner of bucket directory-acme",
        "set public-access-block of bucket directory-acme (public access is not blocked)",
        "set policy of bucket directory-acme (bucket policy differs)",
        "set default-encryption of bucket directory-acme (none, not AES256)",
        "set versioning of bucket directory-acme (off, not Enabled)",
        "set lifecycle of bucket directory-acme (rules differ)",
        "set CORS of bucket directory-acme (origins differ)",
        "renew session credentials in Secret acme-directory-storage (missing)",
    ]


def test_a_converged_tenant_needs_nothing() -> None:
    assert plan(TENANT, as_desired(TENANT)) == []


@given(st.frozensets(st.sampled_from([CORS, PUBLIC_ACCESS_BLOCK, ABORT_UPLOADS])))
def test_what_the_store_lacks_is_neither_planned_nor_missed(lacking: frozenset[str]) -> None:
    observed = as_desired(TENANT, lacking)
    assert plan(TENANT, observed) == []
    assert observed.bucket
    bare = replace(observed.bucket, public_access_blocked=False, cors_origins=frozenset())
    planned = " ".join(plan(TENANT, replace(observed, bucket=bare)))
    assert [feature in planned for feature in (CORS, PUBLIC_ACCESS_BLOCK)] == [
        feature not in lacking for feature in (CORS, PUBLIC_ACCESS_BLOCK)
    ]


def test_a_strict_platform_takes_no_half_of_it() -> None:
    strict = secure_tenant(enforcement="Strict")
    assert plan(strict, as_desired(strict)) == []
    with pytest.raises(NotReady, match="lacks CORS"):
        plan(strict, as_desired(strict, frozenset({CORS})))
    assert plan(strict, as_desired(strict, frozenset({CORS})), wanted=False)  # deleting needs no CORS


def test_origins_are_the_tenants_own_hosts_and_the_allowed_ones() -> None:
    assert desired_bucket(TENANT).cors_origins == {"https://acme.directory.example", "https://app.example"}


@pytest.mark.parametrize("fraction", [0.0, 0.49, 0.5, 0.51, 1.0, 2.0])
def test_a_session_is_due_when_less_than_half_is_left(fraction: float) -> None:
    expires = NOW + timedelta(seconds=LIFETIME)
    assert renewal_due(expires, LIFETIME, NOW + timedelta(seconds=LIFETIME * fraction)) == (fraction > 0.5)


def test_the_secret_of_an_earlier_tenant_is_replaced_and_of_a_stranger_refused() -> None:
    wanted, observed = desired_bucket(TENANT), as_desired(TENANT)
    heir = replace(TENANT, uid="00000000-0000-0000-0000-000000000009")
    mine = desired_bucket(heir)
    assert observed.bucket
    inherited = replace(observed, bucket=replace(observed.bucket, tags=mine.tags))
    assert plan(heir, inherited) == [
        "delete Secret tenants/acme-directory-storage",
        "renew session credentials in Secret acme-directory-storage (was an earlier tenant's)",
    ]
    stranger = live_secret(TENANT, wanted)
    metadata = {**stranger.manifest["metadata"], "ownerReferences": []}
    foreign = replace(stranger, manifest={**stranger.manifest, "metadata": metadata})
    with pytest.raises(Conflict):
        plan(TENANT, replace(observed, secret=foreign))
    assert "delete Secret" not in " ".join(plan(TENANT, replace(observed, secret=foreign), wanted=False))


def test_a_removal_seals_before_it_empties_and_spares_what_is_not_ours() -> None:
    observed = as_desired(TENANT)
    assert plan(TENANT, observed, wanted=False) == [
        "seal bucket directory-acme",
        "delete every object of bucket directory-acme",
        "delete bucket directory-acme",
        "delete Secret tenants/acme-directory-storage",
    ]
    assert observed.bucket
    for owner in ("released", "c/other"):
        bucket = replace(observed.bucket, tags={OWNER_TAG: owner})
        assert plan(TENANT, replace(observed, bucket=bucket), wanted=False) == [
            "delete Secret tenants/acme-directory-storage"
        ]


def test_nothing_secret_is_in_any_text() -> None:
    wanted = desired_bucket(TENANT)
    session = StorageSession("id", SecretStr("very-secret"), SecretStr("very-token"), NOW)
    texts = f"{session!r} {live_secret(TENANT, wanted)!r} {as_desired(TENANT)!r}"
    assert "very-" not in texts
    assert "c2VjcmV0" not in texts  # `secret` in base64
