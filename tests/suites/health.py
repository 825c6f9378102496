"""What the tests of health share: health in this process, looking at real servers, with a clock
that a test can turn on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from hive_contracts.health import AliveQuery, Kind, Symptom
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
REMEDIES: Final[dict[Kind, tuple[str, ...]]] = {
    "record-away": ("see that PostgreSQL runs",),
    "bus-away": ("see that NATS runs",),
    "service-silent": ("end its process if it hangs",),
    "gateway-deaf": ("see what holds its port",),
    "feed-held-up": ("start a relay", "`hive bus rebuild`"),
    "pool-exhausted": ("find what holds them (pg_stat_activity",),
    "projection-stopped": ("run the version that can apply the event",),
    "stuck-consumer": ("end that process if it does not go on",),
    "disk-filling": ("land or discard missions", "make room on its machine"),
    "parked-stream": ("hive parked replay ",),
    "runner-deaf": ("look at its log and end it",),
    "runner-silent": ("see that it runs and reaches the gateway",),
    "agent-silent": ("`hive take ",),
    "mission-late": ("`hive mission show ",),
    "projection-lagging": ("give it more processor or a replica",),
    "tails-away": ("see that Redis runs",),
    "clock-off": ("set their clocks by NTP",),
}
"""Of each kind of trouble: what to do, one of these."""


def assert_remedy(symptom: Symptom) -> None:
    assert any(remedy in symptom.remedy for remedy in REMEDIES[symptom.kind]), symptom


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
        """Look at everything and judge; answers what is wrong, each with its remedy."""
        self.hear(*shells)
        assert self.health.record is not None
        await self.health.record.look()
        self.health.bus.saw(await self._stream.look(), self.clock.monotonic())
        self.health.judge_now()
        found = list(self.health.alive(AliveQuery()).symptoms)
        for symptom in found:
            assert_remedy(symptom)
        return found

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
