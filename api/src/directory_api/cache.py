"""Owns the query cache: finished answers in the tenant's Redis keys, all forgotten at once by any write.

Every key contains the namespace's version, a random word that a write replaces. Every value begins with the tenant it
belongs to, and one that does not is never served.
"""

import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from prometheus_client import Counter

from directory_api.keyspace import Command, Keyspace
from directory_api.tenancy import Tenant

TTL_SECONDS: Final = 30
VERSION_KEY: Final = "cache:version"
READ_VERSION: Final[Command] = ("GET", VERSION_KEY)


@dataclass(frozen=True, slots=True)
class Answer:
    """A representation: its bytes, entity tag, and the Link header when there is a next page."""

    body: bytes
    etag: str
    link: str = ""


@dataclass(slots=True)
class QueryCache:
    """Answers by tenant, version and description of the query, in which the viewer's sight takes part."""

    keyspace: Keyspace
    lookups: Counter
    _unforgotten: set[UUID] = field(default_factory=set)  # tenants whose last invalidation Redis did not take

    async def find(self, tenant: Tenant, version: str | None, query: str) -> Answer | None:
        """What is remembered. None also without a version: Redis did not answer, or nothing was ever cached."""
        if tenant.tenant_id in self._unforgotten:
            await self.forget(tenant)
            return None
        if version is None:
            await self.keyspace.run(tenant, ("SET", VERSION_KEY, secrets.token_hex(8), "NX"))
            return None
        replies = await self.keyspace.run(tenant, ("GET", _key(version, query)))
        answer = _unpacked(tenant, replies[0]) if replies and replies[0] else None
        self.lookups.labels("hit" if answer else "miss").inc()
        return answer

    async def remember(self, tenant: Tenant, version: str | None, query: str, answer: Answer) -> None:
        """Keep an answer that was computed after `version` was read."""
        if version is not None and tenant.tenant_id not in self._unforgotten:
            await self.keyspace.run(tenant, ("SET", _key(version, query), _packed(tenant, answer), "EX", TTL_SECONDS))

    async def forget(self, tenant: Tenant) -> None:
        """Invalidate everything of the tenant; call it after the commit and before answering.

        When Redis does not take it, this process serves the tenant without cache and tries again; another process may
        serve answers that are at most `TTL_SECONDS` old.
        """
        if await self.keyspace.run(tenant, ("SET", VERSION_KEY, secrets.token_hex(8))) is None:
            self._unforgotten.add(tenant.tenant_id)
        else:
            self._unforgotten.discard(tenant.tenant_id)


def _key(version: str, query: str) -> str:
    return f"cache:{version}:{sha256(query.encode()).hexdigest()[:32]}"


def _packed(tenant: Tenant, answer: Answer) -> bytes:
    return b"\n".join((str(tenant.tenant_id).encode(), answer.etag.encode(), answer.link.encode(), answer.body))


def _unpacked(tenant: Tenant, value: bytes) -> Answer | None:
    owner, etag, link, body = value.split(b"\n", 3)
    if owner.decode() != str(tenant.tenant_id):
        return None
    return Answer(body, etag.decode(), link.decode())
