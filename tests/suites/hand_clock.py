"""A clock that is moved on by hand: whoever sleeps wakes when it has come so far."""

import asyncio
import math


class HandClock:
    def __init__(self, ms: int = 1_767_268_800_000) -> None:
        self._ms = ms
        self._sleeping: list[tuple[float, asyncio.Future[None]]] = []

    @property
    def ms(self) -> int:
        """Milliseconds since 1970."""
        return self._ms

    @ms.setter
    def ms(self, now: int) -> None:
        self._ms = now
        due = [future for until, future in self._sleeping if until <= self.monotonic()]
        self._sleeping = [each for each in self._sleeping if each[1] not in due]
        for future in due:
            if not future.done():  # nobody waits for it any more
                future.set_result(None)

    @property
    def sleepers(self) -> int:
        return sum(not future.done() for _, future in self._sleeping)

    @property
    def next_ms(self) -> int:
        """When the first of them wakes."""
        waiting = [until for until, future in self._sleeping if not future.done()]
        return math.ceil(min(waiting) * 1000)

    def now_ms(self) -> int:
        return self._ms

    def monotonic(self) -> float:
        return self._ms / 1000

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        if seconds <= 0:
            future.set_result(None)
        self._sleeping.append((self.monotonic() + seconds, future))
        await future
