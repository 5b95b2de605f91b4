"""Reads and writes ACL users, many at a time, on every server; tenants and the platform share it."""

from collections.abc import Mapping, Sequence

from directory_operator.systems.batching import Batcher
from directory_operator.systems.redis.acl import ObservedUser, named_categories, parse_user
from directory_operator.systems.redis.connection import Cache
from directory_operator.systems.redis.desired import AclUser
from directory_operator.systems.redis.persistence import AclFile

Found = tuple[ObservedUser | None, ...]
"""A user as each server has it, the primary's first."""


class AclUsers:
    """ACL users of one Redis and its replicas."""

    def __init__(self, cache: Cache, acl_file: AclFile) -> None:
        self._cache = cache
        self._acl_file = acl_file
        self._reads: Batcher[str, Found] = Batcher(self._read)
        self._categories: dict[str, frozenset[str]] = {}

    async def read(self, name: str) -> Found:
        """The user, on each server; None where it isn't."""
        return await self._reads.ask(name)

    async def write(self, user: AclUser) -> None:
        """Make the user exactly this, in one atomic command per server."""
        await self._cache.everywhere([("ACL", "SETUSER", user.name, *user.rules())])
        self._acl_file.changed()

    async def _read(self, names: Sequence[str]) -> Mapping[str, Found]:
        servers = await self._cache.everywhere([("ACL", "GETUSER", name) for name in names])
        given = [answer for answers in servers for answer in answers if answer]
        unknown = {category for answer in given for category in named_categories(_rules(answer))}
        await self._learn(sorted(unknown - self._categories.keys()))
        by_name = zip(names, zip(*servers, strict=True), strict=True)
        return {name: tuple(self._parsed(name, answer) for answer in answers) for name, answers in by_name}

    def _parsed(self, name: str, answer: Sequence[object] | None) -> ObservedUser | None:
        return parse_user(name, answer, self._categories) if answer else None

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
