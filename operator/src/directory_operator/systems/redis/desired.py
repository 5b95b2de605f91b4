"""The ACL users a platform should have in Redis. Pure."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pydantic import SecretStr

from directory_contract.names import key_prefix, pooled_redis_user
from directory_operator.errors import NotReady
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.reasons import Reason
from directory_operator.tenant.model import Platform, Tenant

OWNER_PREFIX: Final = "directory:owner:"
"""An ACL user carries its owner as the pattern of a key that it may read and that never exists."""

_STRINGS: Final = (
    "get set setex psetex setnx getset getdel getex mget mset append strlen getrange setrange "
    "incr incrby incrbyfloat decr decrby"
)
_KEYS: Final = "del unlink exists type touch expire pexpire expireat pexpireat persist ttl pttl expiretime pexpiretime"
_HASHES: Final = "hset hsetnx hget hmget hgetall hdel hexists hincrby hincrbyfloat hkeys hvals hlen hstrlen"
_SETS: Final = "sadd srem smembers sismember smismember scard spop"
_SORTED_SETS: Final = (
    "zadd zrem zrange zrangebyscore zrevrange zrevrangebyscore zremrangebyscore zremrangebyrank zcard zcount zscore "
    "zmscore zincrby zrank zrevrank zpopmin zpopmax"
)
_LISTS: Final = "lpush rpush lpop rpop lrange llen ltrim"
_TRANSACTIONS: Final = "multi exec discard watch unwatch"
_CHANNELS: Final = "publish subscribe unsubscribe spublish ssubscribe sunsubscribe"
_CONNECTION: Final = "ping echo hello auth quit reset client|id client|getname client|setname acl|whoami"

COMMANDS: Final = frozenset(
    " ".join((_STRINGS, _KEYS, _HASHES, _SETS, _SORTED_SETS, _LISTS, _TRANSACTIONS, _CHANNELS, _CONNECTION)).split()
)
"""What the API may send; every one exists since Redis 7.0.

Left out on purpose: what sees beyond the caller's keys (KEYS, SCAN, RANDOMKEY, DBSIZE, INFO, PUBSUB, SORT with BY or
GET, OBJECT, MEMORY), what leaves the one logical database (SELECT, MOVE, COPY), and scripts (EVAL, EVALSHA, FCALL),
whose keys are checked but whose running time is everybody's.
"""


@dataclass(frozen=True, slots=True)
class AclUser:
    """An ACL user, enabled, with one password."""

    name: str
    password_digest: SecretStr
    """SHA-256 of the password in hex: all that Redis is told and all that it keeps."""
    keys: frozenset[str]
    channels: frozenset[str]
    owner: str
    commands: frozenset[str] = COMMANDS

    @property
    def patterns(self) -> frozenset[str]:
        """Key patterns as Redis lists them, the mark of the owner among them."""
        return frozenset(f"~{key}" for key in self.keys) | {f"%R~{OWNER_PREFIX}{self.owner}"}

    def rules(self) -> list[str]:
        """Arguments of ACL SETUSER that make the user exactly this, whatever it was before.

        `resetchannels` is repeated because `reset` follows the server's `acl-pubsub-default`.
        """
        return [
            "reset",
            "resetchannels",
            "on",
            f"#{self.password_digest.get_secret_value()}",
            *sorted(self.patterns),
            *(f"&{channel}" for channel in sorted(self.channels)),
            "-@all",
            *(f"+{command}" for command in sorted(self.commands)),
        ]


def tenant_user(tenant: Tenant) -> AclUser:
    """The tenant's ACL user. NotReady until its credentials have been read."""
    if tenant.credentials is None:
        raise NotReady("the tenant's Secret has not been read yet", Reason.WAITING_FOR_DEPENDENCY)
    patterns = frozenset({f"{tenant.names.key_prefix}*"})
    return AclUser(
        name=tenant.names.redis_user,
        password_digest=_digest(tenant.credentials.redis_password),
        keys=patterns,
        channels=patterns,
        owner=tenant.owner,
    )


def pool_user(platform: Platform, pool: PoolCredentials) -> AclUser:
    """The ACL user of a platform's pooled fleet: the keys of all tenants and nothing else."""
    patterns = frozenset({key_prefix("*").removesuffix(":")})
    return AclUser(
        name=pooled_redis_user(platform.name),
        password_digest=_digest(pool.redis_password),
        keys=patterns,
        channels=patterns,
        owner=f"platform/{platform.name}",
    )


def _digest(password: SecretStr) -> SecretStr:
    return SecretStr(sha256(password.get_secret_value().encode()).hexdigest())
