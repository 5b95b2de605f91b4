"""Owns how often a wrong password may be tried: per address and account, per account, and per address."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from directory_api.errors import Problem
from directory_api.keyspace import Keyspace
from directory_api.tenancy import Tenant

_WINDOW_SECONDS: Final = 900
_LIMITS: Final = {"both": 10, "email": 100, "address": 200}
"""Failures within the window. One account from one address is held tight; one account from everywhere loosely, or
anybody could lock anybody out; one address loosely, since an office shares one."""


@dataclass(slots=True)
class Attempt:
    """One try, counted already; the counts keep it only if it `failed`."""

    failed: bool = False


@dataclass(frozen=True, slots=True)
class LoginThrottle:
    """Counts failures in the tenant's Redis keys. Without Redis nothing is counted; Argon2 still slows guessing."""

    keyspace: Keyspace

    @asynccontextmanager
    async def attempt(self, tenant: Tenant, email: str, address: str) -> AsyncIterator[Attempt]:
        """A try of a password; raise `Problem` (429) when too many have failed lately.

        A try counts from its beginning: comparing takes long, and many at once would otherwise all find the count low.
        One that was refused, was right, or met an error of ours is taken back.
        """
        keys = _keys(email, address)
        counts = await self.keyspace.run(
            tenant,
            *(("INCR", key) for key in keys.values()),
            *(("EXPIRE", key, _WINDOW_SECONDS) for key in keys.values()),
        )
        attempt = Attempt()
        try:
            if counts and any(count > _LIMITS[kind] for kind, count in zip(keys, counts, strict=False)):
                raise _too_many()
            yield attempt
        finally:
            if counts and not attempt.failed:
                await self._take_back(tenant, keys)

    async def succeeded(self, tenant: Tenant, email: str, address: str) -> None:
        """Forgive the address what it got wrong before."""
        await self.keyspace.run(tenant, ("DEL", _keys(email, address)["both"]))

    async def _take_back(self, tenant: Tenant, keys: dict[str, str]) -> None:
        """A key that expired meanwhile comes back below zero: it must expire again."""
        await self.keyspace.run(
            tenant,
            *(("DECR", key) for key in keys.values()),
            *(("EXPIRE", key, _WINDOW_SECONDS) for key in keys.values()),
        )


def _too_many() -> Problem:
    wait = _WINDOW_SECONDS - int(time.time()) % _WINDOW_SECONDS
    detail = "Too many failed sign-ins; try again later."
    return Problem(429, "too_many_logins", detail, headers={"Retry-After": str(wait)})


def caller_of(address: str) -> str:
    """Who an address belongs to: an IPv4 address, or the /64 of IPv6, since nobody gets less (RFC 6177)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Network((int(parsed), 64), strict=False))


def _keys(email: str, address: str) -> dict[str, str]:
    """One key a kind and window. Hashed: addresses and emails are no business of whoever reads Redis."""
    window, caller = int(time.time()) // _WINDOW_SECONDS, caller_of(address)

    def key(kind: str, *parts: str) -> str:
        return f"login:{kind}:{window}:{sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"

    return {"both": key("both", email, caller), "email": key("email", email), "address": key("address", caller)}
