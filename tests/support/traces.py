"""Everything that a tenant leaves in the backends, read with the rights of their administrators."""

from typing import Any, ClassVar
from uuid import uuid4

import boto3
import redis
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from directory_local.machine import Machine
from tests.support.world import NAMESPACE, World

_KINDS = "secret,serviceaccount,deployment,service,hpa,pdb,networkpolicy,ingress"


def s3_admin(machine: Machine) -> BaseClient:
    """boto3 as the object store's administrator."""
    return boto3.client(
        "s3",
        endpoint_url=machine.minio.endpoint,
        region_name=machine.minio.region,
        aws_access_key_id=machine.minio.access_key_id,
        aws_secret_access_key=machine.minio.secret_access_key,
    )


def redis_admin(machine: Machine) -> "redis.Redis":
    """Redis as its administrator."""
    return redis.Redis.from_url(machine.redis.url, decode_responses=True)


class Traces:
    """What is there of one tenant."""

    NOTHING: ClassVar[dict[str, Any]] = {
        "registry": "",
        "role": "",
        "rows": 0,
        "redis_user": None,
        "keys": [],
        "objects": None,
        "kubernetes_objects": [],
    }

    def __init__(self, world: World, slug: str, *, name: str | None = None) -> None:
        self._world = world
        self._slug = slug
        self._name = name or slug
        self._role = "dt_" + slug.replace("-", "_")
        platform = world.get("/apis/companydirectory.io/v1beta1/directoryplatforms/default")
        self.bucket = f"{platform['spec']['objectStorage']['bucketPrefix']}-{slug}"

    def everything(self) -> dict[str, Any]:
        return {part: getattr(self, part)() for part in self.NOTHING}

    def tenant_id(self) -> str:
        return self._world.sql(f"select tenant_id from registry.tenants where slug = '{self._slug}'")

    def registry(self) -> str:
        """State of the registry row, empty without one."""
        return self._world.sql(f"select state from registry.tenants where slug = '{self._slug}'")

    def role(self) -> str:
        return self._world.sql(
            "select case when rolcanlogin then 'can log in' else 'cannot log in' end "
            f"from pg_roles where rolname = '{self._role}'"
        )

    def rows(self) -> int:
        """Rows of `people`."""
        return int(
            self._world.sql(
                "select count(*) from directory.people join registry.tenants using (tenant_id) "
                f"where slug = '{self._slug}'"
            )
        )

    def redis_user(self) -> dict[str, Any] | None:
        with redis_admin(self._world.machine) as admin:
            found: dict[str, Any] | None = admin.acl_getuser(f"dt-{self._slug}")
            return found

    def keys(self) -> list[str]:
        with redis_admin(self._world.machine) as admin:
            return sorted(admin.scan_iter(f"t:{self._slug}:*", count=1000))

    def objects(self) -> int | None:
        """Versions in the bucket; None without a bucket."""
        try:
            listed = s3_admin(self._world.machine).list_object_versions(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise
            return None
        return len([each for each in listed.get("Versions", []) if not each["Key"].startswith("_")])

    def kubernetes_objects(self) -> list[str]:
        selector = f"companydirectory.io/tenant={self._name}"
        return self._world.kubectl("get", _KINDS, "-n", NAMESPACE, "-l", selector, "-o", "name").splitlines()

    # --- leaving something ------------------------------------------------------------------------------------------

    def add_person_and_photo(self) -> None:
        """One row and one object, as the API would leave them."""
        self._world.sql(
            "insert into directory.people (tenant_id, person_id, given_name, family_name, display_name, sort_name) "
            f"select tenant_id, '{uuid4()}', 'Ada', 'Lovelace', 'Ada Lovelace', 'lovelace ada' "
            f"from registry.tenants where slug = '{self._slug}'"
        )
        s3_admin(self._world.machine).put_object(Bucket=self.bucket, Key="photos/ada", Body=b"jpeg")

    def add_key(self) -> None:
        with redis_admin(self._world.machine) as admin:
            admin.set(f"t:{self._slug}:cache", "1")
