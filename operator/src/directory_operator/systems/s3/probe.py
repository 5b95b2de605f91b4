"""Proves that session credentials work: writes, reads and deletes a small object with them. Blocking.

Requests are signed one by one: a boto3 client costs thirty times what a request does, and these credentials are used
once.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from directory_operator.platform.spec import ObjectStorageSpec
from directory_operator.systems.s3.session import StorageSession

PROBE_KEY: Final = ".directory/readiness"
_CONTENT: Final = b"ready?"


class ProbeFailed(Exception):
    """The store answered, and not as it should."""

    def __init__(self, action: str, status: int) -> None:
        super().__init__(f"{action} answered {status}")


@dataclass(frozen=True, slots=True)
class Probe:
    """A bucket as the holder of a session sees it."""

    spec: ObjectStorageSpec
    bucket: str
    session: StorageSession
    verify: str | bool
    timeout: int
    """Seconds for connecting, and for each read."""

    def write_read_delete(self) -> list[str]:
        """Returns the versions it left behind, if the bucket keeps versions. Raises ProbeFailed."""
        http = URLLib3Session(verify=self.verify, timeout=self.timeout)  # type: ignore[arg-type] # it takes a path too
        try:
            written = self._send(http, "PUT", _CONTENT)
            if self._send(http, "GET").content != _CONTENT:
                raise ProbeFailed("reading back", 200)
            deleted = self._send(http, "DELETE")
        finally:
            http.close()
        versions = (answer.headers.get("x-amz-version-id") for answer in (written, deleted))
        return [version for version in versions if version and version != "null"]

    def url(self) -> str:
        """Where the probe's object is."""
        endpoint = urlsplit(self.spec.endpoint)
        if self.spec.addressing_style == "path":
            return f"{endpoint.scheme}://{endpoint.netloc}/{self.bucket}/{PROBE_KEY}"
        return f"{endpoint.scheme}://{self.bucket}.{endpoint.netloc}/{PROBE_KEY}"

    def _send(self, http: URLLib3Session, method: str, data: bytes = b"") -> "_Answer":
        request = AWSRequest(method, self.url(), data=data or None)
        credentials = Credentials(
            self.session.access_key_id,
            self.session.secret_access_key.get_secret_value(),
            self.session.session_token.get_secret_value(),
        )
        S3SigV4Auth(credentials, "s3", self.spec.region).add_auth(request)
        answer = http.send(request.prepare())
        if answer.status_code >= 300:
            raise ProbeFailed(f"{method} of an object", answer.status_code)
        return _Answer(answer.content, dict(answer.headers))


@dataclass(frozen=True, slots=True)
class _Answer:
    content: bytes
    headers: dict[str, str]
