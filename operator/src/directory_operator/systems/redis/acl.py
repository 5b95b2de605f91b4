"""What Redis says about an ACL user, read so that two descriptions of the same rights compare equal. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from directory_operator.systems.redis.desired import OWNER_PREFIX, AclUser

_EVERYTHING: Final = "@all"
_HARMLESS_FLAGS: Final = frozenset({"on", "off", "sanitize-payload"})


@dataclass(frozen=True, slots=True)
class ObservedUser:
    """An ACL user as it is."""

    name: str
    enabled: bool
    flags: frozenset[str]
    """Flags that open something: nopass, allkeys, allchannels, allcommands, skip-sanitize-payload."""
    password_digests: frozenset[str]
    patterns: frozenset[str]
    channels: frozenset[str]
    commands: frozenset[str]
    selectors: bool
    """Whether it has further sets of rights beside the main one."""

    @property
    def owner(self) -> str | None:
        """The mark of its owner, if it carries one."""
        prefix = f"%R~{OWNER_PREFIX}"
        return next((each.removeprefix(prefix) for each in sorted(self.patterns) if each.startswith(prefix)), None)

    def __repr__(self) -> str:
        return f"ObservedUser(name={self.name!r}, enabled={self.enabled!r})"  # digests stay out of logs


def parse_user(name: str, answer: Sequence[Any], categories: Mapping[str, frozenset[str]]) -> ObservedUser:
    """From the flat answer of ACL GETUSER in RESP2, Redis 7.0 or newer."""
    fields = dict(zip(answer[::2], answer[1::2], strict=True))
    flags = frozenset(fields["flags"])
    return ObservedUser(
        name=name,
        enabled="on" in flags,
        flags=flags - _HARMLESS_FLAGS,
        password_digests=frozenset(fields["passwords"]),
        patterns=frozenset(fields["keys"].split()),
        channels=frozenset(fields["channels"].split()),
        commands=effective_commands(fields["commands"], categories),
        selectors=bool(fields["selectors"]),
    )


def effective_commands(rules: str, categories: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The commands that a rule string allows in the end.

    Redis 7.0 prints explicit lists back in terms of categories (`+@hash -hscan`), newer ones as they were written.
    """
    allowed: frozenset[str] = frozenset()
    for rule in rules.split():
        name = rule[1:].lower()
        if name == _EVERYTHING:  # not counted out: nobody of ours has it
            allowed = frozenset({_EVERYTHING}) if rule.startswith("+") else frozenset()
            continue
        commands = categories[name[1:]] if name.startswith("@") else frozenset({name})
        allowed = allowed | commands if rule.startswith("+") else allowed - commands
    return allowed


def named_categories(rules: str) -> frozenset[str]:
    """Categories whose members one must know to understand the rules."""
    return frozenset(rule[2:].lower() for rule in rules.split() if rule[1:2] == "@" and rule[1:] != _EVERYTHING)


def differences(wanted: AclUser, found: ObservedUser) -> tuple[str, ...]:
    """In which respects a user is not as wanted, without a secret."""
    wanted_channels = frozenset(f"&{channel}" for channel in wanted.channels)
    digests = frozenset({wanted.password_digest.get_secret_value()})
    checks = (
        (not found.enabled, "it is disabled"),
        (bool(found.flags), f"it has {', '.join(sorted(found.flags))}"),
        (found.password_digests != digests, "password differs"),
        (found.owner != wanted.owner, "owner differs"),
        (_without_owner(found.patterns) != _without_owner(wanted.patterns), "key patterns differ"),
        (found.channels != wanted_channels, "channels differ"),
        (bool(found.commands - wanted.commands), f"commands too many: {_some(found.commands - wanted.commands)}"),
        (bool(wanted.commands - found.commands), f"commands missing: {_some(wanted.commands - found.commands)}"),
        (found.selectors, "it has selectors"),
    )
    return tuple(text for differs, text in checks if differs)


def _without_owner(patterns: frozenset[str]) -> frozenset[str]:
    return frozenset(each for each in patterns if not each.startswith(f"%R~{OWNER_PREFIX}"))


def _some(names: frozenset[str], most: int = 5) -> str:
    ordered = sorted(names)
    rest = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + rest
