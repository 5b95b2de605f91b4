"""The tenants this operator knows, as last seen, and which of them claims a slug or a host. No I/O.

The reconcile reads objects from here instead of from the API server. `update` keeps the newer of two versions, so that
a late event or a list that took its time never undoes what is known already.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

Body = dict[str, Any]

GONE_LIMIT: Final = 20_000
"""How many deleted objects are remembered: what still speaks of them arrives within seconds."""


def key_of(body: Body) -> str:
    """`namespace/name`."""
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"


class ObjectStore:
    """The newest known version of each object of one kind."""

    def __init__(self) -> None:
        self._bodies: dict[str, Body] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def update(self, key: str, body: Body) -> bool:
        """Keep `body` if it is newer than what is known and not of a deleted object; True if it was."""
        known = self._bodies.get(key)
        if body["metadata"]["uid"] in self._gone or (known and _version(known) >= _version(body)):
            return False
        self._bodies[key] = body
        return True

    def remove(self, key: str, uid: str) -> None:
        """Forget an object for good; another one that took its name meanwhile stays."""
        self._gone[uid] = None
        if len(self._gone) > GONE_LIMIT:
            self._gone.popitem(last=False)
        known = self._bodies.get(key)
        if known and known["metadata"]["uid"] == uid:
            del self._bodies[key]

    def get(self, key: str) -> Body | None:
        """The newest known version."""
        return self._bodies.get(key)

    def items(self) -> Iterator[tuple[str, Body]]:
        """Every key with its object."""
        return iter(self._bodies.copy().items())

    def __len__(self) -> int:
        return len(self._bodies)


def _version(body: Body) -> int:
    # Kubernetes 1.35 declares resource versions of one resource comparable as integers (KEP-5504).
    return int(body["metadata"]["resourceVersion"])


class Claims:
    """Which tenant of this cluster holds a slug or host on a platform: the elder, by creation and then by uid."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
        self._by_key: dict[str, tuple[tuple[str, str], ...]] = {}

    def update(self, key: str, body: Body) -> None:
        """Record what an object claims now."""
        self.remove(key)
        spec, metadata = body["spec"], body["metadata"]
        platform = spec.get("platformRef", "default")
        slug = spec.get("slug") or metadata["name"]
        names = tuple(
            (platform, name) for name in (f"slug {slug}", *(f"host {host}" for host in spec.get("hosts", ())))
        )
        age = (metadata["creationTimestamp"], metadata["uid"])
        for name in names:
            self._by_name.setdefault(name, {})[key] = age
        self._by_key[key] = names

    def remove(self, key: str) -> tuple[str, ...]:
        """Forget an object's claims; returns the keys of those who claim the same and may now have it."""
        heirs: list[str] = []
        for name in self._by_key.pop(key, ()):
            claimants = self._by_name[name]
            claimants.pop(key, None)
            heirs += claimants
            if not claimants:
                del self._by_name[name]
        return tuple(dict.fromkeys(heirs))

    def claimants(self) -> tuple[str, ...]:
        """Everybody who claims something."""
        return tuple(self._by_key)

    def rival(self, key: str) -> tuple[str, str] | None:
        """The elder claimant of something this tenant claims, and what it is (`slug acme`); None if there is none."""
        for name in self._by_key.get(key, ()):
            claimants = self._by_name[name]
            elder = min(claimants, key=claimants.__getitem__)
            if elder != key:
                return elder, name[1]
        return None
