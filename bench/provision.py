"""How fast tenants become Ready, beside a bare loop that issues the same calls: `make bench`.

    python -m bench.provision [--tenants 1000] [--alone 40] [--concurrency 16]

Prints, for Pooled tenants on this machine's own Kubernetes API, PostgreSQL, Redis and MinIO:
apply → Ready one at a time on the idle platform (p50, p95), tenants per second when all are applied at once, the same
for the floor (bench/floor.py) in the same run and the ratio, and the operator's CPU and memory per tenant.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

import psutil

from bench.floor import Floor, Sample
from directory_local.machine import Machine
from directory_operator.systems.redis.desired import COMMANDS

TENANTS = "/apis/companydirectory.io/v1beta1/namespaces/tenants/directorytenants"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tenants", type=int, default=1000, help="applied at once")
    arguments.add_argument("--alone", type=int, default=40, help="applied one after the other")
    arguments.add_argument("--concurrency", type=int, default=16, help="of the operator and of the floor")
    options = arguments.parse_args()
    environment = {"DIRECTORY_OPERATOR_CONCURRENCY": str(options.concurrency)}
    with Machine.temporary(operator_environment=environment) as machine:
        machine.start("platform", "operator", "pool")
        run(machine, options.tenants, options.alone, options.concurrency)


def run(machine: Machine, tenants: int, alone: int, concurrency: int) -> None:
    """Every measurement, on one machine."""
    operator = psutil.Process(machine.supervisor.states()["operator"].pid)
    waits = sorted(one_at_a_time(machine, alone))
    p95 = waits[max(0, round(len(waits) * 0.95) - 1)]
    say(f"apply to Ready, one at a time, {alone} tenants", f"p50 {statistics.median(waits):.2f} s, p95 {p95:.2f} s")

    cpu, memory = cpu_of(operator), operator.memory_info().rss
    seconds = all_at_once(machine, tenants)
    rate = tenants / seconds
    say(f"{tenants} tenants at once, until the last is Ready", f"{seconds:.1f} s, {rate:.1f} tenants/s")
    spent, grown = cpu_of(operator) - cpu, operator.memory_info().rss - memory
    say("operator", f"{1000 * spent / tenants:.1f} ms CPU and {grown / tenants / 1024:.1f} KiB per tenant")
    say("operator, resident", f"{operator.memory_info().rss / 2**20:.0f} MiB with {tenants + alone} tenants")

    sample = sample_of(machine, "alone-0")
    machine.supervisor.stop_program("operator")
    names = [f"floor-{number}" for number in range(tenants)]
    floor = tenants / asyncio.run(Floor(machine, sample, concurrency).run(names))
    say(f"floor: the same calls by a bare loop, {concurrency} at a time", f"{floor:.1f} tenants/s")
    say("operator / floor", f"{rate / floor:.2f}")


def one_at_a_time(machine: Machine, count: int) -> list[float]:
    """Seconds from the answer to the apply until a reader sees Ready, for each."""
    waits = []
    for number in range(count):
        started = time.monotonic()
        apply(machine, [f"alone-{number}"])
        wait_until(lambda number=number: is_ready(machine.kubernetes.get(f"{TENANTS}/alone-{number}")), every=0.01)
        waits.append(time.monotonic() - started)
    return waits


def all_at_once(machine: Machine, count: int) -> float:
    """Seconds from the first apply until the last is Ready."""
    started = time.monotonic()
    apply(machine, [f"crowd-{number}" for number in range(count)])
    wait_until(lambda: ready_count(machine) >= count, every=0.5)
    return time.monotonic() - started


def apply(machine: Machine, names: list[str]) -> None:
    """Create the tenants through the API, as kubectl would."""
    items = [
        {
            "apiVersion": "companydirectory.io/v1beta1",
            "kind": "DirectoryTenant",
            "metadata": {"name": name, "namespace": "tenants"},
            "spec": {"displayName": name, "admins": [{"email": "ada@x.example"}]},
        }
        for name in names
    ]
    machine.kubernetes.kubectl("create", "-f", "-", objects={"apiVersion": "v1", "kind": "List", "items": items})


def ready_count(machine: Machine) -> int:
    """How many of the crowd are Ready."""
    items = machine.kubernetes.get(TENANTS, timeout=60)["items"]
    return sum(item["metadata"]["name"].startswith("crowd-") and is_ready(item) for item in items)


def is_ready(body: dict[str, Any]) -> bool:
    """Whether the condition Ready is True."""
    conditions = (body.get("status") or {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def sample_of(machine: Machine, name: str) -> Sample:
    """One real tenant, to copy payloads from."""
    get = machine.kubernetes.get
    secrets = "/api/v1/namespaces/tenants/secrets"
    rules = ["reset", "on", "#" + "0" * 64, "~t:floor:*", "&t:floor:*", "-@all", *(f"+{each}" for each in COMMANDS)]
    script = (
        'CREATE ROLE "{role}" LOGIN INHERIT CONNECTION LIMIT 20;'
        'GRANT directory_api TO "{role}" WITH INHERIT TRUE, SET FALSE;'
        "ALTER ROLE \"{role}\" IN DATABASE directory SET statement_timeout = '30s';"
        "ALTER ROLE \"{role}\" IN DATABASE directory SET idle_in_transaction_session_timeout = '60s';"
        "ALTER ROLE \"{role}\" IN DATABASE directory SET directory.tenant_id = '00000000-0000-0000-0000-000000000000';"
        "COMMENT ON ROLE \"{role}\" IS 'floor'"
    )
    return Sample(
        tenant=get(f"{TENANTS}/{name}"),
        secret=get(f"{secrets}/{name}-directory"),
        storage_secret=get(f"{secrets}/{name}-directory-storage"),
        acl_rules=rules,
        role_script=script,
    )


def cpu_of(process: psutil.Process) -> float:
    """Seconds of CPU so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def wait_until(ask: Callable[[], bool], *, every: float, limit: float = 600) -> None:
    """Ask until true; a run that takes ten minutes has failed."""
    deadline = time.monotonic() + limit
    while not ask():
        if time.monotonic() > deadline:
            raise TimeoutError("not Ready in time; see the operator's log")
        time.sleep(every)


def say(what: str, figure: str) -> None:
    print(f"{what:<62} {figure}", flush=True)


if __name__ == "__main__":
    main()
