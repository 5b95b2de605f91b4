"""Owns the answer to "is this session still good, and whose is it?", remembered for a moment for reads."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from directory_api.db import Database
from directory_api.errors import unauthenticated
from directory_api.sessions import queries
from directory_api.sessions.tokens import Grant
from directory_api.tenancy import Tenant
from directory_api.visibility import Viewer

REMEMBERED_SECONDS: Final = 3.0
"""How long another process's revocation may go unnoticed here by reads. Writes always ask the database."""
_MAX: Final = 10_000

_Key = tuple[UUID, UUID]


@dataclass(slots=True)
class Viewers:
    """Live sessions, by tenant and session id."""

    database: Database
    clock: Callable[[], float] = time.monotonic
    _known: dict[_Key, tuple[float, Viewer]] = field(default_factory=dict)

    async def of(self, tenant: Tenant, grant: Grant, *, fresh: bool) -> Viewer:
        """Raise `Problem` (401) unless the session lives. `fresh` ignores what is remembered."""
        key = (tenant.tenant_id, grant.session_id)
        now = self.clock()
        known = self._known.get(key)
        if known is not None and known[0] > now and known[1].account_id == grant.account_id and not fresh:
            return known[1]
        self._known.pop(key, None)
        async with self.database.read(tenant) as connection:
            row = await queries.viewer(connection, grant.session_id, grant.account_id)
        if row is None:
            raise unauthenticated("session_ended", "The session has ended; sign in again.")
        viewer = Viewer(grant.account_id, grant.session_id, row["role"], row["email"], row["person_id"])
        if len(self._known) >= _MAX:
            self._known.clear()
        self._known[key] = (now + REMEMBERED_SECONDS, viewer)
        return viewer

    def forget(self, tenant: Tenant, account_id: UUID) -> None:
        """Ask again for this account's sessions, after a change to the account."""
        gone = [key for key, (_, viewer) in self._known.items() if key[0] == tenant.tenant_id]
        for key in gone:
            if self._known[key][1].account_id == account_id:
                del self._known[key]
