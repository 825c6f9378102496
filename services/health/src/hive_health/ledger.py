"""The ledger: what objectives are computed from, counted minute by minute. Adapter.

    record ──what is new, each count──▶ tally ──┐ one transaction: counts, totals, attempts of
    gateways' beats ──what was added──▶ ────────┘ agents, position

One process counts at a time; it holds the ledger's row. The record is counted exactly once, since
position and counts move together; what gateways answer while no health runs, and in the half minute
after it starts, is not counted. It takes
a twentieth of one connection's time at most: under load it comes later, not dearer.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from hive_contracts.heartbeat import Heartbeat
from hive_health.minutes import TYPES, Minutes, Move, OpenTask
from hive_health.tally import Done, GatewayCounts, Increments, tallied
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.port import EventStore
from hive_shared.handling import Handling

STEP_SECONDS: Final = 15.0
"""Of the record's time: while what is behind is counted, waits grow by at least this much."""
REST: Final = 20.0
"""So many times as long as it worked it rests."""
HELD_SECONDS: Final = 60.0
BATCH: Final = 2_000
"""Positions that are counted in one transaction."""
ROLL_UP_SECONDS: Final = 3600.0

_log = logging.getLogger("hive.health.ledger")


def _query(name: str) -> str:
    return files(__package__).joinpath("queries", f"{name}.sql").read_text()


_HOLD: Final = _query("hold_ledger")
_MOVE: Final = _query("move_ledger")
_ADD: Final = _query("add_counts")
_TALLY: Final = _query("tally")
_ATTEMPTS: Final = _query("note_attempts")
_DEADLINES: Final = (_query("note_deadlines"), _query("drop_deadlines"))
_FORGET: Final = (
    "delete from health.attempts where ended_at < clock_timestamp() - interval '100 days'"
)
_WINDOWS: Final = _query("windows")
_ROLL_UP: Final = _query("roll_up")
_MOVES: Final = _query("moves")
_KEEP_OPEN: Final = _query("keep_open")
_OPEN: Final = (
    "select stream, mission, agent, gating, state, held, since, waited, counted"
    " from health.open_tasks"
)
_PAUSED: Final = "select mission from health.paused_missions"
_UNTIL: Final = "select minutes_until, fewer_slots, overridden from health.ledger"
_CLOSE: Final = "delete from health.open_tasks where stream = any($1::text[])"
_FORGET_PAUSED: Final = "delete from health.paused_missions"
_PAUSE: Final = "insert into health.paused_missions select unnest($1::text[])"
_KEEP_UNTIL: Final = (
    "update health.ledger set minutes_until = $1, fewer_slots = $2, overridden = $3"
)
_NOW: Final = "select extract(epoch from clock_timestamp())::float8"
_TOTALS: Final = "select series, value from health.totals"


class _TakenOver(Exception):
    """Another process counts now."""


class Ledger:
    def __init__(
        self, pool: asyncpg.Pool, store: EventStore, clock: Clock, holder: str, release: str
    ) -> None:
        self._pool = pool
        self._store = store
        self._clock = clock
        self._holder = holder
        self._release = release
        self._gateways = GatewayCounts()
        self._minutes: tuple[int, str, Minutes] | None = None
        """Of which position of which history they are; None where they are to be read anew."""
        self.counting = Handling("ledger", clock.monotonic, "job")
        """Its batches of events."""

    def hear(self, beat: Heartbeat) -> None:
        self._gateways.hear(beat)

    def forget(self, alive: set[str]) -> None:
        self._gateways.forget(alive)

    async def run(self, every: float) -> None:
        """Until cancelled; seconds between two counts."""
        rolled_up = self._clock.monotonic() - ROLL_UP_SECONDS
        while True:
            began = self._clock.monotonic()
            try:
                with self.counting.one():
                    more = await self.count()
                if began - rolled_up >= ROLL_UP_SECONDS:
                    await self._pool.execute(_ROLL_UP)
                    await self._pool.execute(_FORGET)
                    rolled_up = began
            except (*FAILURES, StoreError) as error:
                _log.warning("the ledger waits: %r", error)
                more = False
            worked = self._clock.monotonic() - began
            await self._clock.sleep(max(worked * REST, 0.0 if more else every))

    async def count(self) -> bool:
        """Count a batch of what is new; True where there is more. Nothing, while another holds."""
        # Before the head: whatever comes after that happens later, but for what is being appended.
        now: float = await self._pool.fetchval(_NOW)
        head = await self._store.head()
        async with self._pool.acquire() as connection:
            held = await connection.fetchrow(_HOLD, self._holder, HELD_SECONDS)
            said = self._gateways.take(datetime.fromtimestamp(now // 60 * 60, UTC))
            if held is None:
                return False
            position: int = held["position"]
            if held["log_id"] not in ("", head.log_id) and position > head.position:
                position = head.position  # the end of another history was counted already
            upto = min(position + BATCH, head.position)
            rows = await connection.fetch(_TALLY, position, upto)
            increments = tallied(Done(*row) for row in rows)
            increments.update(said)
            minutes = await self._pass(connection, held, head.log_id)
            moves = [Move(*row) for row in await connection.fetch(_MOVES, position, upto, TYPES)]
            for move in moves:
                minutes.fold(move)
            if upto == head.position:
                minutes.grow(now)
            elif moves and moves[-1].at - minutes.until >= STEP_SECONDS:
                minutes.grow(moves[-1].at)
            increments.update(minutes.take())
            try:
                await self._note(connection, increments, minutes, position, upto, head.log_id)
            except _TakenOver:
                return False
            self._minutes = (upto, head.log_id, minutes)
        return upto < head.position

    async def _pass(
        self, connection: asyncpg.Connection, held: asyncpg.Record, log_id: str
    ) -> Minutes:
        """The minutes of tasks as they are kept with the position. Until they are kept again they
        are to be read anew. Of another history nothing is known of any task."""
        known, self._minutes = self._minutes, None
        if known is not None and known[:2] == (held["position"], log_id):
            return known[2]
        until, fewer, overridden = await connection.fetchrow(_UNTIL)
        tasks = [OpenTask(*row) for row in await connection.fetch(_OPEN)]
        if held["log_id"] not in ("", log_id):
            minutes = Minutes(until, fewer_slots=fewer, overridden=overridden)
            minutes.changed.update(task.stream for task in tasks)
            minutes.paused_changed = True
            return minutes
        paused = [row["mission"] for row in await connection.fetch(_PAUSED)]
        return Minutes(until, tasks, paused, fewer_slots=fewer, overridden=overridden)

    async def windows(self, lengths: Sequence[int]) -> list[tuple[str, int, float]]:
        """How much of each series fell into the last so many seconds: key, length, amount."""
        rows = await self._fetch(_WINDOWS, list(lengths))
        return [(row["series"], row["length"], row["value"]) for row in rows]

    async def totals(self) -> dict[str, float]:
        """By key of the series."""
        return {row["series"]: row["value"] for row in await self._fetch(_TOTALS)}

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Raises StoreError."""
        try:
            rows: list[asyncpg.Record] = await self._pool.fetch(query, *arguments)
        except FAILURES as error:
            raise translated(error) from error
        return rows

    async def _note(
        self,
        connection: asyncpg.Connection,
        increments: Increments,
        minutes: Minutes,
        position: int,
        upto: int,
        log_id: str,
    ) -> None:
        some = [(series.key(), minute, value) for (series, minute), value in increments.items()]
        some = [each for each in some if each[2] > 0]
        async with connection.transaction():
            if await connection.fetchval(_MOVE, self._holder, upto, log_id) is None:
                raise _TakenOver
            await connection.execute(_ATTEMPTS, position, upto, self._release)
            for deadlines in _DEADLINES:
                await connection.execute(deadlines, position, upto)
            if some:
                keys, moments, values = zip(*some, strict=True)
                await connection.execute(_ADD, list(keys), list(moments), list(values))
            await _keep(connection, minutes)


async def _keep(connection: asyncpg.Connection, minutes: Minutes) -> None:
    await connection.execute(_KEEP_UNTIL, minutes.until, minutes.fewer_slots, minutes.overridden)
    changed, minutes.changed = minutes.changed, set()
    if gone := [stream for stream in changed if stream not in minutes.tasks]:
        await connection.execute(_CLOSE, gone)
    if kept := [minutes.tasks[stream] for stream in changed if stream in minutes.tasks]:
        columns = zip(*(msgspec.structs.astuple(task) for task in kept), strict=True)
        await connection.execute(_KEEP_OPEN, *map(list, columns))
    if minutes.paused_changed:
        await connection.execute(_FORGET_PAUSED)
        await connection.execute(_PAUSE, sorted(minutes.paused))
        minutes.paused_changed = False
