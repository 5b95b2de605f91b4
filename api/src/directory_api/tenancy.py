"""Owns the answer to "whose request is this?": the tenant of a host, found anew at most every few seconds."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from directory_contract.names import key_prefix

KNOWN_SECONDS: Final = 5.0
"""How long a released or changed tenant may still be served as it was."""
UNKNOWN_SECONDS: Final = 1.0
"""How long a new tenant's host may still be refused."""
_MAX_HOSTS: Final = 20_000  # hosts come from outside: an attacker's inventions must not fill the memory


class TenantSettings(BaseModel):
    """registry.tenants.settings, as the operator writes them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rateLimitPerMinute: int = 600  # noqa: N815 - the stored name
    accessTokenSeconds: int = 600  # noqa: N815
    refreshTokenSeconds: int = 1_209_600  # noqa: N815
    corsAllowedOrigins: tuple[str, ...] = ()  # noqa: N815
    bucket: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tenant:
    """One company, as the API needs to know it."""

    tenant_id: UUID
    slug: str
    display_name: str
    settings: TenantSettings

    @property
    def key_prefix(self) -> str:
        return key_prefix(self.slug)

    @classmethod
    def from_row(cls, tenant_id: UUID, slug: str, display_name: str, settings: str) -> "Tenant":
        return cls(tenant_id, slug, display_name, TenantSettings.model_validate(json.loads(settings)))


Lookup = Callable[[str], Awaitable[Tenant | None]]


def normalised_host(header: str) -> str:
    """Lower case, without port and trailing dot (RFC 9110 section 7.2). An IPv6 literal is no tenant's host."""
    host = header.strip().lower()
    return host.rsplit(":", 1)[0].removesuffix(".") if ":" in host else host.removesuffix(".")


@dataclass(slots=True)
class TenantDirectory:
    """Finds the tenant of a host through `lookup`, and remembers the answer for a moment."""

    lookup: Lookup
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, Tenant | None]] = field(default_factory=dict)

    async def of_host(self, header: str) -> Tenant | None:
        host = normalised_host(header)
        if not host or len(host) > 253:
            return None
        now = self.clock()
        remembered = self._known.get(host)
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        tenant = await self.lookup(host)
        if len(self._known) >= _MAX_HOSTS:
            self._known.clear()
        self._known[host] = (now + (KNOWN_SECONDS if tenant else UNKNOWN_SECONDS), tenant)
        return tenant
