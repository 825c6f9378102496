"""The desk in PostgreSQL, schema `orchestrator`."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Final, cast

import asyncpg
import msgspec

from hive_contracts.mission import SpendWall
from hive_contracts.runner import SessionOpened
from hive_contracts.subjects import stream_name
from hive_orchestrator.board import Board, Changes
from hive_orchestrator.cards import Card
from hive_orchestrator.desk import HeldLease, Pulse, Superseded, held_lease
from hive_orchestrator.prerequisites import Prerequisites, WaitChanges
from hive_orchestrator.standing import Standing
from hive_orchestrator.timers import TimedCommand, Timer
from hive_shared.eventstore.pool import FAILURES, open_pool, translated

CONNECTIONS: Final = 4

_MOVE: Final = "update orchestrator.checkpoint set position = $2 where position = $1"
_CARDS: Final = """
    insert into orchestrator.board (task_id, session_id, card)
    select * from unnest($1::text[], $2::text[], $3::json[])
    on conflict (task_id) do update
    set session_id = excluded.session_id, card = excluded.card"""
_TIMERS: Final = """
    insert into orchestrator.timers (id, due_at, stream, command)
    select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::json[])
    on conflict (id) do nothing"""
_SUCCEEDED: Final = """
    insert into orchestrator.succeeded (series) select unnest($1::text[]) on conflict do nothing"""
_WAIT: Final = """
    insert into orchestrator.waits (series, mission_id)
    select * from unnest($1::text[], $2::text[]) on conflict do nothing"""
_WAIT_NO_MORE: Final = """
    delete from orchestrator.waits using unnest($1::text[], $2::text[]) as over (series, mission_id)
    where waits.series = over.series and waits.mission_id = over.mission_id"""
_STANDINGS: Final = """
    insert into orchestrator.standings (mission_id, standing)
    select * from unnest($1::text[], $2::json[])
    on conflict (mission_id) do update set standing = excluded.standing"""
_SESSIONS: Final = """
    insert into orchestrator.sessions (session_id, runner_id, opened, heard_ms)
    select id, runner, opened, hearing.ms
    from unnest($1::text[], $2::text[], $3::json[]) as new (id, runner, opened),
         orchestrator.hearing
    on conflict (session_id) do update set opened = excluded.opened"""
# The hearing clock goes on with the gateways' beats only: most beats of a runner change nothing.
_HEARD: Final = """
    with open as (select from orchestrator.sessions where session_id = $1),
    noted as (
        update orchestrator.sessions set heard_ms = hearing.ms, draining = $2
        from orchestrator.hearing
        where session_id = $1 and (heard_ms, draining) is distinct from (hearing.ms, $2)
    )
    select exists(select from open) as is_open,
        (select json_agg(card order by task_id) from orchestrator.board where session_id = $1)"""
_HEARD_OURSELVES: Final = """
    update orchestrator.hearing
    set ms = ms + least(greatest(extract(epoch from clock_timestamp() - last_at) * 1000, 0), $1),
        last_at = greatest(last_at, clock_timestamp())"""
_PULSES: Final = """
    select session_id, runner_id, hearing.ms - heard_ms as silent_ms, draining
    from orchestrator.sessions, orchestrator.hearing"""
# Names are taken in alphabetical order, so that two callers never wait for each other.
_NUMBERS: Final = """
    insert into orchestrator.numbers as known (series, last)
    select name, wanted from unnest($1::text[], $2::int[]) as new (name, wanted) order by name
    on conflict (series) do update set last = known.last + excluded.last
    returning series, last"""


@asynccontextmanager
async def open_postgres_desk(url: str) -> AsyncIterator["PostgresDesk"]:
    """A desk over its own pool of connections. Raises StoreUnavailable."""
    pool = await open_pool(url, CONNECTIONS, derived=True)
    try:
        yield PostgresDesk(pool)
    finally:
        await pool.close()


@contextmanager
def _translation() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise translated(error) from error


class PostgresDesk:
    """A Desk over a pool that the caller opens and closes; all raise StoreUnavailable."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @property
    def pool(self) -> asyncpg.Pool:
        """Its connections, to be looked at."""
        return self._pool

    async def load(self) -> Board:
        with _translation():
            return await self._load()

    async def _load(self) -> Board:
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            position = await connection.fetchval("select position from orchestrator.checkpoint")
            cards = await connection.fetch("select card from orchestrator.board")
            timers = await connection.fetch("select id, due_at, command from orchestrator.timers")
            succeeded = await connection.fetch("select series from orchestrator.succeeded")
            waits = await connection.fetch("select series, mission_id from orchestrator.waits")
            sessions = await connection.fetch("select opened from orchestrator.sessions")
            standings = await connection.fetch("select standing from orchestrator.standings")
        return Board(
            position,
            [_CARD.decode(row["card"]) for row in cards],
            [Timer(row["id"], row["due_at"], _COMMAND.decode(row["command"])) for row in timers],
            [_SESSION.decode(row["opened"]) for row in sessions],
            Prerequisites((row["series"] for row in succeeded), map(tuple, waits)),
            [_STANDING.decode(row["standing"]) for row in standings],
        )

    async def keep(self, before: int, after: int, changes: Changes) -> None:
        with _translation():
            await self._keep(before, after, changes)

    async def _keep(self, before: int, after: int, changes: Changes) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.execute(_MOVE, before, after) != "UPDATE 1":
                raise Superseded(f"the checkpoint is not at {before} any more")
            await _keep_cards(connection, changes)
            await _keep_timers(connection, changes)
            await _keep_sessions(connection, changes)
            await _keep_prerequisites(connection, changes.prerequisites)
            await _keep_standings(connection, changes)

    async def now(self) -> datetime:
        [[moment]] = await self._fetch("select clock_timestamp()")
        return cast(datetime, moment)

    async def pulses(self) -> Sequence[Pulse]:
        return [Pulse(*row) for row in await self._fetch(_PULSES)]

    async def heard(self, session_id: str, draining: bool) -> Sequence[HeldLease] | None:
        [[is_open, found]] = await self._fetch(_HEARD, session_id, draining)
        if not is_open:
            return None
        cards = _HELD.decode(found or b"[]")
        return [held_lease(card) for card in cards]

    async def heard_ourselves(self, most_ms: int) -> None:
        await self._fetch(_HEARD_OURSELVES, most_ms)

    async def take_numbers(self, series: Collection[str]) -> list[int]:
        if not series:
            return []
        wanted = Counter(series)
        rows = await self._fetch(_NUMBERS, list(wanted), list(wanted.values()))
        following = {row["series"]: row["last"] - wanted[row["series"]] for row in rows}
        numbers: list[int] = []
        for name in series:
            following[name] += 1
            numbers.append(following[name])
        return numbers

    async def _fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        with _translation():
            rows: list[asyncpg.Record] = await self._pool.fetch(query, *arguments)
            return rows


async def _keep_cards(connection: Any, changes: Changes) -> None:
    kept = [card for card in changes.cards.values() if card is not None]
    gone = [id for id, card in changes.cards.items() if card is None]
    if kept:
        await connection.execute(
            _CARDS,
            [card.task_id for card in kept],
            [card.session_id for card in kept],
            [_json(card) for card in kept],
        )
    if gone:
        await connection.execute("delete from orchestrator.board where task_id = any($1)", gone)


async def _keep_timers(connection: Any, changes: Changes) -> None:
    kept = [timer for timer in changes.timers.values() if timer is not None]
    gone = [id for id, timer in changes.timers.items() if timer is None]
    if kept:
        await connection.execute(
            _TIMERS,
            [timer.id for timer in kept],
            [timer.due_at for timer in kept],
            [stream_name(_category(timer), timer.about) for timer in kept],
            [_json(timer.command) for timer in kept],
        )
    if gone:
        await connection.execute("delete from orchestrator.timers where id = any($1)", gone)


def _category(timer: Timer) -> str:
    return "mission" if isinstance(timer.command, SpendWall) else "task"


async def _keep_standings(connection: Any, changes: Changes) -> None:
    kept = [standing for standing in changes.standings.values() if standing is not None]
    gone = [id for id, standing in changes.standings.items() if standing is None]
    if kept:
        ids = [standing.mission_id for standing in kept]
        await connection.execute(_STANDINGS, ids, [_json(standing) for standing in kept])
    if gone:
        await connection.execute(
            "delete from orchestrator.standings where mission_id = any($1)", gone
        )


async def _keep_sessions(connection: Any, changes: Changes) -> None:
    opened = [session for session in changes.sessions.values() if session is not None]
    closed = [id for id, session in changes.sessions.items() if session is None]
    if closed:
        await connection.execute(
            "delete from orchestrator.sessions where session_id = any($1)", closed
        )
    if opened:
        await connection.execute(
            _SESSIONS,
            [session.session_id for session in opened],
            [session.runner_id for session in opened],
            [_json(session) for session in opened],
        )


async def _keep_prerequisites(connection: Any, changes: WaitChanges) -> None:
    if changes.succeeded:
        await connection.execute(_SUCCEEDED, sorted(changes.succeeded))
    begun = sorted(wait for wait, begun in changes.waits.items() if begun)
    over = sorted(wait for wait, begun in changes.waits.items() if not begun)
    for statement, waits in ((_WAIT, begun), (_WAIT_NO_MORE, over)):
        if waits:
            series, missions = zip(*waits, strict=True)
            await connection.execute(statement, series, missions)


_json: Final = msgspec.json.encode


_CARD: Final = msgspec.json.Decoder(Card)
_HELD: Final = msgspec.json.Decoder(list[Card])
_COMMAND: Final = msgspec.json.Decoder(TimedCommand)
_STANDING: Final = msgspec.json.Decoder(Standing)
_SESSION: Final = msgspec.json.Decoder(SessionOpened)
