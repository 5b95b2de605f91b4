"""Real backends for the systems' tests, and the loop the operator runs over a system."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import redis
from botocore.config import Config
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from directory_contract.names import OPERATOR_LOGIN
from directory_local.machine import Machine
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.systems.backends import Backends, BackendSecrets
from directory_operator.systems.protocol import SystemName
from directory_operator.tenant.model import Credentials, Platform, Tenant
from tests.support.builders import a_platform, a_tenant

NAMES: tuple[SystemName, ...] = ("postgres", "redis", "s3")


@dataclass
class MemoryKube:
    """As much of Kubernetes as the storage system touches: Secrets that are applied, read and deleted."""

    objects: dict[ObjectRef, Manifest] = field(default_factory=dict)
    applied: int = 0
    _uids: Iterator[int] = field(default_factory=count)

    async def get(self, ref: ObjectRef) -> Manifest | None:
        return self.objects.get(ref)

    async def apply(self, manifest: Manifest) -> Manifest:
        self.applied += 1
        ref = ObjectRef.of(manifest)
        uid = self.objects[ref]["metadata"]["uid"] if ref in self.objects else f"uid-{next(self._uids)}"
        self.objects[ref] = {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}
        return self.objects[ref]

    async def delete(self, ref: ObjectRef, *, uid: str | None = None) -> None:
        if ref in self.objects and uid in {None, self.objects[ref]["metadata"]["uid"]}:
            del self.objects[ref]


@dataclass
class Clock:
    """A clock that tests can set forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Rig:
    """Backends of one platform, with a fresh tenant for whoever asks."""

    machine: Machine
    platform: Platform
    backends: Backends
    kube: MemoryKube
    clock: Clock
    prefixes: list[str] = field(default_factory=list)

    def tenant(self, name: str | None = None, **spec: Any) -> Tenant:
        tenant = a_tenant(name or f"t{secrets.token_hex(6)}", platform=self.platform, **spec)
        self.prefixes.append(tenant.names.key_prefix)
        return with_credentials(replace(tenant, applied_generation=1))

    def forget_keys(self) -> None:
        """Delete the keys of every tenant given out: the tests that list all keys share this Redis."""
        while self.prefixes:
            prefix = self.prefixes.pop()
            if keys := self.redis.keys(f"{prefix}*"):
                self.redis.delete(*keys)

    async def converge(self, name: SystemName, tenant: Tenant, *, wanted: bool = True) -> list[str]:
        """What the operator does with a step; returns what it changed."""
        system = self.backends.systems[name]
        desired = system.desired(tenant) if wanted else None
        changes = system.plan(tenant, desired, await system.observe(tenant))
        for change in changes:
            await system.apply(tenant, change)
        left = system.plan(tenant, desired, await system.observe(tenant))
        assert not left, list(map(str, left))
        return [str(change) for change in changes]

    async def planned(self, name: SystemName, tenant: Tenant, *, wanted: bool = True) -> list[Any]:
        system = self.backends.systems[name]
        return list(system.plan(tenant, system.desired(tenant) if wanted else None, await system.observe(tenant)))

    def sql(self, statement: str, **variables: str) -> str:
        return self.machine.postgres.psql(statement, variables=variables)

    def statistics(self, statement: str) -> str:
        """SQL over pg_stat_statements, which sees all databases and stays out of the directory's own."""
        create = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;"
        return self.machine.postgres.psql(create + statement, database="postgres")

    @property
    def redis(self) -> "redis.Redis[str]":
        return redis.Redis.from_url(self.machine.redis.url, decode_responses=True)

    def redis_as(self, tenant: Tenant, password: SecretStr | None = None) -> "redis.Redis[str]":
        assert tenant.credentials
        return redis.Redis(
            host=self.machine.redis.host,
            port=self.machine.redis.port,
            username=tenant.names.redis_user,
            password=(password or tenant.credentials.redis_password).get_secret_value(),
            decode_responses=True,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )

    def s3(self, **credentials: str) -> Any:
        minio = self.machine.minio
        keys = credentials or {
            "aws_access_key_id": minio.access_key_id,
            "aws_secret_access_key": minio.secret_access_key,
        }
        return boto3.session.Session().client(
            "s3",
            endpoint_url=minio.endpoint,
            region_name=minio.region,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
            **keys,
        )


def with_credentials(tenant: Tenant, generation: str = "first") -> Tenant:
    """The tenant as the credentials step leaves it: all passwords anew in a new generation, else only missing ones."""
    known = tenant.credentials if tenant.credentials and tenant.credentials.generation == generation else None
    first = {admin.email: _password() for admin in tenant.spec.admins}
    credentials = Credentials(
        generation=generation,
        postgres_password=known.postgres_password if known else _password(),
        redis_password=known.redis_password if known else _password(),
        admin_passwords=first | (known.admin_passwords if known else {}),
    )
    return replace(tenant, credentials=credentials)


def _password() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(32))


def reborn(tenant: Tenant, number: int = 2) -> Tenant:
    """Another object of the same name and slug."""
    uid = f"{number:08d}{tenant.uid[8:]}"
    return replace(tenant, uid=uid, credentials=replace(tenant.credentials, generation=f"of {uid}"))


def pool_credentials(key_id: str = "key-1", generation: str = "first") -> PoolCredentials:
    return PoolCredentials(
        generation=generation,
        postgres_password=_password(),
        redis_password=_password(),
        context_key=SecretStr(secrets.token_hex(32)),
        context_key_id=key_id,
    )


def platform_on(machine: Machine, **objectstorage: Any) -> Platform:
    storage = {
        "endpoint": machine.minio.endpoint,
        "region": machine.minio.region,
        "addressingStyle": "path",
        "credentialsSecretRef": {"name": "s3-admin"},
    }
    return a_platform(
        postgres={
            "host": "127.0.0.1",
            "port": machine.postgres.port,
            "sslMode": "disable",
            "adminSecretRef": {"name": "postgres-admin"},
        },
        redis={
            "host": "127.0.0.1",
            "port": machine.redis.port,
            "tls": False,
            "adminSecretRef": {"name": "redis-admin"},
        },
        objectStorage=storage | objectstorage,
    )


def secrets_of(machine: Machine, **other: Any) -> BackendSecrets:
    own: dict[str, Any] = {
        "postgres_username": OPERATOR_LOGIN,
        "postgres_password": SecretStr(machine.postgres.password(OPERATOR_LOGIN)),
        "redis_username": machine.redis.admin,
        "redis_password": SecretStr(machine.redis.admin_password),
        "s3_access_key_id": machine.minio.access_key_id,
        "s3_secret_access_key": SecretStr(machine.minio.secret_access_key),
    }
    return BackendSecrets(**own | other)


def connect(machine: Machine, platform: Platform | None = None, **other: Any) -> Rig:
    place, kube, clock = platform or platform_on(machine), MemoryKube(), Clock()
    backends = Backends.connect(place, secrets_of(machine, **other), kube=kube, now=clock)  # type: ignore[arg-type]
    return Rig(machine, place, backends, kube, clock)
