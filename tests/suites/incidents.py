"""What the tests of incidents share: that which keeps them, in this process, on a real record."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from hive_contracts.health import Objectives, Symptom
from hive_contracts.incident_report import (
    Incidents,
    IncidentsQuery,
    TellIncident,
    Verb,
)
from hive_health.baselines.regressions import Regression
from hive_health.incidents.desk import Desk
from hive_health.incidents.inbox import Inbox
from hive_health.incidents.records import Records
from hive_health.incidents.register import Register
from hive_health.incidents.rules import Rules
from hive_health.incidents.surroundings import Surroundings
from hive_health.incidents.watch import Watch
from hive_health.record_clock import RecordClock
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.subscriptions.effects import Effect, EffectRunner
from hive_shared.subscriptions.feed import Feed
from tests.conftest import Database
from tests.suites.bus import FastClock, pool_of
from tests.suites.gateway import new_id

TOKEN = "a-token-of-alertmanager"
AWAY = Symptom("record-away", "record", "the record does not answer", "start it", for_s=8)
SILENT = Symptom("service-silent", "github", "no beat of github", "look at its log")


class ShiftedClock(SystemClock):
    """A clock that a test sets, and for which time goes by."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.passed_s = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + int((self.ahead_s + self.passed_s) * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.passed_s


class Eyes:
    """What health sees, as a test says."""

    def __init__(self) -> None:
        self.symptoms: list[Symptom] = []
        self.hears = 1e6
        self.regressions: tuple[Regression, ...] | None = ()

    def wrong(self) -> list[Symptom]:
        return self.symptoms

    def hears_for(self) -> float:
        return self.hears

    def worse(self) -> tuple[Regression, ...] | None:
        return self.regressions


async def _no_objectives() -> Objectives:
    return Objectives(())


class Hive:
    """What keeps incidents, in this process, on a real record."""

    def __init__(self, pool: Any, folder: Path, holder: str) -> None:
        self.eyes, self.clock = Eyes(), ShiftedClock()
        self.decided_by = RecordClock(self.clock)
        """The same, until a test tells it of the database's."""
        self.store = PostgresEventStore(pool)
        self.pool = pool
        self.records = Records(self.store, new_id)
        self.inbox = Inbox(pool)
        self.rules = Rules(folder / "incidents.yaml")
        self.watch = Watch(
            self.store,
            self.records,
            Register(),
            self.inbox,
            self.eyes,
            _no_objectives,
            self.rules,
            self.decided_by,
            holder,
            count_every=15.0,
        )
        surroundings = Surroundings(pool)
        self.desk = Desk(self.store, self.records, self.watch, surroundings, self.decided_by)

    async def sees(self, *symptoms: Symptom, after_s: float = 0) -> None:
        self.clock.ahead_s += after_s
        self.eyes.symptoms = list(symptoms)
        await self.watch.turn()

    async def types(self) -> list[str]:
        return [event.type for event in await self.store.read_category("incident", 0)]

    async def listed(self) -> list[tuple[str, str]]:
        answer = await self.desk.incidents(IncidentsQuery())
        assert isinstance(answer, Incidents)
        return [(each.name, each.status) for each in answer.incidents]

    async def tells(self, verb: Verb, name: str, note: str = "", **more: Any) -> Any:
        command = TellIncident(more.pop("command_id", new_id()), "ann", name, verb, note, **more)
        return await self.desk.tell(command)


@contextlib.asynccontextmanager
async def hive(database: Database, folder: Path, holder: str = "one") -> AsyncIterator[Hive]:
    async with pool_of(database.url("health")) as pool:
        yield Hive(pool, folder, holder)


@contextlib.asynccontextmanager
async def performing(it: Hive, effect: Effect) -> AsyncIterator[None]:
    clock = FastClock()
    runner = EffectRunner(it.pool, "health", effect, Feed(it.store, clock), it.store, clock, "one")
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
