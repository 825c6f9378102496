"""Is there a connection to be had? A pool is asked for one now and then.

asyncpg says how many are in use, but not how long others wait for one. Whoever asks while none is
free learns it, and waits like everybody else. Adapter.
"""

import contextlib
from typing import Final

import asyncpg

from hive_contracts.heartbeat import PoolUse
from hive_shared.clock import Clock
from hive_shared.eventstore.pool import FAILURES

EVERY_SECONDS: Final = 1.0


class PoolProbe:
    def __init__(self, name: str, pool: asyncpg.Pool, clock: Clock) -> None:
        self._name = name
        self._pool = pool
        self._clock = clock
        self._asked_at: float | None = None
        self._waited = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._ask()
            await self._clock.sleep(EVERY_SECONDS)

    def use(self) -> PoolUse:
        size, idle = self._pool.get_size(), self._pool.get_idle_size()
        waited = self._waited
        if self._asked_at is not None:
            waited = max(waited, self._clock.monotonic() - self._asked_at)
        return PoolUse(self._name, self._pool.get_max_size(), size - idle, round(waited, 3))

    async def _ask(self) -> None:
        if self._pool.get_idle_size() or self._pool.get_size() < self._pool.get_max_size():
            self._waited = 0.0
            return
        began = self._asked_at = self._clock.monotonic()
        # A failure of the server is for whoever looks at the record to tell.
        with contextlib.suppress(*FAILURES):
            async with self._pool.acquire():
                pass
        self._waited = self._clock.monotonic() - began
        self._asked_at = None
