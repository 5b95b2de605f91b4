"""The floor: what one tenant's backend calls and API writes cost when a bare asyncio loop issues them.

The calls are those that the operator makes for a new Pooled tenant, with payloads copied from one that the operator
made; there is no planning, no comparing, no queue and no batching. Drivers: aiohttp, asyncpg, redis.asyncio, boto3.
"""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import boto3
import redis.asyncio
from botocore.config import Config
from botocore.exceptions import ClientError

from directory_contract.context import padded_keys, signed_context
from directory_contract.names import TenantNames
from directory_local.machine import Machine
from directory_operator.systems.postgres import statements

NAMESPACE = "tenants"
GROUP = "/apis/companydirectory.io/v1beta1"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass
class Sample:
    """A tenant that the operator made, to copy payloads from."""

    tenant: dict[str, Any]
    secret: dict[str, Any]
    storage_secret: dict[str, Any]
    acl_rules: list[str]
    role_script: str
    """The statements that make its login role, with `{name}` for the tenant's name."""


class Floor:
    """Issues the calls of one tenant after the other, `concurrency` tenants at a time."""

    def __init__(self, machine: Machine, sample: Sample, concurrency: int) -> None:
        self._machine = machine
        self._sample = sample
        self._concurrency = concurrency
        self._threads = ThreadPoolExecutor(16)

    async def run(self, names: list[str]) -> float:
        """Seconds for all of them."""
        machine = self._machine
        config = Config(s3={"addressing_style": "path"}, max_pool_connections=16)
        keys = {
            "aws_access_key_id": machine.minio.access_key_id,
            "aws_secret_access_key": machine.minio.secret_access_key,
            "endpoint_url": machine.minio.endpoint,
            "region_name": machine.minio.region,
            "config": config,
        }
        self._s3, self._sts = boto3.client("s3", **keys), boto3.client("sts", **keys)
        connector = aiohttp.TCPConnector(ssl=machine.kubernetes.tls, limit=64)
        async with (
            aiohttp.ClientSession(machine.kubernetes.server, connector=connector) as self._http,
            asyncpg.create_pool(machine.postgres.dsn("directory_operator"), min_size=8, max_size=8) as self._database,
        ):
            self._redis = redis.asyncio.Redis.from_url(machine.redis.url)
            waiting, started = list(names), time.monotonic()
            await asyncio.gather(*(self._worker(waiting) for _ in range(self._concurrency)))
            await self._redis.aclose()
            return time.monotonic() - started

    async def _worker(self, waiting: list[str]) -> None:
        while waiting:
            await self._tenant(waiting.pop())

    async def _tenant(self, name: str) -> None:
        names = TenantNames(name, "directory", "directory.localhost")
        body = await self._create(name)
        await self._kubernetes("PATCH", body, {"metadata": {"finalizers": ["companydirectory.io/tenant"]}}, MERGE)
        await self._status(body)
        await self._secret(name, self._sample.secret, "directory")
        await self._rows(names)
        await asyncio.gather(self._acl(names), self._storage(name, names))
        for kind in ("v1/namespaces/{}/serviceaccounts", "networking.k8s.io/v1/namespaces/{}/ingresses"):
            root = "/api/" if kind.startswith("v1") else "/apis/"
            await self._call("GET", f"{root}{kind.format(NAMESPACE)}/{name}-directory")
        await self._status(body)
        await self._event(body)

    # --- Kubernetes -----------------------------------------------------------------------------------------------

    async def _create(self, name: str) -> dict[str, Any]:
        tenant = self._sample.tenant
        body = {key: tenant[key] for key in ("apiVersion", "kind")} | {
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": tenant["spec"],
        }
        created: dict[str, Any] = await self._call("POST", f"{GROUP}/namespaces/{NAMESPACE}/directorytenants", body)
        return created

    async def _status(self, body: dict[str, Any]) -> None:
        patch = {key: body[key] for key in ("apiVersion", "kind")} | {
            "metadata": {"name": body["metadata"]["name"], "namespace": NAMESPACE},
            "status": {**self._sample.tenant["status"], "url": uuid4().hex},
        }
        await self._kubernetes("PATCH", body, patch, APPLY, "/status?fieldManager=floor&force=true")

    async def _secret(self, name: str, sample: dict[str, Any], suffix: str) -> None:
        path = f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}-{suffix}"
        await self._call("GET", path)
        metadata = {"name": f"{name}-{suffix}", "namespace": NAMESPACE, "labels": sample["metadata"]["labels"]}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": sample["data"]}
        await self._call("PATCH", f"{path}?fieldManager=floor&force=true", body, APPLY)
        await self._call("GET", path)

    async def _event(self, body: dict[str, Any]) -> None:
        metadata = body["metadata"]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": NAMESPACE},
            "involvedObject": {"kind": "DirectoryTenant", "namespace": NAMESPACE, "name": metadata["name"]},
            "reason": "Ready",
            "message": "served",
            "type": "Normal",
        }
        await self._call("POST", f"/api/v1/namespaces/{NAMESPACE}/events", event)

    async def _kubernetes(
        self, method: str, body: dict[str, Any], patch: dict[str, Any], headers: dict[str, str], tail: str = ""
    ) -> None:
        path = f"{GROUP}/namespaces/{NAMESPACE}/directorytenants/{body['metadata']['name']}{tail}"
        await self._call(method, path, patch, headers)

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        headers = headers or {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        async with self._http.request(method, path, data=data, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 300 and answer.status != 404:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
            return json.loads(text)

    # --- backends -------------------------------------------------------------------------------------------------

    async def _rows(self, names: TenantNames) -> None:
        tenant_id, key, key_id = uuid4(), b"k" * 32, f"floor-{uuid4().hex}"
        await self._observe(names)
        async with self._database.acquire() as connection, connection.transaction():
            owner = (uuid4(), "floor", f"tenants/{names.slug}")
            settings = json.dumps(self._sample.tenant["spec"])
            row = (tenant_id, names.slug, names.slug, *owner, "Pooled", names.login_role, settings)
            await connection.fetchval(statements.UPSERT_TENANT, *row)
            await connection.execute(statements.FREE_HOSTS, tenant_id, [names.host])
            await connection.execute(statements.CLAIM_HOSTS, tenant_id, [names.host])
            await connection.fetch(statements.HOST_CLAIMS, [names.host])
            await connection.execute(statements.ADD_CONTEXT_KEY, key_id, *padded_keys(key))
            context = signed_context(key, key_id, tenant_id)
            await connection.execute(statements.SET_CONTEXT, str(tenant_id), context)
            await connection.execute(statements.ADD_ADMIN, tenant_id, "ada@x.example", "$argon2id$", "floor")
            await connection.execute(statements.RECORD_ADMIN, tenant_id, "ada@x.example", "floor")
            await connection.execute(statements.REMOVE_CONTEXT_KEYS, [key_id])
        async with self._database.acquire() as connection, connection.transaction():
            await connection.execute(statements.as_maker(names.login_role))
            await connection.execute(self._sample.role_script.replace("{role}", names.login_role))
        await self._observe(names)

    async def _observe(self, names: TenantNames) -> None:
        async with self._database.acquire() as connection:
            await connection.fetch(statements.TENANTS, [names.slug])
            await connection.fetch(statements.HOST_CLAIMS, [names.host])
            await connection.fetch(statements.ROLES, [names.login_role])
            await connection.fetch(statements.ROW_SECURITY_PROBLEMS)

    async def _acl(self, names: TenantNames) -> None:
        await self._redis.execute_command("ACL", "GETUSER", names.redis_user)
        await self._redis.execute_command("ACL", "SETUSER", names.redis_user, *self._sample.acl_rules)
        await self._redis.execute_command("ACL", "GETUSER", names.redis_user)

    async def _storage(self, name: str, names: TenantNames) -> None:
        loop = asyncio.get_running_loop()
        for call in self._storage_calls(names.bucket):
            await loop.run_in_executor(self._threads, call)
        await self._secret(name, self._sample.storage_secret, "directory-storage")

    def _storage_calls(self, bucket: str) -> list[Callable[[], Any]]:
        s3, tags = self._s3, {"TagSet": [{"Key": "companydirectory.io-owner", "Value": "floor"}]}
        rule = {"Status": "Enabled", "ID": "old", "Filter": {"Prefix": ""}}
        lifecycle = {"Rules": [rule | {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}]}
        encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        role = {"RoleArn": "arn:aws:iam::000000000000:role/floor", "RoleSessionName": "floor"}
        reads = (s3.get_bucket_versioning, s3.get_bucket_tagging, s3.get_bucket_policy, s3.get_bucket_encryption)
        return [
            lambda: _absent(s3.get_bucket_versioning, bucket),
            lambda: s3.create_bucket(Bucket=bucket),
            lambda: s3.put_bucket_tagging(Bucket=bucket, Tagging=tags),
            lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
            lambda: s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=encryption),
            lambda: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=lifecycle),
            lambda: self._sts.assume_role(**role),
            *((lambda read=read: _absent(read, bucket)) for read in reads),
            lambda: _absent(s3.get_bucket_lifecycle_configuration, bucket),
            lambda: self._probe(bucket),
        ]

    def _probe(self, bucket: str) -> None:
        written = self._s3.put_object(Bucket=bucket, Key="ready", Body=b"ready?")
        self._s3.get_object(Bucket=bucket, Key="ready")["Body"].read()
        marker = self._s3.delete_object(Bucket=bucket, Key="ready")
        versions = [{"Key": "ready", "VersionId": each["VersionId"]} for each in (written, marker)]
        self._s3.delete_objects(Bucket=bucket, Delete={"Objects": versions})


def _absent(read: Callable[..., Any], bucket: str) -> None:
    """What is not there is answered with an error."""
    try:
        read(Bucket=bucket)
    except ClientError:
        return
