"""Baselines and changes by what the ledger has noted. Adapter."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final

import asyncpg
from msgspec.structs import replace

from hive_contracts.health import AttemptChange, Baselines
from hive_health.baselines.attempts import Attempt
from hive_health.baselines.regressions import (
    Regression,
    Work,
    baselines,
    changes,
    works,
    worse_of,
)
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.eventstore.pool import FAILURES, translated

LOOK_SECONDS: Final = 60.0
REST: Final = 20.0
"""So many times as long as it worked it rests."""
DAYS: Final = 28
MOST: Final = 5_000
"""Attempts that are looked at, the newest."""
_NO_LAUNCH: Final = ("attempt", "settings")
"""What no launch brings: the settings of a profile are the runner's, whenever its mission began."""
_LAUNCHES: Final = files("hive_health").joinpath("queries", "launches_of.sql").read_text()
_ATTEMPTS: Final = files("hive_health").joinpath("queries", "attempts.sql").read_text()

_log = logging.getLogger("hive.health.baselines")


class Regressions:
    """Answers with what is noted; computed anew only where there is more."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self.worse: tuple[Regression, ...] | None = None
        """What is worse than it was; None until somebody has looked."""
        self._looked_at: dict[Work, tuple[list[Attempt], tuple[Regression, ...]]] = {}
        """Of each work its attempts, and what is worse: it is looked at anew with a new attempt."""
        self._computing = asyncio.Lock()
        self._known: tuple[list[Attempt], Baselines] = ([], Baselines())

    async def look(self, days: int) -> Baselines:
        """Raises StoreError."""
        attempts, many = await self._attempts(days)
        async with self._computing:
            if self._known[0] != attempts:
                found = await asyncio.to_thread(_computed, attempts, many)
                changes = await self._with_launches(found.changes)
                self._known = (attempts, replace(found, changes=tuple(changes)))
            return self._known[1]

    async def _attempts(self, days: int) -> tuple[list[Attempt], int]:
        """Those that are looked at, and how many were found."""
        try:
            rows = await self._pool.fetch(_ATTEMPTS, days, MOST + 1)
        except FAILURES as error:
            raise translated(error) from error
        return [Attempt(*row) for row in rows[:MOST]], len(rows)

    async def look_for_worse(self) -> None:
        """Looks anew where more is known. Raises StoreError."""
        attempts, _ = await self._attempts(DAYS)
        now = works(attempts)
        for work, group in now.items():
            known, _ = self._looked_at.get(work, ([], ()))
            if known != group:
                found = await asyncio.to_thread(worse_of, work, group)
                changes = await self._with_launches([each.change for each in found])
                pairs = zip(found, changes, strict=True)
                told = tuple(replace(each, change=change) for each, change in pairs)
                self._looked_at[work] = group, told
        self._looked_at = {work: self._looked_at[work] for work in now}
        self.worse = tuple(each for _, told in self._looked_at.values() for each in told)

    async def _with_launches(self, changes: Sequence[AttemptChange]) -> list[AttemptChange]:
        """The event before one is the launch with which something else came, where it is known.

        Raises StoreError.
        """
        brought = [
            before.position
            for change in changes
            if (before := change.preceded_by) is not None and before.kind not in _NO_LAUNCH
        ]
        if not brought:
            return list(changes)
        try:
            rows = await self._pool.fetch(_LAUNCHES, brought)
        except FAILURES as error:
            raise translated(error) from error
        launches = {row["ended"]: (row["position"], row["at_ms"]) for row in rows}
        return [_launched_at(change, launches) for change in changes]

    async def run(self) -> None:
        """Looks once a minute for what became worse, until cancelled; more seldom where that takes
        long."""
        while True:
            began = self._clock.monotonic()
            try:
                await self.look_for_worse()
            except StoreError as error:
                _log.warning("what became worse is not known: %s", error)
            worked = self._clock.monotonic() - began
            await self._clock.sleep(max(LOOK_SECONDS, worked * REST))


def _launched_at(change: AttemptChange, launches: Mapping[int, tuple[int, int]]) -> AttemptChange:
    before = change.preceded_by
    if before is None or before.kind in _NO_LAUNCH or before.position not in launches:
        return change
    position, at_ms = launches[before.position]
    return replace(change, preceded_by=replace(before, position=position, at_ms=at_ms))


def _computed(attempts: list[Attempt], many: int) -> Baselines:
    return Baselines(
        tuple(baselines(attempts)), tuple(changes(attempts)), left_out=many - len(attempts)
    )
