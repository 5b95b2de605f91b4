"""How a tenant's storage differs from what it should be, as changes in order. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from directory_contract.names import storage_secret
from directory_operator.children import DeleteObject, left_by_predecessor, owned_by, require_free
from directory_operator.errors import Conflict, NotReady
from directory_operator.manifests import ObjectRef
from directory_operator.reasons import Reason
from directory_operator.systems.s3.desired import (
    CORS,
    ENCRYPTION,
    ENCRYPTION_FEATURE,
    LIFECYCLE,
    OWNER_TAG,
    POLICY,
    PUBLIC_ACCESS_BLOCK,
    RELEASED,
    VERSIONING,
    DesiredBucket,
)
from directory_operator.systems.s3.policies import Policy, same_policy
from directory_operator.systems.s3.session import ObservedSecret, renewal_due, session_for
from directory_operator.tenant.model import Tenant


@dataclass(frozen=True, slots=True)
class ObservedBucket:
    """A bucket that exists."""

    tags: Mapping[str, str]
    empty: bool | None
    """Asked only for a bucket without an owner."""
    versioning: str | None
    encryption: str | None
    lifecycle: Sequence[Mapping[str, Any]]
    policy: Policy | None
    public_access_blocked: bool
    cors_origins: frozenset[str]


_BLANK: Final = ObservedBucket(
    tags={},
    empty=True,
    versioning=None,
    encryption=None,
    lifecycle=(),
    policy=None,
    public_access_blocked=False,
    cors_origins=frozenset(),
)
"""A bucket as it is created."""


@dataclass(frozen=True, slots=True)
class ObservedStorage:
    """All that concerns one tenant, at one moment."""

    bucket: ObservedBucket | None
    secret: ObservedSecret | None
    unsupported: frozenset[str]
    """Features that the store does not have."""
    at: datetime


@dataclass(frozen=True, slots=True)
class CreateBucket:
    """Create the bucket."""

    bucket: str
    routine: bool = False

    def __str__(self) -> str:
        return f"create bucket {self.bucket}"


@dataclass(frozen=True, slots=True)
class TagBucket:
    """Mark the bucket as ours, keeping tags of others."""

    bucket: str
    others: tuple[tuple[str, str], ...]
    routine: bool = False

    def __str__(self) -> str:
        return f"mark the owner of bucket {self.bucket}"


@dataclass(frozen=True, slots=True)
class ConfigureBucket:
    """Set one feature of the bucket."""

    bucket: str
    feature: str
    why: str
    routine: bool = False

    def __str__(self) -> str:
        return f"set {self.feature} of bucket {self.bucket} ({self.why})"


@dataclass(frozen=True, slots=True)
class RenewSession:
    """Ask for new session credentials and store them in the tenant's Secret."""

    secret: str
    why: str
    routine: bool = False

    def __str__(self) -> str:
        return f"renew session credentials in Secret {self.secret} ({self.why})"


@dataclass(frozen=True, slots=True)
class SealBucket:
    """Refuse everybody, sessions that have not run out included."""

    bucket: str
    routine: bool = False

    def __str__(self) -> str:
        return f"seal bucket {self.bucket}"


@dataclass(frozen=True, slots=True)
class EmptyBucket:
    """Delete every version of every object."""

    bucket: str
    routine: bool = False

    def __str__(self) -> str:
        return f"delete every object of bucket {self.bucket}"


@dataclass(frozen=True, slots=True)
class DeleteBucket:
    """Delete the empty bucket."""

    bucket: str
    routine: bool = False

    def __str__(self) -> str:
        return f"delete bucket {self.bucket}"


StorageChange = (
    CreateBucket | TagBucket | ConfigureBucket | RenewSession | SealBucket | EmptyBucket | DeleteBucket | DeleteObject
)


def plan_storage(tenant: Tenant, desired: DesiredBucket | None, observed: ObservedStorage) -> tuple[StorageChange, ...]:
    """Changes in order. Raises Conflict, and NotReady with `NotSupported` where the platform is strict."""
    if desired is None:
        return _removal(tenant, observed)
    if desired.strict and observed.unsupported:
        raise NotReady(
            f"the object store lacks {', '.join(sorted(observed.unsupported))}, and the platform's "
            "spec.objectStorage.enforcement is Strict: use another store, or BestEffort",
            Reason.NOT_SUPPORTED,
            retry_after=300,
        )
    bucket = observed.bucket
    create: tuple[CreateBucket, ...] = ()
    if bucket is None:
        bucket, create = _BLANK, (CreateBucket(desired.name),)
    else:
        _refuse_foreign(tenant, desired, bucket, observed.secret)
    ownership, configuration = _ownership(desired, bucket), _configuration(desired, bucket, observed)
    return (*create, *ownership, *configuration, *_session(tenant, desired, observed))


def _refuse_foreign(
    tenant: Tenant, desired: DesiredBucket, bucket: ObservedBucket, secret: ObservedSecret | None
) -> None:
    owner = bucket.tags.get(OWNER_TAG)
    if owner in {tenant.owner, RELEASED}:
        return
    if owner is not None:
        raise Conflict(
            f"bucket {desired.name} belongs to another tenant (owner {owner}). Give this tenant another slug; if that "
            f"one is gone for good, an administrator frees the bucket by setting its tag {OWNER_TAG} to {RELEASED}."
        )
    if not bucket.empty and not session_for(secret, desired.name):
        raise Conflict(
            f"bucket {desired.name} exists, holds objects and was not made for a tenant. Give this tenant another "
            f"slug, or hand the bucket over by setting its tag {OWNER_TAG} to {RELEASED}."
        )


def _ownership(desired: DesiredBucket, bucket: ObservedBucket) -> tuple[TagBucket, ...]:
    if all(bucket.tags.get(key) == value for key, value in desired.tags.items()):
        return ()
    others = tuple(sorted((key, value) for key, value in bucket.tags.items() if key not in desired.tags))
    return (TagBucket(desired.name, others),)


def _configuration(
    desired: DesiredBucket, bucket: ObservedBucket, observed: ObservedStorage
) -> tuple[ConfigureBucket, ...]:
    lacking = observed.unsupported
    rules, origins = desired.lifecycle(lacking), desired.cors_origins
    # A bucket that never had versioning has no status at all, which is as good as Suspended.
    versioned = (bucket.versioning == "Enabled") == desired.versioning
    checks = (
        (PUBLIC_ACCESS_BLOCK, bucket.public_access_blocked, "public access is not blocked"),
        (POLICY, same_policy(desired.policy, bucket.policy), "bucket policy differs"),
        (ENCRYPTION_FEATURE, bucket.encryption == ENCRYPTION, f"{bucket.encryption or 'none'}, not {ENCRYPTION}"),
        (VERSIONING, versioned, f"{bucket.versioning or 'off'}, not {'Enabled' if desired.versioning else 'off'}"),
        (LIFECYCLE, _plain(rules) == _plain(bucket.lifecycle), "rules differ"),
        (CORS, bucket.cors_origins == origins, "origins differ"),
    )
    return tuple(
        ConfigureBucket(desired.name, feature, why)
        for feature, as_wanted, why in checks
        if not as_wanted and feature not in lacking
    )


def _session(tenant: Tenant, desired: DesiredBucket, observed: ObservedStorage) -> tuple[StorageChange, ...]:
    secret = observed.secret
    if secret is not None:
        require_free(secret.manifest, tenant)
        ref = ObjectRef.of(secret.manifest)
        if left_by_predecessor(secret.manifest, tenant):
            stale = DeleteObject(ref, secret.manifest["metadata"]["uid"])
            return (stale, RenewSession(ref.name, "was an earlier tenant's"))
    problem, routine = _session_problem(desired, observed)
    return (RenewSession(storage_secret(tenant.name), problem, routine),) if problem else ()


def _session_problem(desired: DesiredBucket, observed: ObservedStorage) -> tuple[str, bool]:
    secret = observed.secret
    if secret is None:
        return "missing", False
    if secret.problem or secret.expires_at is None:
        return secret.problem, False
    due = renewal_due(secret.expires_at, desired.session_seconds, observed.at)
    return ("half of its life is over", True) if due else ("", False)


def _removal(tenant: Tenant, observed: ObservedStorage) -> tuple[StorageChange, ...]:
    name, bucket, secret = tenant.names.bucket, observed.bucket, observed.secret
    changes: list[StorageChange] = []
    if bucket is not None:
        owner = bucket.tags.get(OWNER_TAG)
        # Without an owner and empty: made by us a moment before a crash, and nothing is lost with it.
        if owner == tenant.owner or (owner is None and (bucket.empty or session_for(secret, name))):
            changes += [SealBucket(name), EmptyBucket(name), DeleteBucket(name)]
    if secret is not None and owned_by(secret.manifest, tenant.uid):
        changes.append(DeleteObject(ObjectRef.of(secret.manifest), secret.manifest["metadata"]["uid"]))
    return tuple(changes)


def _plain(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules in one order, and without what says nothing."""
    plain = [{key: value for key, value in rule.items() if value not in ({}, {"Prefix": ""}, None)} for rule in rules]
    return sorted(plain, key=lambda rule: str(rule.get("ID")))
