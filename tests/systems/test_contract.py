"""What every system promises, on the real backend: converge once, then nothing; survive a crash anywhere; go away."""

from typing import Any

import pytest

from directory_operator.systems.protocol import SystemName
from directory_operator.tenant.model import Tenant
from tests.systems.rig import NAMES, Rig, reborn

Everything = dict[str, Any]


async def inventory(rig: Rig, tenant: Tenant) -> Everything:
    """All that a tenant owns outside Kubernetes, and its Secret."""
    observed = {name: await rig.backends.systems[name].observe(tenant) for name in NAMES}
    return {
        "row": observed["postgres"].registered,
        "role": observed["postgres"].role,
        "user": [each for each in observed["redis"] if each],
        "keys": rig.redis.keys(f"{tenant.names.key_prefix}*"),
        "bucket": observed["s3"].bucket,
        "secret": observed["s3"].secret,
    }


@pytest.mark.parametrize("name", NAMES)
async def test_applying_makes_the_plan_empty_and_doing_it_again_does_nothing(rig: Rig, name: SystemName) -> None:
    tenant = rig.tenant()
    assert await rig.converge(name, tenant)
    assert await rig.converge(name, tenant) == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_change_applied_twice_is_applied_once(rig: Rig, name: SystemName) -> None:
    tenant, system = rig.tenant(), rig.backends.systems[name]
    for wanted in (True, False):
        for change in await rig.planned(name, tenant, wanted=wanted):
            await system.apply(tenant, change)
            await system.apply(tenant, change)
        assert await rig.planned(name, tenant, wanted=wanted) == []


@pytest.mark.parametrize("name", NAMES)
async def test_removing_leaves_nothing(rig: Rig, name: SystemName) -> None:
    tenant = rig.tenant()
    await rig.converge(name, tenant)
    if name == "redis":
        rig.redis.set(f"{tenant.names.key_prefix}some", "value")
    if name == "s3":
        rig.s3().put_object(Bucket=tenant.names.bucket, Key="photo", Body=b"1")
    assert await rig.converge(name, tenant, wanted=False)
    assert not any((await inventory(rig, tenant)).values())
    assert await rig.converge(name, tenant, wanted=False) == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_creation_cut_short_anywhere_is_finished_by_the_next_attempt(rig: Rig, name: SystemName) -> None:
    total = len(await rig.planned(name, rig.tenant()))
    for done in range(total):
        tenant, system = rig.tenant(), rig.backends.systems[name]
        for change in (await rig.planned(name, tenant))[:done]:
            await system.apply(tenant, change)
        assert await rig.converge(name, tenant)
        assert await rig.converge(name, tenant) == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_creation_cut_short_anywhere_can_be_taken_back(rig: Rig, name: SystemName) -> None:
    total = len(await rig.planned(name, rig.tenant()))
    for done in range(total):
        tenant, system = rig.tenant(), rig.backends.systems[name]
        for change in (await rig.planned(name, tenant))[:done]:
            await system.apply(tenant, change)
        await rig.converge(name, tenant, wanted=False)
        assert not any((await inventory(rig, tenant)).values())


@pytest.mark.parametrize("name", NAMES)
async def test_a_removal_cut_short_anywhere_is_finished_by_the_next_attempt(rig: Rig, name: SystemName) -> None:
    tenant = rig.tenant()
    await rig.converge(name, tenant)
    total = len(await rig.planned(name, tenant, wanted=False))
    assert total
    for done in range(total):
        tenant, system = rig.tenant(), rig.backends.systems[name]
        await rig.converge(name, tenant)
        for change in (await rig.planned(name, tenant, wanted=False))[:done]:
            await system.apply(tenant, change)
        await rig.converge(name, tenant, wanted=False)
        assert not any((await inventory(rig, tenant)).values())


@pytest.mark.parametrize("name", NAMES)
async def test_a_removal_cut_short_anywhere_can_be_called_off(rig: Rig, name: SystemName) -> None:
    tenant = rig.tenant()
    await rig.converge(name, tenant)
    for done in range(len(await rig.planned(name, tenant, wanted=False))):
        for change in (await rig.planned(name, tenant, wanted=False))[:done]:
            await rig.backends.systems[name].apply(tenant, change)
        await rig.converge(name, tenant)
        assert await rig.converge(name, tenant) == []


@pytest.mark.parametrize("name", NAMES)
async def test_the_loser_of_a_slug_takes_nothing_along(rig: Rig, name: SystemName) -> None:
    winner = rig.tenant()
    await rig.converge(name, winner)
    before = await inventory(rig, winner)
    loser = reborn(winner)
    assert await rig.planned(name, loser, wanted=False) == []
    await rig.backends.systems[name].release(loser)
    assert await inventory(rig, winner) == before
