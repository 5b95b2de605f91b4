"""Writes login roles: one transaction at a time, many tenants in each, because role statements queue behind each other
in PostgreSQL anyway and a commit costs more than the statements.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from directory_operator.errors import StepError
from directory_operator.systems.batching import Batcher
from directory_operator.systems.postgres import statements
from directory_operator.systems.postgres.connection import Connection, Database, RoleExists, TupleConcurrentlyUpdated
from directory_operator.systems.postgres.desired import Login
from directory_operator.systems.postgres.logins import AlterLogin, LoginChange, RecreateLogin
from directory_operator.systems.postgres.scram import scram_verifier

_ATTEMPTS: Final = 5


class LoginWriter:
    """The one lane of role statements of a platform's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lane: Batcher[str, Exception | None] = Batcher(self._run, size=50, parallel=1)

    async def apply(self, login: Login, change: LoginChange) -> None:
        """Make one planned change of a login role."""
        database = self._database.name
        if isinstance(change, AlterLogin):
            verifier = await _verifier(login) if change.new_password else None
            await self.run(statements.alter_login(login, change.settings, verifier, database))
            return
        verifier = await _verifier(login)
        if isinstance(change, RecreateLogin):
            await self.end_sessions(login.role)
            await self.run(statements.recreate_login(login, change.settings, verifier, database))
            return
        try:
            await self.run(statements.create_login(login, change.settings, verifier, database))
        except RoleExists:
            await self.run(statements.alter_login(login, change.settings, verifier, database))

    async def drop(self, role: str) -> None:
        """End the role's sessions and drop it; nothing happens if it is gone."""
        await self.end_sessions(role)
        await self.run(statements.drop_role(role))

    async def end_sessions(self, role: str) -> None:
        """Disconnect whoever is logged in as the role."""
        async with self._database.connection() as connection:
            sessions = [row["pid"] for row in await connection.fetch(statements.SESSIONS, role)]
            if not sessions:
                return
            borrowed = connection.transaction()
            await borrowed.start()
            try:
                await connection.execute(statements.inherit_role(role))
                await connection.execute(statements.END_SESSIONS, sessions)
            finally:
                await borrowed.rollback()  # the signals are sent; the membership was only needed for them

    async def run(self, script: str) -> None:
        """Run one script of role statements in a transaction of its own or, at busy times, in a shared one."""
        for attempt in range(_ATTEMPTS):
            error = await self._lane.ask(script)
            if error is None:
                return
            if not isinstance(error, TupleConcurrentlyUpdated):
                raise error
            await asyncio.sleep(random.uniform(0.01, 0.1) * 2**attempt)  # noqa: S311 - spreads retries, guards nothing
        raise StepError("PostgreSQL's role catalog is being altered by somebody else all the time; trying again later")

    async def _run(self, scripts: Sequence[str]) -> Mapping[str, Exception | None]:
        async with self._database.transaction() as connection:
            return {script: await self._one(connection, script) for script in scripts}

    async def _one(self, connection: Connection, script: str) -> Exception | None:
        """Run a script in a savepoint: what one tenant's role lacks must not fail the others."""
        try:
            async with connection.transaction():
                await connection.execute(script)
        except asyncpg.PostgresError as error:
            if connection.is_closed():
                raise
            return self._database.condition(error)
        return None


async def _verifier(login: Login) -> str:
    return await asyncio.to_thread(scram_verifier, login.password)
