"""PostgreSQL changes from one server to another behind the same name: few have to wait, and nobody is told nonsense."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from directory_contract import environment as env
from directory_local.machine import Machine
from tests.support.api import Caller, serving
from tests.support.eventually import eventually
from tests.support.goodbye import Line, line_to
from tests.support.standby import standby_of
from tests.support.tenants import Backends

PERSON = {"given_name": "Grace", "family_name": "Hopper"}
PATIENCE = 5.0


@pytest.fixture(scope="module")
def own_backends() -> Iterator[Backends]:
    """Of a machine whose PostgreSQL may be stopped for good."""
    with Machine.temporary() as machine:
        backends = Backends.on(machine)
        yield backends
        backends.close()


@pytest.fixture(scope="module")
def line(own_backends: Backends) -> Iterator[Line]:
    with line_to(own_backends.machine.ports.postgres) as line:
        yield line


@pytest.fixture(scope="module", params=["Pooled", "Dedicated", "Pooled by a pooler", "Dedicated by a pooler"])
def caller(
    request: pytest.FixtureRequest, own_backends: Backends, line: Line, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Caller]:
    """Somebody signed in, whose requests reach the database over the line; as if there was a pooler on it or not."""
    words = request.param.split()
    tier, slug = words[0], "-".join(words).lower()
    tenant = own_backends.tenant(slug, tier)
    login = tenant.login if tier == "Dedicated" else own_backends.pooled_login("dp_" + slug.replace("-", "_"))
    folder = tmp_path_factory.mktemp("api")
    environment = own_backends.environment(login, folder, tier, slug if tier == "Dedicated" else "")
    environment |= {env.POSTGRES_PORT: str(line.port), env.POSTGRES_POOLER: str(len(words) > 1).lower()}
    with serving(environment, folder) as api:
        yield api.caller(tenant).signed_in()


def is_away(answer: httpx.Response) -> bool:
    away = (answer.status_code, answer.json().get("code")) == (503, "database_unavailable")
    assert not away or answer.headers["retry-after"]
    return away


def test_a_short_absence_costs_only_what_was_under_way(caller: Caller, line: Line) -> None:
    answers: list[httpx.Response] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            answers.append(caller.get("/people?limit=1"))
            answers.append(caller.post("/people", PERSON))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answers) > 40)
    server, line.target = line.target, None
    line.lead_to(None)
    time.sleep(PATIENCE / 3)  # nothing answers for so long
    line.lead_to(server)
    before = len(answers)
    eventually(lambda: len(answers) > before + 40, timeout=20)
    stop.set()
    for thread in threads:
        thread.join()
    failed = [answer for answer in answers if answer.status_code not in {200, 201}]
    assert all(is_away(answer) for answer in failed)
    assert len(failed) <= len(threads)


def test_a_standby_serves_nobody_until_it_is_promoted(caller: Caller, line: Line, own_backends: Backends) -> None:
    assert caller.post("/people", PERSON).status_code == 201
    primary = line.target
    with standby_of(own_backends.machine, Path(f"standby-{caller.tenant.slug}")) as standby:
        line.lead_to(standby.port)
        assert is_away(caller.post("/people", PERSON))
        began = time.monotonic()
        assert is_away(caller.post("/people", PERSON))
        assert is_away(caller.get("/people?limit=1")), "what a standby knows may be old"
        assert time.monotonic() - began < PATIENCE / 2, "nobody waits once it is away for long"
        assert caller.client.get("/readyz").status_code == 503
        standby.promote()
        eventually(lambda: caller.post("/people", PERSON).status_code == 201, timeout=20)
        assert caller.get("/people?limit=1").status_code == 200
        eventually(lambda: caller.client.get("/readyz").status_code == 200)
    own_backends.machine.start("postgres")
    line.lead_to(primary)
    eventually(lambda: caller.get("/people?limit=1").status_code == 200, timeout=20)
