"""Who may do what in Redis and in its Sentinels, and the files by which the servers know. Pure."""

import hashlib
from collections.abc import Mapping
from typing import Final

from directory_local.parts.redis import ADMIN

MASTER: Final = "directory"
"""What the Sentinels call the primary."""
DISCOVERY: Final = "discovery"
"""The Sentinels' user for clients: it learns who is primary, and nothing else."""

INTERNAL: Final = ("replication", "sentinel", "peer")
"""Passwords that only the servers among themselves know."""

# https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/#acl-rules-for-sentinel-and-replicas
_REPLICATION = "resetchannels -@all +psync +replconf +ping"
_SENTINEL = (
    "allchannels -@all +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname"
    " +client|kill +script|kill"
)
_DISCOVERY = (
    "resetchannels -@all +ping +hello +client|setinfo +client|setname +sentinel|get-master-addr-by-name"
    " +sentinel|master +sentinel|masters +sentinel|replicas +sentinel|slaves +sentinel|sentinels"
)
_NOBODY = "user default off resetchannels -@all\nuser probe on nopass resetchannels -@all +ping\n"
"""Nobody without a name, and one for probes that may say PING."""


def one_server(admin: str) -> dict[str, str]:
    """The files of a server that is alone, by its administrator's password."""
    return {"users.acl": f"{_NOBODY}{_user(ADMIN, admin, '~* &* +@all')}"}


def with_sentinel(admin: str, discovery: str, internal: Mapping[str, str]) -> dict[str, str]:
    """The files of primary, replica and Sentinels."""
    users = (
        _user(ADMIN, admin, "~* &* +@all"),
        _user("replication", internal["replication"], _REPLICATION),
        _user("sentinel", internal["sentinel"], _SENTINEL),
    )
    sentinels = (_user(DISCOVERY, discovery, _DISCOVERY), _user("peer", internal["peer"], "~* &* +@all"))
    return {
        "users.acl": _NOBODY + "".join(users),
        "replication.conf": f"masteruser replication\nmasterauth {internal['replication']}\n",
        "sentinel-users.acl": _NOBODY + "".join(sentinels),
        "sentinel.conf": (
            f"sentinel auth-user {MASTER} sentinel\nsentinel auth-pass {MASTER} {internal['sentinel']}\n"
            f"sentinel sentinel-user peer\nsentinel sentinel-pass {internal['peer']}\n"
        ),
        "discovery-password": discovery,
    }


def _user(name: str, password: str, rules: str) -> str:
    return f"user {name} on #{hashlib.sha256(password.encode()).hexdigest()} {rules}\n"
