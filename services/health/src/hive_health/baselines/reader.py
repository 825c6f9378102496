"""Baselines and changes by what the ledger has noted. Adapter."""

import asyncio
from importlib.resources import files
from typing import Final

import asyncpg

from hive_contracts.health import Baselines
from hive_health.baselines.attempts import Attempt
from hive_health.baselines.regressions import baselines, changes
from hive_shared.eventstore.pool import FAILURES, translated

MOST: Final = 5_000
"""Attempts that are looked at, the newest."""
_ATTEMPTS: Final = files("hive_health").joinpath("queries", "attempts.sql").read_text()


class Regressions:
    """Answers with what is noted; computed anew only where there is more."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._computing = asyncio.Lock()
        self._known: tuple[list[Attempt], Baselines] = ([], Baselines())

    async def look(self, days: int) -> Baselines:
        """Raises StoreError."""
        try:
            rows = await self._pool.fetch(_ATTEMPTS, days, MOST + 1)
        except FAILURES as error:
            raise translated(error) from error
        attempts = [Attempt(*row) for row in rows[:MOST]]
        async with self._computing:
            if self._known[0] != attempts:
                self._known = (attempts, await asyncio.to_thread(_computed, attempts, len(rows)))
            return self._known[1]


def _computed(attempts: list[Attempt], many: int) -> Baselines:
    return Baselines(
        tuple(baselines(attempts)), tuple(changes(attempts)), left_out=many - len(attempts)
    )
