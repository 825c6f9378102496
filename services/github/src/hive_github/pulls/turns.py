"""One at a time for each mission's pull request, whichever process it is in. Adapter.

What is done on GitHub is looked for before it is done. Two that look at the same moment would both
do it: answer twice, comment twice.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, Protocol

import asyncpg

from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.pool import FAILURES, translated

CONNECTIONS: Final = 4
"""One for each that may be at it at the same time; a turn keeps its own."""
WAIT_SECONDS: Final = 30.0
_PAUSE: Final = 0.2


class Turns(Protocol):
    def of(self, mission_id: str) -> AbstractAsyncContextManager[None]:
        """Raises StoreError where it is somebody else's for long: to be tried again."""
        ...


class SharedTurns:
    """By an advisory lock of PostgreSQL: it goes with the connection of whoever dies."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @asynccontextmanager
    async def of(self, mission_id: str) -> AsyncIterator[None]:
        """Raises StoreUnavailable."""
        try:
            connection = await self._pool.acquire()
        except FAILURES as error:
            raise translated(error) from error
        key, is_free = _key(mission_id), False
        try:
            await self._take(connection, key)
            try:
                yield
            finally:
                with suppress(*FAILURES):
                    await connection.execute("select pg_advisory_unlock($1)", key)
                    is_free = True
        finally:
            if not is_free:
                connection.terminate()  # no lock stays in the pool
            await self._pool.release(connection)

    async def _take(self, connection: asyncpg.Connection, key: int) -> None:
        until = self._clock.monotonic() + WAIT_SECONDS
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", key):
                if self._clock.monotonic() > until:
                    raise StoreUnavailable("another process is at work on that pull request")
                await self._clock.sleep(_PAUSE)
        except FAILURES as error:
            raise translated(error) from error


def _key(mission_id: str) -> int:
    digest = hashlib.sha256(f"pull request of {mission_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
