"""Orchestrators on real servers, and a runner that speaks to their edge."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from nats.aio.client import Client
from nats.errors import NoRespondersError

from hive_contracts.envelope import Recorded
from hive_contracts.ids import uuid7
from hive_contracts.orders import Beat, Canary, Holding, Lease, Orders
from hive_contracts.outcome import Outcome, WorkDone
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_contracts.subjects import BEAT, SUBMIT
from hive_contracts.submit import Answer, Submission, Submittable
from hive_contracts.task import ReportAttempt, StartAttempt
from hive_orchestrator.active import Pace
from hive_orchestrator.service import Service, open_service
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import open_postgres_store
from tests.conftest import Database, NatsAccount

T = TypeVar("T")

PACE = Pace(fence=1.5, session_ttl=2, watch=0.1)
BEAT_SECONDS = 0.2


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


class Hive:
    """One database and one bus, with as many orchestrators as a test opens."""

    def __init__(self, database: Database, bus: NatsAccount, client: Client) -> None:
        self.database = database
        self.bus = bus
        self.client = client

    @asynccontextmanager
    async def orchestrator(self) -> AsyncIterator[Service]:
        opening = open_service(
            self.database.url("orchestrator"),
            self.bus.url_of("orchestrator"),
            PACE,
            BEAT_SECONDS,
            SystemClock(),
            new_id,
            lambda: 0.0,
        )
        async with opening as service:
            running = asyncio.create_task(service.replica.run())
            yield service
            await cancelled(running)

    async def submit(self, *commands: Submittable, actor: str = "ann") -> list[Answer]:
        return await self.send([Submission(new_id(), actor, command) for command in commands])

    async def send(self, submissions: list[Submission]) -> list[Answer]:
        reply = await self._request(SUBMIT, msgspec.json.encode(submissions))
        return msgspec.json.decode(reply, type=list[Answer])

    async def beat(self, beat: Beat) -> Orders:
        return msgspec.json.decode(
            await self._request(BEAT, msgspec.json.encode(beat)), type=Orders
        )

    async def canary(self) -> None:
        await self._request(BEAT, msgspec.json.encode(Canary("gateway")))

    async def _request(self, subject: str, body: bytes) -> bytes:
        """Asked again while nobody answers, as the gateway does."""

        async def ask() -> bytes | None:
            try:
                return (await self.client.request(subject, body, timeout=2)).data
            except (NoRespondersError, TimeoutError):
                return None

        return await eventually(ask)

    async def log(self) -> list[Recorded]:
        async with open_postgres_store(self.database.url("gateway")) as store:
            return await store.read_all(0, 100_000)

    async def types(self) -> list[str]:
        return [recorded.type for recorded in await self.log()]

    async def until(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """The types of all events, once they are as wanted."""

        async def probe() -> list[str] | None:
            types = await self.types()
            return types if wanted(types) else None

        return await eventually(probe)


class FakeRunner:
    """Does at once whatever it is told, and says so."""

    def __init__(
        self, hive: Hive, slots: int = 4, work: Callable[[Lease], Outcome] | None = None
    ) -> None:
        self.id = new_id()
        self.session = new_id()
        self._hive = hive
        self._slots = slots
        self._work = work or (lambda _: WorkDone(no_change="nothing to do"))
        self._holding: set[tuple[str, int]] = set()

    async def beat(self) -> Orders:
        holding = tuple(Holding(task, epoch, "reported") for task, epoch in self._holding)
        beat = Beat(self.id, self.session, "fake", self._slots, holding=holding)
        orders = await self._hive.beat(beat)
        self._holding = {(kept.task_id, kept.epoch) for kept in orders.keep}
        return orders

    async def work(self) -> None:
        """Beat, and do what the orders say, until cancelled."""
        while True:
            await self._hive.canary()
            for lease in (await self.beat()).leases:
                await self.do(lease)
            await asyncio.sleep(BEAT_SECONDS / 4)

    async def do(self, lease: Lease) -> None:
        task = lease.task.task_id
        self._holding.add((task, lease.epoch))
        await self._hive.submit(
            StartAttempt(task, lease.epoch),
            ReportAttempt(task, lease.epoch, self._work(lease)),
            actor=self.id,
        )


def plan(name: str = "m", tasks: int = 2) -> Plan:
    specs = tuple(TaskSpec(f"t{n}", run="true") for n in range(tasks))
    return Plan(name, (Phase("main", tasks=specs),))


async def cancelled(*tasks: "asyncio.Task[None]") -> None:
    """End tasks; said again until heard: `wait_for` of Python 3.11 may swallow a cancellation."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.5)


async def eventually(probe: Callable[[], Awaitable[T | None]], seconds: float = 20) -> T:
    """What the probe finds, once it does."""
    async with asyncio.timeout(seconds):
        while (found := await probe()) is None:
            await asyncio.sleep(0.02)
        return found
