"""Runs a projection. What it promises is told in `hive_shared.projection`.

    begin ──▶ feed from min(position, told) ──▶ batch: lock, apply, move, commit ──▶ tell followers
      ▲                                           │            │
      ├──── another history, or rebuilt ──────────┘            │ an event cannot be applied
      ├──── database or network failed: wait, again            ▼
      └──── half a minute later, or told to ◀──────────── stopped (alarm)

It tries a stopped event again now and then, as the cause may be gone; it never goes past it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from hive_contracts.envelope import Recorded
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.port import EventStore
from hive_shared.handling import Handling
from hive_shared.projection import (
    Behind,
    BeyondHead,
    Committed,
    Follower,
    Projection,
    Status,
    Stopped,
)
from hive_shared.subscriptions.feed import Batch, Batches, HistoryChanged
from hive_shared.subscriptions.place import Place
from hive_shared.telemetry import Attribute
from hive_shared.telemetry import batch as step_of_many
from hive_shared.wake import Wake, first_of

RETRY_SECONDS: Final = 0.5
REST_SECONDS: Final = 0.05
"""At most, between two batches while nobody waits for a position."""
STOPPED_SECONDS: Final = 30.0
_PREPARE: Final = "set idle_in_transaction_session_timeout = '10s'"
"""A replica that freezes while it holds the row must not hold up the others."""
_DERIVED: Final = "set local synchronous_commit = off"
"""Rows and checkpoint follow from the log, and a crash undoes them together: nobody need wait."""

_log = logging.getLogger("hive.projection")


class _Rewound(Exception):
    """The checkpoint has gone back: a rebuild has begun."""


class _Failing(Exception):
    """One event cannot be applied."""

    def __init__(self, event: Recorded) -> None:
        super().__init__(f"{event.type} at position {event.position} of {event.stream}")
        self.event = event


class Projector:
    """One projection of a service, in one replica."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        schema: str,
        projection: Projection,
        feed: Batches,
        store: EventStore,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._projection = projection
        self._place = Place(schema, projection.name)
        self._feed = feed
        self._store = store
        self._clock = clock
        self.handling = Handling(projection.name, clock.monotonic, "projection")
        """Its batches of events."""
        self._again = Wake(clock)
        self._followers: list[Follower] = []
        self._waiting: list[tuple[int, asyncio.Event]] = []
        self._waited_for = Wake(clock)
        self._log_id = ""
        self._position = 0
        self._certain = False
        """Whether the rows still hold `_position`: a crash of the server undoes newest commits."""
        self._fed = 0
        self._told = 0
        self._head = 0
        self._stopped = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._follow_feed()
            except _Rewound:
                _log.info("%s is built again", self._projection.name)
            except HistoryChanged as change:
                # Until the relay has put the bus right, it may give the same event again.
                _log.warning("%s begins again: %s", self._projection.name, change)
                await self._clock.sleep(RETRY_SECONDS)
            except _Failing as failing:
                await self._stop(failing)
            except (*FAILURES, StoreUnavailable) as error:
                self._certain = False
                _log.warning("%s waits: %r", self._projection.name, error)
                await self._clock.sleep(RETRY_SECONDS)

    async def wait_for(self, position: int, seconds: float) -> None:
        if self._holds(position):
            return
        if position > self._head:
            self._head = (await self._store.head()).position
            if position > self._head:
                raise BeyondHead(f"the record ends at {self._head}")
        if not self._holds(position) and not self._stopped:
            await self._reached(position, seconds)
        if self._holds(position):
            return
        if self._stopped:
            raise Stopped(self._stopped)
        raise Behind(f"at {self._position}, {position} was asked for")

    def _holds(self, position: int) -> bool:
        return self._certain and position <= self._position

    async def _reached(self, position: int, seconds: float) -> None:
        """Until it is there or stops. Nothing may be awaited between the caller's look and this."""
        waiting = (position, asyncio.Event())
        self._waiting.append(waiting)
        self._waited_for.set()
        try:
            await first_of(waiting[1].wait(), self._clock.sleep(seconds))
        finally:
            self._waiting.remove(waiting)

    def status(self) -> Status:
        return Status(
            self._projection.name,
            self._log_id,
            self._position,
            max(self._head, self._position),
            self._stopped,
        )

    def follow(self, follower: Follower) -> Callable[[], None]:
        self._followers.append(follower)

        def leave() -> None:
            if follower in self._followers:
                self._followers.remove(follower)

        return leave

    async def rebuild(self) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await self._place.begin(connection)
            await self._place.lock_alone(connection)
            await self._projection.clear(connection)
            await self._place.move(connection, 0, "")
        self._position, self._stopped = 0, ""
        self._again.set()
        self._feed.hint()

    async def _follow_feed(self) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute(_PREPARE)
            after = await self._begin(connection)
            async with contextlib.aclosing(self._feed.batches(after)) as batches:
                async for batch in batches:
                    began = self._clock.monotonic()
                    await self._take(connection, batch)
                    await self._rest(self._clock.monotonic() - began)

    async def _rest(self, worked: float) -> None:
        """As long as it worked: what comes meanwhile shares the price of the next commit."""
        if not self._waiting:
            self._waited_for.clear()
            await self._waited_for.wait(min(worked, REST_SECONDS))

    async def _begin(self, connection: asyncpg.Connection) -> int:
        """Learn where the rows stand; answers the position to read from."""
        standing = await self._place.begin(connection)
        changed, self._log_id = standing.log_id != self._log_id, standing.log_id
        self._position, self._certain = standing.position, True
        self._release()
        if changed:
            # What was told of the old history counts no more.
            self._told = self._fed = standing.position
            self._tell(())
        # Another replica may have gone on alone: its events are to be told here, too.
        self._fed = min(self._told, standing.position)
        return self._fed

    async def _take(self, connection: asyncpg.Connection, batch: Batch) -> None:
        self._head = batch.head
        if not batch.events:
            if (await self._place.read(connection)).position < self._fed:
                raise _Rewound
            return
        if batch.log_id != self._log_id:
            raise HistoryChanged
        try:
            await self._commit(connection, batch.events)
        except Exception as error:
            if not _is_the_events(error):
                raise
            await self._one_by_one(connection, batch.events)

    async def _one_by_one(self, connection: asyncpg.Connection, events: Sequence[Recorded]) -> None:
        """Commit what comes before the event that fails, and name that one."""
        for event in events:
            try:
                await self._commit(connection, (event,))
            except Exception as error:
                if not _is_the_events(error):
                    raise
                raise _Failing(event) from error

    async def _commit(self, connection: asyncpg.Connection, events: Sequence[Recorded]) -> None:
        last = events[-1]
        causes = (event.meta.traceparent for event in events)
        about: dict[str, Attribute] = {
            "messaging.system": "hive",
            "messaging.operation.type": "process",
            "messaging.batch.message_count": len(events),
            "hive.position": last.position,
        }
        name = f"projection {self._projection.name}"
        with step_of_many(name, causes, "consumer", about), self.handling.one():
            position = await self._write(connection, events)
        self._fed = last.position
        self._position = max(position, last.position)
        self._stopped = ""
        self._tell(tuple(event for event in events if event.position > self._told))

    async def _write(self, connection: asyncpg.Connection, events: Sequence[Recorded]) -> int:
        """Rows and checkpoint; answers the position that they were at."""
        last = events[-1]
        async with connection.transaction():
            await connection.execute(_DERIVED)
            position = await self._place.lock(connection, self._log_id, last)
            if position < events[0].position - 1:
                raise _Rewound
            fresh = [event for event in events if event.position > position]
            if fresh:
                await self._projection.apply(connection, fresh)
                await self._place.move(connection, last.position, self._log_id)
        return position

    def _tell(self, events: tuple[Recorded, ...]) -> None:
        self._told = max(self._told, self._fed)
        self._release()
        committed = Committed(self._log_id, self._position, events)
        for follower in tuple(self._followers):
            follower(committed)

    def _release(self) -> None:
        """Let those go on whose position is there."""
        for position, reached in self._waiting:
            if self._holds(position):
                reached.set()

    async def _stop(self, failing: _Failing) -> None:
        cause = failing.__cause__
        self._stopped = f"{failing}: {type(cause).__name__}: {cause}"
        _log.error("%s stopped at %s", self._projection.name, self._stopped, exc_info=cause)
        for _, reached in self._waiting:
            reached.set()
        with contextlib.suppress(*FAILURES):
            async with self._pool.acquire() as connection:
                before = failing.event.position - 1
                await self._place.stop(connection, before, self._stopped)
        await self._again.wait(STOPPED_SECONDS)


def _is_the_events(error: Exception) -> bool:
    """Would the same events fail again, on a healthy database?"""
    if isinstance(error, (_Rewound, HistoryChanged, StoreUnavailable)):
        return False
    # asyncpg refuses an argument of the wrong type with an error that is also a ValueError.
    if isinstance(error, FAILURES) and not isinstance(error, ValueError):
        return not isinstance(translated(error), StoreUnavailable)
    return True
