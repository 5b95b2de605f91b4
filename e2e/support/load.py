"""Load through the ingress while something happens: what was asked, what failed, how long, and what got lost.

A few clients per tenant ask at a bounded pace for a bounded time. Nothing is asked twice: a failed request is counted.
"""

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import httpx

from e2e.support.tenants import TenantUnderTest, picture, to_ingress, trust
from tests.support.eventually import eventually

LONGEST: Final = 300.0
"""Seconds after which a load ends by itself, whatever happens around it."""

CLIENTS: Final = 4
PAUSE: Final = 0.15
"""Seconds between two requests of one client: 4 clients of 2 tenants make about 50 requests a second at most."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: when it began (seconds on the monotonic clock), how long it took, and how it ended."""

    tenant: str
    kind: str
    began: float
    took: float
    answer: str

    @property
    def failed(self) -> bool:
        return self.answer not in {"200", "201", "204"}


@dataclass
class Run:
    """What a load saw. `acknowledged` are people whose creation was answered 201, by tenant."""

    outcomes: list[Outcome] = field(default_factory=list)
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def failures(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.failed]

    def why(self) -> dict[str, int]:
        """How often each kind of request failed in which way."""
        return dict(Counter(f"{each.tenant} {each.kind} {each.answer}" for each in self.failures()))

    def recovery(self) -> float:
        """Seconds from the first failure to the end of the last one; 0 if nothing failed."""
        failed = self.failures()
        if not failed:
            return 0.0
        return max(each.began + each.took for each in failed) - min(each.began for each in failed)

    def slowest(self) -> float:
        """Seconds that the slowest successful request took."""
        return max((each.took for each in self.outcomes if not each.failed), default=0.0)


@contextmanager
def load(*tenants: TenantUnderTest) -> Iterator[Run]:
    """Ask the tenants until the block ends. It begins when each client has been answered once."""
    run, begun = Run(), threading.Event()
    # Passwords, tokens and photos are made before: signing in is costly by design, and not what is measured.
    clients = [_Client(run, tenant, number) for tenant in tenants for number in range(CLIENTS)]
    with ThreadPoolExecutor(1, thread_name_prefix="load") as thread:
        asking = thread.submit(lambda: asyncio.run(_ask(clients, run, begun)))
        try:
            eventually(lambda: begun.is_set() or asking.done(), timeout=60, every=0.05, what="the load's first answers")
            yield run
        finally:
            run._stop.set()
        asking.result(60)


def lost_writes(run: Run, tenants: Sequence[TenantUnderTest]) -> list[str]:
    """Acknowledged people whom the directory doesn't have any more."""
    lost: list[str] = []
    for tenant in tenants:
        with tenant.caller() as caller:
            answers = {
                person: caller.client.get(f"/api/v1/people/{person}").status_code
                for person in run.acknowledged.get(tenant.name, [])
            }
        lost += [f"{tenant.name}/{person} {status}" for person, status in answers.items() if status != 200]
    return lost


async def _ask(clients: "Sequence[_Client]", run: Run, begun: threading.Event) -> None:
    ends = time.monotonic() + LONGEST
    working = [
        asyncio.create_task(client.work(lambda: run._stop.is_set() or time.monotonic() > ends)) for client in clients
    ]
    await asyncio.gather(*(client.answered.wait() for client in clients))
    begun.set()
    await asyncio.gather(*working)


class _AsyncThroughIngress(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await super().handle_async_request(to_ingress(request))


class _Client:
    """One keep-alive client: reads a list, reads a person, adds a person, and now and then photos."""

    def __init__(self, run: Run, tenant: TenantUnderTest, number: int) -> None:
        self._run, self._tenant, self._number = run, tenant, number
        with tenant.caller() as caller:
            self._token = caller.token
            self._person = caller.add_person(f"Load{number}")
        self._trust = trust(tenant.installation)
        self._photo = picture()
        self.answered = asyncio.Event()

    async def work(self, ended: Callable[[], bool]) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        transport = _AsyncThroughIngress(verify=self._trust)
        base = f"https://{self._tenant.host}"
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30, transport=transport) as client:
            for turn in itertools.count(self._number):
                if ended():
                    return
                await self._one(client, ("list", "read", "write", "list", "photo", "read", "write")[turn % 7])
                self.answered.set()
                await asyncio.sleep(PAUSE)

    async def _one(self, client: httpx.AsyncClient, kind: str) -> None:
        began = time.monotonic()
        try:
            answer = await self._request(client, kind)
        except httpx.HTTPError as error:
            result = type(error).__name__
        else:
            result = str(answer.status_code)
            if kind == "write" and answer.status_code == 201:
                self._run.acknowledged.setdefault(self._tenant.name, []).append(answer.json()["person_id"])
        self._run.outcomes.append(Outcome(self._tenant.name, kind, began, time.monotonic() - began, result))

    async def _request(self, client: httpx.AsyncClient, kind: str) -> httpx.Response:
        person = f"/api/v1/people/{self._person}"
        match kind:
            case "list":
                return await client.get("/api/v1/people?limit=20")
            case "read":
                return await client.get(person)
            case "photo":
                return await client.put(f"{person}/photo", content=self._photo, headers={"If-Match": "*"})
            case _:
                body = {"given_name": "Grace", "family_name": f"Hopper {uuid4().hex[:8]}"}
                return await client.post("/api/v1/people", json=body)
