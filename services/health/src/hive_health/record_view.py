"""The record as health sees it: looked at every two seconds. Adapter.

Where subscriptions stand, which streams are parked, how the database's clock goes, which missions
are overdue, and what the record tells of runners' sessions.
"""

from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from hive_contracts.codec import AnyEvent, decode_known
from hive_contracts.health import RecordSeen, Standing
from hive_health.overdue import Overdue
from hive_health.standstill import Standstill
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.port import EventStore
from hive_shared.subscriptions.parking import (
    ParkedStream,
    SubscriptionStanding,
    list_parked,
    list_subscriptions,
)

LOOK_SECONDS: Final = 2.0
SECONDS: Final = 3.0
"""How long one look may take; then the record is called silent."""
STALE_SECONDS: Final = 10.0
PAGE: Final = 1000

MOST_OVERDUE: Final = 100

_OVERDUE: Final = files(__package__).joinpath("queries", "overdue.sql").read_text()
_AGE: Final = "select recorded_at from hive.events where position = $1"
_NOW: Final = "select clock_timestamp()"


class Looked(msgspec.Struct, frozen=True):
    """One look."""

    head: int
    standings: tuple[Standing, ...]
    parked: tuple[ParkedStream, ...]
    clock_off: float
    """The database's clock less ours, in seconds."""
    overdue: tuple[Overdue, ...] = ()
    """Of many the oldest."""


class RecordView:
    def __init__(
        self,
        pool: asyncpg.Pool,
        store: EventStore,
        clock: Clock,
        learn: Callable[[AnyEvent, float], None],
        saw: Callable[[float], None],
    ) -> None:
        """`saw` is told what the database's clock says, in milliseconds since 1970."""
        self._pool = pool
        self._store = store
        self._clock = clock
        self._learn = learn
        self._saw = saw
        self._learned = 0
        """Of the category `runner`, up to this position."""
        self._log_id = ""
        self._still: dict[tuple[str, str], Standstill] = {}
        self.looked: Looked | None = None
        self._looked_at: float | None = None
        self._trouble = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        try:
            self.looked = await self._look()
        except (*FAILURES, StoreError) as error:
            failure = error if isinstance(error, StoreError) else translated(error)
            self._trouble = str(failure)
        else:
            self._trouble = ""
            self._looked_at = self._clock.monotonic()

    def seen(self, now: float) -> RecordSeen:
        head = 0 if self.looked is None else self.looked.head
        if self._trouble:
            return RecordSeen("silent", self._trouble, head)
        if self._looked_at is None:
            return RecordSeen("unknown", "nobody has looked yet", head)
        if now - self._looked_at > STALE_SECONDS:
            return RecordSeen("silent", "it does not answer", head)
        return RecordSeen("alive", head=head)

    async def _look(self) -> Looked:
        async with self._pool.acquire(timeout=SECONDS) as connection:
            began = self._clock.now_ms()
            database: datetime = await connection.fetchval(_NOW, timeout=SECONDS)
            self._saw(database.timestamp() * 1000)
            ours = (began + self._clock.now_ms()) / 2000
            found = await list_subscriptions(connection)
            parked = await list_parked(connection)
            overdue = await connection.fetch(_OVERDUE, MOST_OVERDUE)
            head = await self._store.head()
            standings = [
                await self._standing(connection, standing, head.position, database)
                for standing in found
            ]
        await self._learn_of_runners(head.log_id)
        return Looked(
            head.position,
            tuple(standings),
            tuple(parked),
            database.timestamp() - ours,
            tuple(Overdue(*row) for row in overdue),
        )

    async def _standing(
        self,
        connection: asyncpg.Connection,
        standing: SubscriptionStanding,
        head: int,
        database: datetime,
    ) -> Standing:
        key = standing.service, standing.name
        still = self._still.setdefault(key, Standstill())
        still_s = still.saw(standing.position, head, self._clock.monotonic())
        behind_s = 0.0
        if standing.position < head:
            waits: datetime | None = await connection.fetchval(_AGE, standing.position + 1)
            behind_s = 0.0 if waits is None else (database - waits).total_seconds()
        return Standing(
            service=standing.service,
            name=standing.name,
            position=standing.position,
            behind=max(0, head - standing.position),
            behind_s=round(max(0.0, behind_s), 3),
            still_s=round(still_s, 3),
            stopped=standing.stopped,
        )

    async def _learn_of_runners(self, log_id: str) -> None:
        if log_id != self._log_id:
            # Another history, or the first look: all is told again, in order.
            self._log_id, self._learned = log_id, 0
        while events := await self._store.read_category("runner", self._learned, PAGE):
            for recorded in events:
                event = decode_known(recorded)
                if event is not None:
                    self._learn(event, self._clock.monotonic())
            self._learned = events[-1].position
