"""The operator's home of boto3: one client per platform, its calls in a bounded pool of threads, its errors as ours.

Rights the operator's own key needs (docs/reference/backends.md has the policy): on `arn:aws:s3:::<prefix>-*` everything
about buckets, and of objects only ListBucket, ListBucketVersions, DeleteObjectVersion and AbortMultipartUpload;
sts:AssumeRole on the platform's session role.
"""

import asyncio
import atexit
import json
import tempfile
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from pydantic import SecretStr

from directory_operator.errors import AccessDenied, Conflict, StepError
from directory_operator.platform.spec import ObjectStorageSpec
from directory_operator.systems.breaker import Breaker
from directory_operator.systems.s3.desired import ABORT_UPLOADS, CORS, PUBLIC_ACCESS_BLOCK
from directory_operator.systems.s3.policies import Policy
from directory_operator.systems.s3.session import StorageSession
from directory_operator.systems.transport import transport_problem

THREADS: Final = 16
CONNECT_TIMEOUT: Final = 3  # seconds
READ_TIMEOUT: Final = 10  # seconds

_WRONG_KEY: Final = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})
_NOT_SUPPORTED: Final = frozenset({"NotImplemented", "MethodNotAllowed", "XNotImplemented"})
_DENIED: Final = frozenset({"AccessDenied", "AllAccessDisabled", "403", "Forbidden"})

LACKING: Final[Mapping[str, frozenset[str]]] = {
    # Seen: PutBucketCors answers NotImplemented while GetBucketCors answers as if there were none, and a lifecycle rule
    # is stored without its AbortIncompleteMultipartUpload (the server cleans up after a day by itself).
    "MinIO": frozenset({CORS, PUBLIC_ACCESS_BLOCK, ABORT_UPLOADS}),
}
"""By the `Server` header: features whose lack reading does not show."""


class NotSupported(Exception):
    """The store has no such call."""


class Store:
    """The operator's access to one platform's object store. Nothing is opened before it is needed."""

    def __init__(self, spec: ObjectStorageSpec, access_key_id: str, secret_key: SecretStr, ca: str | None) -> None:
        self.spec = spec
        self.endpoint = spec.endpoint
        self.verify: str | bool = _bundle(ca) if ca else True
        self.unsupported: frozenset[str] = frozenset()
        """Features that the store turned out not to have."""
        self._access_key_id = access_key_id
        self._secret_key = secret_key
        self._breaker = Breaker("Object storage", spec.endpoint)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()

    async def call(self, operation: str, *, absent: Collection[str] = (), **arguments: Any) -> Mapping[str, Any] | None:
        """One S3 call's answer; None if it failed with one of the `absent` codes. Raises NotSupported, StepErrors."""
        return await self._call("s3", operation, absent, arguments)

    async def session(self, name: str, policy: Policy) -> StorageSession:
        """Credentials that may do what `policy` says, for the platform's session lifetime (STS AssumeRole)."""
        answer = await self._call(
            "sts",
            "assume_role",
            (),
            {
                "RoleArn": self.spec.session_role_arn,
                "RoleSessionName": name[:64],
                "Policy": json.dumps(policy, separators=(",", ":")),
                "DurationSeconds": self.spec.session_lifetime_seconds,
            },
        )
        credentials = (answer or {})["Credentials"]
        return StorageSession(
            credentials["AccessKeyId"],
            SecretStr(credentials["SecretAccessKey"]),
            SecretStr(credentials["SessionToken"]),
            credentials["Expiration"],
        )

    async def run(self, work: Callable[[], Any]) -> Any:
        """Run blocking work in one of our threads, with the same errors as `call`."""
        async with self._breaker.attempt():
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except (ClientError, BotoCoreError, OSError) as error:
                raise self._condition(error, "a request with the tenant's credentials") from None

    def lacks(self, feature: str) -> None:
        """Remember that the store has no such feature."""
        self.unsupported |= {feature}

    def close(self) -> None:
        """Let the threads end; calls that run are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(
        self, service: str, operation: str, absent: Collection[str], arguments: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        def work() -> Mapping[str, Any]:
            answer: Mapping[str, Any] = getattr(self._client(service), operation)(**arguments)
            return answer

        async with self._breaker.attempt():
            try:
                answer = await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except ClientError as error:
                self._learn(error.response)
                if _code(error) in absent:
                    return None
                if _code(error) in _NOT_SUPPORTED:
                    answer = None
                else:
                    raise self._condition(error, operation) from None
            except (BotoCoreError, OSError) as error:
                raise self._condition(error, operation) from None
        if answer is None:
            raise NotSupported(operation)
        self._learn(answer)
        return answer

    def _learn(self, answer: Mapping[str, Any]) -> None:
        server = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("server", "")
        self.unsupported |= LACKING.get(server, frozenset())

    def _client(self, service: str) -> Any:
        with self._making:  # making clients is not thread-safe, using them is
            if service not in self._clients:
                style = {"addressing_style": self.spec.addressing_style}
                self._clients[service] = boto3.session.Session().client(
                    service,  # type: ignore[call-overload] # one of two literals
                    endpoint_url=_sts_endpoint(self.spec) if service == "sts" else self.spec.endpoint,
                    region_name=self.spec.region,
                    aws_access_key_id=self._access_key_id,
                    aws_secret_access_key=self._secret_key.get_secret_value(),
                    verify=self.verify,
                    config=Config(
                        connect_timeout=CONNECT_TIMEOUT,
                        read_timeout=READ_TIMEOUT,
                        retries={"mode": "standard", "total_max_attempts": 2},
                        max_pool_connections=THREADS,
                        s3=style,  # type: ignore[arg-type] # the spec allows its two values only
                    ),
                )
            return self._clients[service]

    def _condition(self, error: Exception, operation: str) -> StepError:
        """Without the driver's words, which can quote a request."""
        secret = self.spec.credentials_secret_ref.name
        if not isinstance(error, ClientError):
            return self._breaker.unavailable(_transport_problem(error))
        code = _code(error)
        if code in _WRONG_KEY or (code in _DENIED and operation == "assume_role"):
            remedy = f"the key in Secret {secret} is wrong, or may not assume role {self.spec.session_role_arn}"
            return AccessDenied("Object storage", self.endpoint, remedy)
        if code in _DENIED:
            return AccessDenied("Object storage", self.endpoint, f"the key in Secret {secret} may not do {operation}")
        if code == "BucketAlreadyExists":
            return Conflict(
                "the bucket's name is taken by another account: choose another spec.objectStorage.bucketPrefix"
            )
        if error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500 or code in {"SlowDown", "RequestTimeout"}:
            return self._breaker.unavailable(f"it answered {code} to {operation}")
        return StepError(f"Object storage at {self.endpoint} answered {code} to {operation}")


def _transport_problem(error: Exception) -> str:
    timed_out = isinstance(error, ConnectTimeoutError | ReadTimeoutError)
    return transport_problem(TimeoutError() if timed_out else error)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _sts_endpoint(spec: ObjectStorageSpec) -> str:
    """STS is a host of its own at AWS and the store itself elsewhere."""
    host = urlsplit(spec.endpoint).hostname or ""
    return f"https://sts.{spec.region}.amazonaws.com" if host.endswith(".amazonaws.com") else spec.endpoint


def _bundle(ca: str) -> str:
    """A file with the CA's certificate: botocore takes a path. Gone when this process ends."""
    with tempfile.NamedTemporaryFile("w", suffix=".crt", delete=False) as file:
        file.write(ca)
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name
