"""What the relay does to the log, as role hive_relay. Adapter."""

import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Final

import asyncpg

from hive_contracts.subjects import event_stream_name
from hive_shared.bus.events import Retention
from hive_shared.bus.survey import Held
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.pool import FAILURES, open_pool, translated

_log = logging.getLogger("hive.relay")

APPEND_LOCK: Final = 1751742053
"""hive.append's own: while it is held nothing is appended, and no other relay judges."""
REBUILD_EVENTS: Final = 100_000
"""How many events are published again when the stream is made anew, at most."""
UPKEEP_SECONDS: Final = 60.0
CHECK_SECONDS: Final = 24 * 3600.0
"""Between two proofs that the log is whole."""
PROOF_SECONDS: Final = 3600.0
"""How long one may take: it reads the log whole."""
PURGED_AT_ONCE: Final = 10_000
CONNECTIONS: Final = 2


def _query(name: str) -> str:
    return files(__package__).joinpath("queries", f"{name}.sql").read_text()


_TRUTH: Final = _query("truth")
_IS_OLDER: Final = _query("is_older")


@contextlib.asynccontextmanager
async def opened_pool(url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections for a `PostgresLog`. Raises StoreUnavailable."""
    pool = await open_pool(url, CONNECTIONS)
    try:
        yield pool
    finally:
        await pool.close()


class PostgresLog:
    def __init__(self, pool: asyncpg.Pool, retention: Retention) -> None:
        self._pool = pool
        self._retention = retention

    @property
    def pool(self) -> asyncpg.Pool:
        """Its connections, to be looked at."""
        return self._pool

    async def renew_if_bus_is_wrong(self, held: Held, log_id: str) -> str:
        async with _translated(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", APPEND_LOCK)
            # A statement of its own: its snapshot is taken after the lock is held.
            truth = await connection.fetchrow(_TRUTH, held.last)
            if truth["standby"]:
                raise StoreUnavailable("this is a standby, not the primary")
            if truth["log_id"] != log_id or held.stream != event_stream_name(log_id):
                return str(truth["log_id"])
            same = not held.last_id or truth["event_id"] == held.last_id
            if same and held.last <= truth["position"]:
                return log_id
            return str(await connection.fetchval("select hive.renew_log_id($1)", log_id))

    async def recent_position(self) -> int:
        async with _translated(), self._pool.acquire() as connection:
            head = (await connection.fetchrow(_TRUTH, 0))["position"]
            first, after = max(1, head - REBUILD_EVENTS + 1), head + 1
            # Times never run backwards along the log: the border is found by halving.
            while first < after:
                middle = (first + after) // 2 if after - first > 1 else first
                if await connection.fetchval(_IS_OLDER, middle, self._retention.max_age_s):
                    first = middle + 1
                else:
                    after = middle
            return int(first)

    async def keep_up(self, clock: Clock) -> None:
        """Partitions ahead and old commands gone, every minute, until cancelled."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                async with _translated(), self._pool.acquire() as connection:
                    await connection.execute("select hive.ensure_partitions()")
                    purge = "select hive.purge_commands($1)"
                    while await connection.fetchval(purge, PURGED_AT_ONCE) == PURGED_AT_ONCE:
                        continue
            await clock.sleep(UPKEEP_SECONDS)

    async def faults(self) -> list[str]:
        """What is wrong with the log, a line for each; none where it is whole."""
        query = "select stream, fault from hive.check_streams()"
        async with _translated():
            found = await self._pool.fetch(query, timeout=PROOF_SECONDS)
        return [f"{row['stream'] or 'the log'}: {row['fault']}" for row in found]

    async def check_daily(self, clock: Clock) -> None:
        """Prove the log whole once a day, until cancelled; what is wrong is logged as critical."""
        while True:
            await clock.sleep(CHECK_SECONDS)
            with contextlib.suppress(StoreUnavailable):
                for fault in await self.faults():
                    _log.critical("the record is damaged: %s", fault)


@contextlib.asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except FAILURES as error:
        raise translated(error) from error
