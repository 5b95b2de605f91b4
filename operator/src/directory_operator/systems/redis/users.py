"""Reads and writes ACL users, many at a time; tenants and the platform share it."""

from collections.abc import Mapping, Sequence

from directory_operator.systems.batching import Batcher
from directory_operator.systems.redis.acl import ObservedUser, named_categories, parse_user
from directory_operator.systems.redis.connection import Cache
from directory_operator.systems.redis.desired import AclUser
from directory_operator.systems.redis.persistence import AclFile


class AclUsers:
    """ACL users of one Redis."""

    def __init__(self, cache: Cache, acl_file: AclFile) -> None:
        self._cache = cache
        self._acl_file = acl_file
        self._reads: Batcher[str, ObservedUser | None] = Batcher(self._read)
        self._categories: dict[str, frozenset[str]] = {}

    async def read(self, name: str) -> ObservedUser | None:
        """The user, or None."""
        return await self._reads.ask(name)

    async def write(self, user: AclUser) -> None:
        """Make the user exactly this, in one atomic command."""
        await self._cache.call("ACL", "SETUSER", user.name, *user.rules())
        self._acl_file.changed()

    async def _read(self, names: Sequence[str]) -> Mapping[str, ObservedUser | None]:
        answers = await self._cache.pipeline([("ACL", "GETUSER", name) for name in names])
        raw = {name: answer for name, answer in zip(names, answers, strict=True) if answer}
        unknown = {category for answer in raw.values() for category in named_categories(_rules(answer))}
        await self._learn(sorted(unknown - self._categories.keys()))
        users = {name: parse_user(name, answer, self._categories) for name, answer in raw.items()}
        return {name: users.get(name) for name in names}

    async def _learn(self, categories: Sequence[str]) -> None:
        """What belongs to a category is the server's own affair, and changes only with its version."""
        if not categories:
            return
        answers = await self._cache.pipeline([("ACL", "CAT", category) for category in categories])
        for category, commands in zip(categories, answers, strict=True):
            self._categories[category] = frozenset(command.lower() for command in commands)


def _rules(answer: Sequence[object]) -> str:
    fields = dict(zip(answer[::2], answer[1::2], strict=True))
    return str(fields["commands"])
