"""Owns passwords: Argon2id, computed off the event loop, and the same time for a known and an unknown account."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

_T = TypeVar("_T")


@dataclass(slots=True)
class Passwords:
    """Hashes and verifies. Few threads: one hash takes 64 MiB and a core, and sign-ins must not starve the rest."""

    _hasher: PasswordHasher = field(default_factory=PasswordHasher)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "argon2"))
    _nobody: str = ""

    def __post_init__(self) -> None:
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: SecretStr) -> str:
        return await self._run(lambda: self._hasher.hash(password.get_secret_value()))

    async def matches(self, password: SecretStr, stored: str | None) -> bool:
        """Whether the password is the stored one. Without one, as much time is spent and the answer is no."""
        matched = await self._run(lambda: self._verify(stored or self._nobody, password.get_secret_value()))
        return matched and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
