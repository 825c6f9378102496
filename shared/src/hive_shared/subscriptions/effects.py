"""Runs an effect: what a service does to the outside for each event that it wants.

    feed ──▶ wanted? ──no──▶ go on
               │yes
               ├── its stream stands still ──▶ queue it there, go on
               └── perform ──done──▶ go on
                      │failed
                      ▼
              its stream stands still: tried again after 1, 2, 4 … 300 s
                      │done                        │8 tries
                      ▼                            ▼
              those queued behind it,        parked, until somebody
              in order, then it goes on      replays it (`parking`)

Other streams go on meanwhile. An effect is repeated when the process dies between doing it and
noting it, so it gets an id that is always the same for the same event: whoever receives it must
take a second one for the first. One process of a service performs at a time: it holds the
subscription's row for a while of database time, and what it notes is refused once another has it.

Of events that an effect does not want it is asked only whether they are of this record, and noted
now and then how far it is.
"""

import contextlib
import logging
from typing import Final, Protocol

import asyncpg
import msgspec

from hive_contracts.envelope import Recorded
from hive_contracts.ids import derived_id
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.pool import FAILURES
from hive_shared.eventstore.port import EventStore
from hive_shared.handling import Handling
from hive_shared.subscriptions.feed import Batch, Batches, HistoryChanged
from hive_shared.subscriptions.place import Place, query
from hive_shared.telemetry import Attribute, span

MAX_TRIES: Final = 8
HELD_SECONDS: Final = 15.0
"""How long a process that is gone keeps others from performing."""
RETRY_SECONDS: Final = 0.5
STANDBY_SECONDS: Final = 1.0
MOVED_SECONDS: Final = 1.0
"""Events that nobody wanted have come by: noted after so long, together."""
HOLDING_SECONDS: Final = 5.0
"""Nothing came by: so often a process says that it is still there."""
ERROR_LENGTH: Final = 2000

_log = logging.getLogger("hive.effects")


class PutOff(Exception):
    """It cannot be done before so many seconds are over: a limit. No failed try is counted."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds


class Effect(Protocol):
    @property
    def name(self) -> str:
        """The subscription's name, unique in the hive; part of every effect's id."""
        ...

    def wants(self, event: Recorded) -> bool: ...

    async def perform(self, event: Recorded, effect_id: str) -> None:
        """Do it, and return when it is done. Must bound its own time.

        Another call with the same `effect_id` must have no further effect. Whatever it raises
        counts as a failed try, but for PutOff.
        """
        ...


def delay_after(tries: int) -> float:
    """Seconds until the next try, after so many have failed: 1, 2, 4 … at most 300."""
    return float(min(2 ** (tries - 1), 300))


class _Failed(msgspec.Struct, frozen=True):
    error: str
    put_off: float = 0
    """Seconds; 0 where the try counts."""

    def counted(self, tries: int) -> tuple[int, float]:
        """How many tries have failed with this one, and the seconds until the next."""
        if self.put_off:
            return tries, self.put_off
        return tries + 1, delay_after(tries + 1)


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\0", "")[:ERROR_LENGTH]


class _TakenOver(Exception):
    """Another process performs this subscription's effects now."""


class EffectRunner:
    """One effect of a service, in one process; `holder` names the process."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        schema: str,
        effect: Effect,
        feed: Batches,
        store: EventStore,
        clock: Clock,
        holder: str,
    ) -> None:
        self._pool = pool
        self._schema = schema
        self._effect = effect
        self._place = Place(schema, effect.name)
        self._feed = feed
        self._store = store
        self._clock = clock
        self._holder = holder
        self.handling = Handling(effect.name, clock.monotonic, "effect")
        """Its tries."""
        self._log_id = ""
        self._blocked: set[str] = set()
        self._last: Recorded | None = None
        """The last event that came by."""
        self._noted = 0
        self._noted_at = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    await self._follow_feed()
                except _TakenOver:
                    _log.info("%s is performed by another process", self._effect.name)
                except (*FAILURES, StoreUnavailable, HistoryChanged) as error:
                    _log.warning("%s waits: %r", self._effect.name, error)
                    await self._clock.sleep(RETRY_SECONDS)
        finally:
            await self._yield()

    async def _follow_feed(self) -> None:
        async with self._pool.acquire() as connection:
            self._log_id = (await self._place.begin(connection)).log_id
            held = await self._fetchval(connection, "take_effects", self._holder, HELD_SECONDS)
            if not isinstance(held, int):
                await self._clock.sleep(STANDBY_SECONDS)
                return
            self._last, self._noted = None, held
            self._noted_at = self._clock.monotonic()
            rows = await connection.fetch(query("blocked", self._schema), self._effect.name)
            self._blocked = {row["stream"] for row in rows}
            async with contextlib.aclosing(self._feed.batches(held)) as batches:
                async for batch in batches:
                    await self._take(connection, batch)
                    if self._blocked:
                        await self._try_again(connection)

    async def _take(self, connection: asyncpg.Connection, batch: Batch) -> None:
        wanted = [event for event in batch.events if self._effect.wants(event)]
        is_time = self._is_time()
        if batch.events:
            self._last = batch.events[-1]
        if self._last is not None and (batch.events or is_time):
            # Of what comes by unwanted, too: in its place may be what was wanted.
            await self._place.lock(connection, batch.log_id, self._last)
        if not wanted and not is_time:
            return
        if wanted:
            # Noted before, and after each: whoever was taken over must not begin another one.
            await self._note(connection, wanted[0].position - 1)
        for event in wanted:
            await self._first_try(connection, event)
        await self._note(connection, self._passed())

    def _passed(self) -> int:
        return 0 if self._last is None else self._last.position

    def _is_time(self) -> bool:
        """To note where it stands, though nothing is performed."""
        apart = MOVED_SECONDS if self._passed() > self._noted else HOLDING_SECONDS
        return self._clock.monotonic() - self._noted_at >= apart

    async def _first_try(self, connection: asyncpg.Connection, event: Recorded) -> None:
        if event.stream in self._blocked:
            await self._note(connection, event.position, "queue", event.stream, event.position)
        elif (failed := await self._perform(event)) is None:
            await self._note(connection, event.position)
        else:
            tries, wait = failed.counted(0)
            row = (event.stream, event.position, event.type, failed.error, wait, tries)
            await self._note(connection, event.position, "block", *row)
            self._blocked.add(event.stream)

    async def _try_again(self, connection: asyncpg.Connection) -> None:
        due = await connection.fetch(query("due", self._schema), self._effect.name)
        for row in due:
            position: int | None = row["position"]
            tries = row["tries"]
            while position is not None:
                await self._note(connection, 0)
                position = await self._try_one(connection, row["stream"], position, tries)
                tries = 0

    async def _try_one(
        self, connection: asyncpg.Connection, stream: str, position: int, tries: int
    ) -> int | None:
        """Answers the position to be tried next in that stream, if it can go on now."""
        found = await self._store.read_all(position - 1, 1)
        if not found or found[0].stream != stream:
            # Restored a moment ago: what this connection was told is of the lost history.
            raise HistoryChanged(f"position {position} is not of {stream}")
        event = found[0]
        if (failed := await self._perform(event)) is not None:
            counted, wait = failed.counted(tries)
            row = (stream, position, failed.error, wait, MAX_TRIES, counted - tries)
            if await self._note(connection, 0, "failed_again", *row):
                _log.error("%s parked %s: %s", self._effect.name, stream, failed.error)
            return None
        following = await self._note(connection, 0, "next_waiting", stream)
        if isinstance(following, int):
            return following
        await self._note(connection, 0, "unblock", stream)
        self._blocked.discard(stream)
        return None

    async def _perform(self, event: Recorded) -> "_Failed | None":
        """Why it failed; None when it is done."""
        about: dict[str, Attribute] = {
            "messaging.system": "hive",
            "messaging.destination.name": event.stream.partition("-")[0],
            "messaging.operation.type": "process",
            "messaging.message.id": event.id,
            "hive.event.type": event.type,
            "hive.position": event.position,
        }
        name = f"effect {self._effect.name}"
        with span(name, event.meta.traceparent, kind="consumer", attributes=about) as step:
            try:
                return await self._once(event)
            except Exception as error:  # noqa: BLE001  an effect fails as it likes; it is kept and shown
                step.fail(type(error).__qualname__)
                _log.warning("%s failed at %d: %r", self._effect.name, event.position, error)
                return _Failed(_shown(error))

    async def _once(self, event: Recorded) -> "_Failed | None":
        with self.handling.one():
            try:
                await self._effect.perform(event, derived_id(event.id, "effect", self._effect.name))
            except PutOff as error:
                _log.info("%s waits %.0f s: %s", self._effect.name, error.seconds, error)
                return _Failed(_shown(error), put_off=error.seconds)
        return None

    async def _note(
        self, connection: asyncpg.Connection, position: int, change: str = "", *args: object
    ) -> object:
        """Move on to that position (never back), with a change, if this process still holds it."""
        if not change:
            await self._move(connection, position)
            return None
        async with connection.transaction():
            await self._move(connection, position)
            return await self._fetchval(connection, change, *args)

    async def _move(self, connection: asyncpg.Connection, position: int) -> None:
        """Raises _TakenOver."""
        moving = (position, self._log_id, self._holder, HELD_SECONDS)
        moved = await self._fetchval(connection, "move_effects", *moving)
        if not isinstance(moved, int):
            raise _TakenOver
        self._noted, self._noted_at = moved, self._clock.monotonic()

    async def _fetchval(self, connection: asyncpg.Connection, name: str, *args: object) -> object:
        return await connection.fetchval(query(name, self._schema), self._effect.name, *args)

    async def _yield(self) -> None:
        """Let another process go on at once."""
        with contextlib.suppress(*FAILURES):
            async with self._pool.acquire() as connection:
                await self._fetchval(connection, "yield_effects", self._holder)
