"""Conditions under which a step can't finish, each named for what is wrong and telling the reader the way out.

Messages end up in `status.conditions`, in Events and in logs: they never hold a secret, and never a driver's own text,
which can quote one.
"""

from directory_operator.reasons import Reason


class StepError(Exception):
    """Base of everything a system raises on purpose. `reason` comes from the closed list in reasons.py."""

    reason = Reason.INTERNAL_ERROR
    terminal = False
    """True when only a changed spec, or another owner letting go, can help: the tenant is `Stalled`."""
    retry_after: float | None = None
    """Seconds after which to try again; None leaves it to the queue's back-off."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def tenant_retry(self) -> float | None:
        """Seconds after which a tenant that met this is looked at again; None leaves it to the queue's back-off."""
        return self.retry_after


class Interrupted(Exception):
    """Not a step's condition: the attempt as a whole is given up, and begins anew with a fresh look at the tenant."""


class Unexpected(StepError):
    """An error that nobody foresaw: a defect of the operator. Its text can quote anything, so only its type is told."""

    def __init__(self, error: Exception) -> None:
        """Name the type."""
        super().__init__(
            f"{type(error).__name__} surprised the operator: its log says where. This is retried by itself; please "
            "report it"
        )


class ObjectRefused(StepError):
    """The Kubernetes API did not take a request: validation, a quota or a policy is in the way; its words say which."""

    reason = Reason.OBJECT_REFUSED
    retry_after = 60.0  # nothing tells when a quota or policy changes


class SystemUnavailable(StepError):
    """A backend did not answer, or answered that it can't work now.

    Its `retry_after` is the pause that the backend itself is given. Tenants back off instead, or thousands would
    ask at the end of each pause: the platform's probe wakes them all when the backend is back.
    """

    reason = Reason.BACKEND_UNREACHABLE

    def __init__(self, system: str, endpoint: str, problem: str) -> None:
        """Name the backend, where it was sought, and what happened in our own words."""
        super().__init__(
            f"{system} at {endpoint} can't be reached: {problem}. Check that it runs and that the DirectoryPlatform's "
            "address is right; this is retried by itself."
        )
        self.system = system
        self.problem = problem

    @property
    def tenant_retry(self) -> float | None:
        """The back-off's."""
        return None


class AccessDenied(StepError):
    """A backend refused the operator's own credentials or lacks a right that the operator needs."""

    reason = Reason.ACCESS_DENIED
    retry_after = 30.0

    def __init__(self, system: str, endpoint: str, remedy: str) -> None:
        """Name the backend and say which credentials or right to mend."""
        super().__init__(f"{system} at {endpoint} refused the operator: {remedy}.")
        self.system = system


class SpecRejected(StepError):
    """The spec asks for something that can't be; the message names the field."""

    reason = Reason.INVALID_SPEC
    terminal = True

    def __init__(self, field: str, problem: str) -> None:
        """Name the field by its path, as in `spec.hosts[0]`."""
        super().__init__(f"{field}: {problem}")
        self.field = field


class Conflict(StepError):
    """Another owner holds the slug, host, role, bucket or object. The elder keeps it."""

    reason = Reason.CONFLICT
    terminal = True
    retry_after = 60.0  # the other owner may let go; nothing in our own spec would tell


class NotReady(StepError):
    """Everything is asked for, and the outside needs time: try again later."""

    reason = Reason.PROGRESSING

    def __init__(self, message: str, reason: Reason, retry_after: float | None = None) -> None:
        """Say what is awaited."""
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class DeletionRefused(StepError):
    """A deletion can't go on: the message says what is in the way and how to clear it."""

    reason = Reason.BACKEND_UNREACHABLE

    def __init__(self, reason: Reason, message: str, retry_after: float | None = None) -> None:
        """Give the reason of the `DeletionBlocked` condition."""
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after
