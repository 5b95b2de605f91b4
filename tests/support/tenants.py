"""A platform's backends with tenants in them, made by the statements and calls of the operator, without Kubernetes."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import boto3
import redis
from argon2 import PasswordHasher
from botocore.config import Config
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from directory_contract import environment as env
from directory_contract.context import padded_keys, signed_context
from directory_contract.names import API_GROUP, OPERATOR_LOGIN, POOLED_GROUP, TenantNames, role_maker
from directory_local.machine import Machine
from directory_operator.systems.redis.desired import COMMANDS

BASE_DOMAIN = "directory.example"
BUCKET_PREFIX = "directory"
ADMIN_PASSWORD = "correct horse battery staple"

# Cheap on purpose: what is tested is never how long Argon2 takes.
_HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def admin_hash(password: str = ADMIN_PASSWORD) -> str:
    return _HASHER.hash(password)


@dataclass(frozen=True)
class Login:
    """Names and passwords of one user of the backends: a dedicated tenant, or the pooled fleet."""

    role: str
    redis_user: str
    password: str
    s3: dict[str, str]

    def files(self) -> dict[str, str]:
        return {
            env.POSTGRES_USERNAME_FILE: self.role,
            env.POSTGRES_PASSWORD_FILE: self.password,
            env.REDIS_USERNAME_FILE: self.redis_user,
            env.REDIS_PASSWORD_FILE: self.password,
            env.JWT_SIGNING_KEY_FILE: signing_key(),
            **self.s3,
        }


@dataclass(frozen=True)
class ProvisionedTenant:
    """A tenant that is there, with its first administrator."""

    tenant_id: UUID
    names: TenantNames
    tier: str
    admin_email: str
    login: Login

    @property
    def slug(self) -> str:
        return self.names.slug

    @property
    def host(self) -> str:
        return self.names.host


def signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@dataclass
class Backends:
    """PostgreSQL, Redis and MinIO of one machine, and the context key of its pooled fleet."""

    machine: Machine
    context_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    context_key_id: str = field(default_factory=lambda: "k" + secrets.token_hex(4))
    _closing: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        self._closing.close()

    @classmethod
    def on(cls, machine: Machine) -> "Backends":
        machine.start("postgres", "redis", "minio")
        machine.prepare_database()
        backends = cls(machine)
        asyncio.run(backends._operator_runs(backends._add_context_key))
        return backends

    def pooled_login(self, name: str = "dp_default") -> Login:
        """The login of a pooled fleet, made now."""
        login = Login(name, name.replace("_", "-"), secrets.token_urlsafe(24), self._session_credentials("*"))
        asyncio.run(self._operator_runs(lambda op: self._create_role(op, login, API_GROUP, POOLED_GROUP)))
        self._create_redis_user(login, "t:*")
        return login

    def tenant(self, slug: str, tier: str = "Pooled", **settings: object) -> ProvisionedTenant:
        names = TenantNames(slug, BUCKET_PREFIX, BASE_DOMAIN)
        self.s3().create_bucket(Bucket=names.bucket)
        login = Login(names.login_role, names.redis_user, secrets.token_urlsafe(24), self._session_credentials(slug))
        tenant = ProvisionedTenant(uuid4(), names, tier, f"ada@{slug}.example", login)
        asyncio.run(self._operator_runs(lambda op: self._provision(op, tenant, settings)))
        self._create_redis_user(login, f"{names.key_prefix}*")
        return tenant

    def signed_context(self, tenant_id: UUID) -> str:
        return signed_context(self.context_key, self.context_key_id, tenant_id)

    def environment(self, login: Login, folder: Path, tier: str = "Pooled", slug: str = "") -> dict[str, str]:
        """Secret files in `folder`, and the environment of an API process that reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        context = {env.CONTEXT_KEY_FILE: self.context_key.hex(), env.CONTEXT_KEY_ID_FILE: self.context_key_id}
        for name, content in {**login.files(), **(context if tier == "Pooled" else {})}.items():
            (folder / name).write_text(content)
        return {
            env.TIER: tier,
            env.SECRETS_DIRECTORY: str(folder),
            env.BASE_DOMAIN: BASE_DOMAIN,
            env.POSTGRES_HOST: self.machine.postgres.host,
            env.POSTGRES_PORT: str(self.machine.postgres.port),
            env.POSTGRES_DATABASE: self.machine.postgres.database,
            env.POSTGRES_SSLMODE: "disable",
            env.REDIS_HOST: self.machine.redis.host,
            env.REDIS_PORT: str(self.machine.redis.port),
            env.S3_ENDPOINT: self.machine.minio.endpoint,
            env.S3_REGION: self.machine.minio.region,
            env.S3_ADDRESSING_STYLE: "path",
            **({env.TENANT_SLUG: slug} if slug else {}),
        }

    def dsn(self, login: Login) -> str:
        server = self.machine.postgres
        return f"postgresql://{login.role}:{login.password}@{server.host}:{server.port}/{server.database}"

    def redis(self, login: Login | None = None) -> "redis.Redis":
        """A client of the login, or of the administrator."""
        server = self.machine.redis
        user, password = (login.redis_user, login.password) if login else (server.admin, server.admin_password)
        client = redis.Redis(server.host, server.port, username=user, password=password, protocol=2)
        self._closing.callback(client.close)
        return client

    def s3(self, login: Login | None = None):
        """A client of the login, or of the administrator."""
        server = self.machine.minio
        keys = login.s3 if login else {}
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name=server.region,
            aws_access_key_id=keys.get(env.S3_ACCESS_KEY_ID_FILE, server.access_key_id),
            aws_secret_access_key=keys.get(env.S3_SECRET_ACCESS_KEY_FILE, server.secret_access_key),
            aws_session_token=keys.get(env.S3_SESSION_TOKEN_FILE),
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )
        self._closing.callback(client.close)
        return client

    def _session_credentials(self, slug: str) -> dict[str, str]:
        server = self.machine.minio
        bucket = f"arn:aws:s3:::{BUCKET_PREFIX}-{slug}"
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"],
                    "Resource": [bucket, f"{bucket}/*"],
                }
            ],
        }
        sts = boto3.client(
            "sts",
            endpoint_url=server.endpoint,
            region_name=server.region,
            aws_access_key_id=server.access_key_id,
            aws_secret_access_key=server.secret_access_key,
        )
        self._closing.callback(sts.close)
        given = sts.assume_role(
            RoleArn="arn:aws:iam::000000000000:role/directory", RoleSessionName="test", Policy=json.dumps(policy)
        )["Credentials"]
        return {
            env.S3_ACCESS_KEY_ID_FILE: given["AccessKeyId"],
            env.S3_SECRET_ACCESS_KEY_FILE: given["SecretAccessKey"],
            env.S3_SESSION_TOKEN_FILE: given["SessionToken"],
        }

    def _create_redis_user(self, login: Login, pattern: str) -> None:
        allowed = [f"+{command}" for command in sorted(COMMANDS)]
        administrator = self.redis()
        administrator.execute_command(
            "ACL", "SETUSER", login.redis_user, "reset", "on", f">{login.password}", f"~{pattern}", "-@all", *allowed
        )
        administrator.execute_command("ACL", "SAVE")  # users outlive a restart of Redis, as the operator's do

    async def _operator_runs(self, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
        operator = await asyncpg.connect(self.machine.postgres.dsn(OPERATOR_LOGIN))
        try:
            await work(operator)
        finally:
            await operator.close()

    async def _add_context_key(self, operator: asyncpg.Connection) -> None:
        await operator.execute(
            "INSERT INTO registry.context_keys (key_id, ipad, opad) VALUES ($1, $2, $3)",
            self.context_key_id,
            *padded_keys(self.context_key),
        )

    async def _create_role(self, operator: asyncpg.Connection, login: Login, *groups: str) -> None:
        """As the role's maker, like the operator, which itself may make none."""
        async with operator.transaction():
            await operator.execute(f"SET LOCAL ROLE {role_maker(login.role)}")
            await operator.execute(f"CREATE ROLE {login.role} LOGIN INHERIT PASSWORD '{login.password}'")
            for group in groups:
                await operator.execute(f"GRANT {group} TO {login.role} WITH INHERIT TRUE, SET FALSE")

    async def _provision(self, operator: asyncpg.Connection, tenant: ProvisionedTenant, settings: object) -> None:
        stored = {"bucket": tenant.names.bucket, "hosts": [tenant.host], "rateLimitPerMinute": 1_000_000}
        async with operator.transaction():
            await operator.execute(
                """INSERT INTO registry.tenants (tenant_id, slug, display_name, tier, login_role, settings)
                   VALUES ($1, $2, $3, $4, $5, $6::jsonb)""",
                tenant.tenant_id,
                tenant.slug,
                tenant.slug.title(),
                tenant.tier,
                tenant.login.role,
                json.dumps(stored | dict(settings)),
            )
            await operator.execute("INSERT INTO registry.tenant_hosts VALUES ($1, $2)", tenant.host, tenant.tenant_id)
            await operator.execute(
                "SELECT set_config('directory.tenant_id', $1, true), set_config('directory.context', $2, true)",
                str(tenant.tenant_id),
                self.signed_context(tenant.tenant_id),
            )
            await operator.execute(
                """INSERT INTO directory.accounts (tenant_id, email, role, password_hash, issued_credential)
                   VALUES ($1, $2, 'SuperAdmin', $3, 'generation-1')""",
                tenant.tenant_id,
                tenant.admin_email,
                admin_hash(),
            )
        await self._create_role(operator, tenant.login, API_GROUP)
        async with operator.transaction():
            await operator.execute(f"SET LOCAL ROLE {role_maker(tenant.login.role)}")
            await operator.execute(
                f"ALTER ROLE {tenant.login.role} IN DATABASE directory SET directory.tenant_id = '{tenant.tenant_id}'"
            )
