"""The event store in PostgreSQL. The protocol of an append is told in `groupcommit`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final

import asyncpg
import msgspec

from hive_contracts.envelope import Meta, Recorded
from hive_shared.eventstore.admission import admit, check_command
from hive_shared.eventstore.errors import CommandReused, CommandTooOld
from hive_shared.eventstore.groupcommit import LANES, GroupCommit, OnAppended
from hive_shared.eventstore.pool import FAILURES, open_pool, translated
from hive_shared.eventstore.port import Append, Appended, CommandKey, Fence, Head
from hive_shared.eventstore.traced import statement
from hive_shared.handling import Handling


def _query(name: str) -> str:
    return files(__package__).joinpath("queries", f"{name}.sql").read_text()


_READ_STREAM: Final = _query("read_stream")
_READ_ALL: Final = _query("read_all")
_READ_CATEGORY: Final = _query("read_category")
_HEAD: Final = _query("head")
_FIRST_ANSWER: Final = _query("first_answer")
_TAKE_FENCE: Final = _query("take_fence")
_RELEASE_FENCE: Final = _query("release_fence")

_READERS: Final = 4
"""Connections beside those that append."""

_EVENTS: Final = "SELECT hive.events"
_COMMANDS: Final = "SELECT hive.commands"
_FENCES: Final = "SELECT hive.fences"

_decode_meta: Final = msgspec.json.Decoder(Meta).decode


@asynccontextmanager
async def open_postgres_store(
    url: str, *, on_appended: OnAppended | None = None, appends: Handling | None = None
) -> AsyncIterator["PostgresEventStore"]:
    """A store over its own pool of connections; on leaving, appends on their way are answered.

    `on_appended` is called with the last position of each batch after its commit: a wake-up, which
    is lost with the process. `appends` is told of each statement that appends. Raises
    StoreUnavailable.
    """
    pool = await open_pool(url, LANES + _READERS)
    store = PostgresEventStore(pool, on_appended=on_appended, appends=appends)
    try:
        yield store
    finally:
        await store.drain()
        await pool.close()


class PostgresEventStore:
    """EventStore (see `port`) over PostgreSQL 15 or later, as one of the services' roles."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        on_appended: OnAppended | None = None,
        appends: Handling | None = None,
    ) -> None:
        self._pool = pool
        self._commits = GroupCommit(pool, on_appended, appends)

    @property
    def pool(self) -> asyncpg.Pool:
        """Its connections, to be looked at."""
        return self._pool

    @property
    def waiting(self) -> int:
        """Appends that wait to be sent."""
        return len(self._commits)

    async def append(self, append: Append) -> Appended:
        return await self._commits.append(admit(append))

    async def drain(self) -> None:
        """Wait until every append that is on its way is answered."""
        await self._commits.drain()

    async def first_answer(self, command: CommandKey) -> Appended | None:
        check_command(command)
        [row] = await self._fetch(_COMMANDS, _FIRST_ANSWER, command.id, command.caller)
        if row["old"]:
            raise CommandTooOld(f"{command.id} is older than 30 days")
        if row["fingerprint"] is None:
            return None
        if row["fingerprint"] != command.fingerprint:
            raise CommandReused(f"{command.id} was used for another payload")
        return Appended(row["position"], row["answer"], repeated=True)

    async def read_stream(self, stream: str, after: int = 0, limit: int = 1000) -> list[Recorded]:
        return _recorded(await self._fetch(_EVENTS, _READ_STREAM, stream, after, limit))

    async def read_all(self, after: int, limit: int = 1000) -> list[Recorded]:
        return _recorded(await self._fetch(_EVENTS, _READ_ALL, after, limit))

    async def read_category(self, category: str, after: int, limit: int = 1000) -> list[Recorded]:
        return _recorded(await self._fetch(_EVENTS, _READ_CATEGORY, category, after, limit))

    async def head(self) -> Head:
        [row] = await self._fetch(_EVENTS, _HEAD)
        return Head(row["position"], row["log_id"])

    async def take_fence(self, name: str, holder: str, ttl_ms: int) -> Fence | None:
        [row] = await self._fetch(_FENCES, _TAKE_FENCE, name, holder, ttl_ms)
        return None if row["token"] is None else Fence(name, row["token"])

    async def release_fence(self, fence: Fence) -> None:
        await self._fetch(_FENCES, _RELEASE_FENCE, fence.name, fence.token)

    async def _fetch(self, summary: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        try:
            with statement(summary):
                rows: list[asyncpg.Record] = await self._pool.fetch(query, *arguments)
        except FAILURES as error:
            raise translated(error) from error
        return rows


def _recorded(rows: list[asyncpg.Record]) -> list[Recorded]:
    return [
        Recorded(position, stream, version, id, type, data, _decode_meta(meta), recorded_at)
        for position, stream, version, id, type, data, meta, recorded_at in rows
    ]
