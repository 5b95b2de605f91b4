"""MinIO, the local stand-in for S3: versioning, encryption with a local key, STS, no console."""

from dataclasses import dataclass

from directory_local import probes, secret_files
from directory_local.folder import StateFolder
from directory_local.ports import LOOPBACK
from directory_local.programs import Program

REGION = "us-east-1"


@dataclass(frozen=True)
class Minio:
    """A MinIO server below `folder`."""

    folder: StateFolder
    port: int
    host: str = LOOPBACK
    region: str = REGION

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def access_key_id(self) -> str:
        return secret_files.access_key(self.folder.secrets, "s3-access-key-id")

    @property
    def secret_access_key(self) -> str:
        return secret_files.password(self.folder.secrets, "s3-secret-access-key")

    def prepare(self) -> None:
        (self.folder.data / "minio").mkdir(mode=0o700, exist_ok=True)
        # Made here because the server reads the files and not these properties.
        _ = (self.access_key_id, self.secret_access_key)
        secret_files.encryption_key(self.folder.secrets, "minio-kms")

    def program(self) -> Program:
        secrets = self.folder.secrets
        return Program(
            name="minio",
            listens=("minio",),
            argv=(
                *(str(self.folder.bin / "minio"), "server", "--quiet", "--anonymous"),
                *(f"--address={self.host}:{self.port}", f"--certs-dir={self.folder.config / 'minio'}"),
                str(self.folder.data / "minio"),
            ),
            environment={
                "MINIO_ROOT_USER_FILE": str(secrets / "s3-access-key-id"),
                "MINIO_ROOT_PASSWORD_FILE": str(secrets / "s3-secret-access-key"),
                "MINIO_KMS_SECRET_KEY_FILE": str(secrets / "minio-kms"),
                "MINIO_SITE_REGION": self.region,
                "MINIO_BROWSER": "off",
                "MINIO_UPDATE": "off",
            },
            ready=self.is_ready,
        )

    def is_ready(self) -> bool:
        return probes.is_ok(self.port, "/minio/health/ready")
