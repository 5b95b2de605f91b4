"""Owns how often a wrong password may be tried: per address and account, per account, and per address."""

import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from directory_api.errors import Problem
from directory_api.keyspace import Keyspace
from directory_api.tenancy import Tenant

_WINDOW_SECONDS: Final = 900
_LIMITS: Final = {"both": 10, "email": 100, "address": 200}
"""Failures within the window. One account from one address is held tight; one account from everywhere loosely, or
anybody could lock anybody out; one address loosely, since an office shares one."""


@dataclass(frozen=True, slots=True)
class LoginThrottle:
    """Counts failures in the tenant's Redis keys. Without Redis nothing is counted; Argon2 still slows guessing."""

    keyspace: Keyspace

    async def check(self, tenant: Tenant, email: str, address: str) -> None:
        """Raise `Problem` (429) when too many tries have failed lately."""
        keys = _keys(email, address)
        counts = await self.keyspace.run(tenant, *(("GET", key) for key in keys.values()))
        if counts is None:
            return
        if any(int(count or 0) >= _LIMITS[kind] for kind, count in zip(keys, counts, strict=True)):
            wait = _WINDOW_SECONDS - int(time.time()) % _WINDOW_SECONDS
            detail = "Too many failed sign-ins; try again later."
            raise Problem(429, "too_many_logins", detail, headers={"Retry-After": str(wait)})

    async def failed(self, tenant: Tenant, email: str, address: str) -> None:
        keys = _keys(email, address).values()
        await self.keyspace.run(
            tenant, *(("INCR", key) for key in keys), *(("EXPIRE", key, _WINDOW_SECONDS) for key in keys)
        )

    async def succeeded(self, tenant: Tenant, email: str, address: str) -> None:
        await self.keyspace.run(tenant, ("DEL", _keys(email, address)["both"]))


def _keys(email: str, address: str) -> dict[str, str]:
    """One key a kind and window. Hashed: addresses and emails are no business of whoever reads Redis."""
    window = int(time.time()) // _WINDOW_SECONDS

    def key(kind: str, *parts: str) -> str:
        return f"login:{kind}:{window}:{sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"

    return {"both": key("both", email, address), "email": key("email", email), "address": key("address", address)}
