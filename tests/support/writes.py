"""Counts what the operator writes, by what each server itself records."""

import json
import time
import warnings
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from jwt.warnings import InsecureKeyLengthWarning
from prometheus_client.parser import text_string_to_metric_families

from tests.support.traces import redis_admin
from tests.support.world import World, settled

_REDIS_WRITES = ("set", "del", "acl|setuser", "acl|deluser", "acl|save", "expire", "unlink")


@dataclass(frozen=True)
class Writes:
    """Writes since the servers started; subtract two of them."""

    kubernetes: int
    postgres: int
    redis: int
    s3: int

    def __sub__(self, other: "Writes") -> "Writes":
        return Writes(
            self.kubernetes - other.kubernetes,
            self.postgres - other.postgres,
            self.redis - other.redis,
            self.s3 - other.s3,
        )


def writes(world: World) -> Writes:
    """How much the operator has written so far."""
    return Writes(len(kubernetes_writes(world)), _postgres(world), _redis(world), _s3(world))


def at_rest(world: World) -> Writes:
    """The same once nothing more is written. MinIO counts for ten seconds before it tells."""
    count: Writes = settled(lambda: writes(world), for_seconds=12, timeout=60)
    return count


def kubernetes_writes(world: World) -> list[dict[str, Any]]:
    """Audit entries of the operator's writing requests. The test itself writes through kubectl."""
    with world.machine.kubernetes.audit_log.open() as log:
        entries = (json.loads(line) for line in log if line.endswith("\n"))  # the last one may still be being written
        return [
            {"verb": entry["verb"], "uri": entry["requestURI"]}
            for entry in entries
            if entry["verb"] not in {"get", "list", "watch"} and _by_the_operator(entry)
        ]


def _by_the_operator(entry: dict[str, Any]) -> bool:
    return str(entry.get("userAgent", "")).startswith("directory-operator")


def _postgres(world: World) -> int:
    """Calls of every statement but reads and transaction control, by the operator's login."""
    return int(
        world.statements(
            "select coalesce(sum(calls), 0) from pg_stat_statements join pg_roles r on r.oid = userid "
            "where r.rolname = 'directory_operator' "
            "and query !~* '^\\s*(select|with|begin|commit|rollback|start|set|reset|show|savepoint|release|deallocate)'"
        )
    )


def _redis(world: World) -> int:
    with redis_admin(world.machine) as admin:
        stats = admin.info("commandstats")
    return sum(stats.get(f"cmdstat_{command}", {}).get("calls", 0) for command in _REDIS_WRITES)


def _s3(world: World) -> int:
    """Requests that change something, by MinIO's own counter. Session credentials are a POST without an API name."""
    minio = world.machine.minio
    claims = {"sub": minio.access_key_id, "iss": "prometheus", "exp": int(time.time()) + 60}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # MinIO's own scheme: its secret key signs
        token = jwt.encode(claims, minio.secret_access_key, algorithm="HS512")
    answer = httpx.get(f"{minio.endpoint}/minio/v2/metrics/cluster", headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    families = text_string_to_metric_families(answer.text)
    samples = (sample for family in families for sample in family.samples)
    return sum(
        int(sample.value)
        for sample in samples
        if sample.name == "minio_s3_requests_total" and not sample.labels["api"].startswith(("get", "head", "list"))
    )
