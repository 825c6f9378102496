"""Loops that run in one process of all: in the one that holds an advisory lock. Adapter.

    asks every 2 s ──lock is free──▶ loops run ──connection is gone──▶ loops are cancelled ─┐
          ▲─────────────────────────────────────────────────────────────────────────────────┘

The lock goes with its connection: PostgreSQL frees it when the process dies, and a process that
cannot ask PostgreSQL any more runs nothing. For that moment two may run side by side, which does
no harm: whatever a loop does is looked for before, or recorded once. It saves GitHub's limits.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg

from hive_shared.clock import Clock
from hive_shared.eventstore.pool import CONNECT_SECONDS, FAILURES, STATEMENT_SECONDS

LOOK_SECONDS: Final = 2.0

_log = logging.getLogger("hive.github.sole")

Loops = Mapping[str, Coroutine[Any, Any, None]]
"""By the name of their task. None of them ends by itself."""


class _LockGone(Exception):
    """PostgreSQL cannot be asked, so nobody here has it."""


class Sole:
    def __init__(self, name: str, url: str, clock: Clock) -> None:
        """`name`: of what is done by one process at a time. `url`: of the database."""
        self._key = _key(name)
        self._name = name
        self._url = url
        self._clock = clock

    async def run(self, loops: Callable[[], Loops]) -> None:
        """Run them whenever it is this process's turn, until cancelled. Raises what a loop does."""
        while True:
            try:
                async with self._connected() as connection:
                    await self._take(connection)
                    _log.info("%s: this process does them", self._name)
                    await self._run(connection, loops())
            except _LockGone as gone:
                _log.warning("%s: whoever can goes on with them: %s", self._name, gone)
            await self._clock.sleep(LOOK_SECONDS)

    async def _run(self, connection: asyncpg.Connection, loops: Loops) -> None:
        """Until the lock is gone; raises _LockGone, or the error of the first loop that failed."""
        tasks = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
        tasks.append(asyncio.create_task(self._watch(connection), name=f"lock of {self._name}"))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
        raise RuntimeError(f"{', '.join(task.get_name() for task in done)} ended by itself")

    async def _watch(self, connection: asyncpg.Connection) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            with _translated():
                await connection.execute("select 1")

    async def _take(self, connection: asyncpg.Connection) -> None:
        while True:
            with _translated():
                if await connection.fetchval("select pg_try_advisory_lock($1)", self._key):
                    return
            await self._clock.sleep(LOOK_SECONDS)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        with _translated():
            connection = await asyncpg.connect(
                self._url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS
            )
        try:
            yield connection
        finally:
            connection.terminate()  # and with it the lock


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise _LockGone(f"PostgreSQL: {type(error).__name__}: {error}") from error


def _key(name: str) -> int:
    digest = hashlib.sha256(f"github {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
