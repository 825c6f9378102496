"""Crashes and doubts at the store and the desk."""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hive_orchestrator.board import Changes
from hive_orchestrator.desk_memory import MemoryDesk
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, Appended
from tests.suites.simulator.clock import VirtualClock

T = TypeVar("T")


class Crash(Exception):
    """The process that was at work is gone."""


class Faults:
    """Whether the next call fails, and how."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.rate = 0.0

    async def around(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call, or a crash or a doubt before or after it took effect."""
        if self._chance.random() >= self.rate:
            return await call()
        error = self._chance.choice([Crash, StoreUnavailable])
        if self._chance.random() < 0.5:
            await call()
        raise error("simulated")


class FaultyStore(MemoryEventStore):
    def __init__(self, clock: VirtualClock, faults: Faults) -> None:
        super().__init__(clock)
        self._faults = faults

    async def append(self, append: Append) -> Appended:
        return await self._faults.around(lambda: super(FaultyStore, self).append(append))


class FaultyDesk(MemoryDesk):
    def __init__(self, clock: VirtualClock, faults: Faults) -> None:
        super().__init__(clock.now)
        self._faults = faults

    async def keep(self, before: int, after: int, changes: Changes) -> None:
        await self._faults.around(lambda: super(FaultyDesk, self).keep(before, after, changes))
