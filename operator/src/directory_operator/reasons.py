"""The closed list of condition reasons and Event reasons; docs/reference/conditions.md lists the same."""

from enum import StrEnum


class Reason(StrEnum):
    """`reason` of a condition."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    PROGRESSING = "Progressing"
    WAITING_FOR_DEPENDENCY = "WaitingForDependency"
    BACKEND_UNREACHABLE = "BackendUnreachable"
    ACCESS_DENIED = "AccessDenied"
    OBJECT_REFUSED = "ObjectRefused"
    INVALID_SPEC = "InvalidSpec"
    CONFLICT = "Conflict"
    PLATFORM_NOT_FOUND = "PlatformNotFound"
    PLATFORM_NOT_READY = "PlatformNotReady"
    SCHEMA_MISMATCH = "SchemaMismatch"
    WORKLOAD_UNAVAILABLE = "WorkloadUnavailable"
    POOL_UNAVAILABLE = "PoolUnavailable"
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted"
    CERTIFICATE_MISSING = "CertificateMissing"
    BUCKET_NOT_EMPTY = "BucketNotEmpty"
    ROLE_OWNS_OBJECTS = "RoleOwnsObjects"
    NOT_SUPPORTED = "NotSupported"
    DELETING = "Deleting"
    RETRYING = "Retrying"
    NOT_STALLED = "NotStalled"
    INTERNAL_ERROR = "InternalError"


class EventReason(StrEnum):
    """`reason` of a Kubernetes Event."""

    READY = "Ready"
    NOT_READY = "NotReady"
    STALLED = "Stalled"
    DRIFT_DETECTED = "DriftDetected"
    UPDATED = "Updated"
    DELETION_BLOCKED = "DeletionBlocked"
    RETAINED = "Retained"
    RELEASED_UNSEALED = "ReleasedUnsealed"
    DELETED = "Deleted"
