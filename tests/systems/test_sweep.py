"""What a sweep costs: many tenants in few questions, and not a single write where nothing changed."""

import asyncio
from typing import Any

from tests.systems.rig import NAMES, Rig, connect


async def test_many_tenants_are_read_in_few_queries(rig: Rig) -> None:
    tenants = [rig.tenant() for _ in range(40)]
    await asyncio.gather(*(rig.converge(name, tenant) for tenant in tenants for name in NAMES[:2]))
    before = _reads(rig)
    plans = await asyncio.gather(*(rig.planned("postgres", tenant) for tenant in tenants))
    assert not any(plans)
    assert 4 <= _reads(rig) - before <= 8  # rows, hosts, roles, row security; in one batch or two
    packets = rig.redis.info("stats")["total_reads_processed"]
    assert not any(await asyncio.gather(*(rig.planned("redis", tenant) for tenant in tenants)))
    assert rig.redis.info("stats")["total_reads_processed"] - packets < 20


async def test_a_converged_tenant_is_swept_without_a_write_even_by_an_operator_that_has_just_started(rig: Rig) -> None:
    tenant = rig.tenant()
    for name in NAMES:
        await rig.converge(name, tenant)
    before, applied = _written(rig), rig.kube.applied
    fresh = connect(rig.machine)
    fresh.kube.objects = rig.kube.objects
    try:
        for name in NAMES:
            assert await fresh.converge(name, tenant) == []
            await fresh.backends.systems[name].check(tenant)
    finally:
        await fresh.backends.close()
    assert (_written(rig), fresh.kube.applied, rig.kube.applied) == (before, 0, applied)


def _reads(rig: Rig) -> int:
    return int(
        rig.statistics(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements JOIN pg_roles r ON r.oid = userid "
            "WHERE rolname = 'directory_operator' AND toplevel AND query ~* '^\\s*select'"
        )
    )


def _written(rig: Rig) -> tuple[str, int]:
    statements = rig.statistics(
        "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements JOIN pg_roles r ON r.oid = userid "
        "WHERE rolname = 'directory_operator' AND query !~* '^\\s*(select|begin|commit|rollback|with)'"
    )
    stats: dict[str, Any] = rig.redis.info("commandstats")
    writing = {"setuser", "deluser", "unlink", "kill"}
    return statements, sum(each["calls"] for name, each in stats.items() if name.split("|")[-1] in writing)
