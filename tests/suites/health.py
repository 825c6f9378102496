"""What the tests of health share: health in this process, looking at real servers, with a clock
that a test can turn on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from hive_contracts.health import AliveQuery, Symptom
from hive_health.health import Health
from hive_health.record_clock import RecordClock
from hive_health.record_view import RecordView
from hive_shared import heartbeats
from hive_shared.bus.connection import connected
from hive_shared.bus.events import EventStream, Retention
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.process import Shell
from tests.conftest import Database, NatsAccount
from tests.suites.bus import pool_of

PATIENCE = 60.0
"""Seconds, on a machine that is busy: some silences are eight seconds of real time."""


class LeapClock(SystemClock):
    """A clock that can leap ahead; only durations see it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Watching:
    """Health, made to look and judge when the test says so."""

    def __init__(self, health: Health, clock: LeapClock, stream: EventStream) -> None:
        self.health = health
        self.clock = clock
        self._stream = stream

    def hear(self, *shells: Shell) -> None:
        """One beat of each, as it would send it."""
        for shell in shells:
            self.health.hear(heartbeats._heartbeat(shell, 2.0))

    async def look(self, *shells: Shell) -> list[Symptom]:
        """Look at everything and judge; answers what is wrong."""
        self.hear(*shells)
        assert self.health.record is not None
        await self.health.record.look()
        self.health.bus.saw(await self._stream.look(), self.clock.monotonic())
        self.health.judge_now()
        return list(self.health.alive(AliveQuery()).symptoms)

    async def until(
        self, kind: str, condition: Callable[[Symptom], bool] = lambda _: True, *shells: Shell
    ) -> Symptom:
        """The symptom of that kind, once it is named."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for symptom in await self.look(*shells):
                    if symptom.kind == kind and condition(symptom):
                        return symptom
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def watching(database: Database, nats: NatsAccount) -> AsyncIterator[Watching]:
    clock = LeapClock()
    health = Health(clock)
    async with (
        pool_of(database.url("health")) as pool,
        connected(nats.url_of("health"), "health") as client,
    ):
        health.record = RecordView(
            pool, PostgresEventStore(pool), clock, health.learn, RecordClock(clock).saw
        )
        health.connection(is_there=True)
        yield Watching(health, clock, EventStream(client, Retention()))
