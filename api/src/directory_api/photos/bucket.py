"""The one home of boto3 in the API: objects in a tenant's bucket, by blocking calls on threads of their own."""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path

from directory_api.errors import Problem, unavailable
from directory_api.settings import SecretFiles, SecretMissing, Settings
from directory_api.tenancy import Tenant
from directory_contract import environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THREADS: Final = 8
_T = TypeVar("_T")


@dataclass(slots=True)
class Buckets:
    """Objects of tenants. The client is made anew whenever the mounted session credentials are."""

    settings: Settings
    secrets: SecretFiles
    threads: ThreadPoolExecutor
    _client: "tuple[str, S3Client] | None" = field(default=None)

    @classmethod
    def open(cls, settings: Settings, secrets: SecretFiles) -> "Buckets":
        return cls(settings, secrets, ThreadPoolExecutor(_THREADS, "s3"))

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def put(self, tenant: Tenant, key: str, body: bytes, content_type: str) -> None:
        await self._run(
            lambda client: client.put_object(
                Bucket=tenant.settings.bucket, Key=key, Body=body, ContentType=content_type, CacheControl="private"
            )
        )

    async def get(self, tenant: Tenant, key: str) -> bytes:
        """Raise `Problem` (404) when it is gone: a photo replaced between our look-up and this."""
        return await self._run(lambda client: client.get_object(Bucket=tenant.settings.bucket, Key=key)["Body"].read())

    async def delete(self, tenant: Tenant, keys: Iterable[str]) -> None:
        """Absent objects are fine."""
        for key in keys:
            await self._run(lambda client, key=key: client.delete_object(Bucket=tenant.settings.bucket, Key=key))  # type: ignore[misc]

    async def _run(self, work: "Callable[[S3Client], _T]") -> _T:
        def call() -> _T:
            return work(self._present_client())

        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, call)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
                raise Problem(404, "not_found", "There is no such photo.") from None
            raise unavailable("storage_unavailable", "The photo storage refused the request.") from error
        except (BotoCoreError, SecretMissing) as error:
            raise unavailable("storage_unavailable", "The photo storage cannot be reached.") from error

    def _present_client(self) -> "S3Client":
        key_id = self.secrets.read(environment.S3_ACCESS_KEY_ID_FILE).get_secret_value()
        if self._client is None or self._client[0] != key_id:
            self._client = (key_id, self._new_client(key_id))
        return self._client[1]

    def _authorities(self) -> str | None:
        """A bundle of the public authorities and ours: botocore takes one file, and it replaces its own."""
        if self.settings.ca_file is None:
            return None
        bundle = Path(tempfile.mkdtemp(prefix="directory-ca-")) / "bundle.pem"
        bundle.write_text(f"{Path(str(get_cert_path(verify=True))).read_text()}\n{self.settings.ca_file.read_text()}")
        return str(bundle)

    def _new_client(self, key_id: str) -> "S3Client":
        secret = self.secrets.read(environment.S3_SECRET_ACCESS_KEY_FILE).get_secret_value()
        token = self.secrets.find(environment.S3_SESSION_TOKEN_FILE)
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.settings.s3_endpoint,
            region_name=self.settings.s3_region,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token.get_secret_value() if token else None,
            verify=self._authorities(),
            config=Config(
                s3={"addressing_style": self.settings.s3_addressing_style},
                retries={"mode": "standard", "max_attempts": 3},
                connect_timeout=3,
                read_timeout=10,
                max_pool_connections=_THREADS,
                # Some S3-compatible stores do not know the newer checksums that boto3 sends by default.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
