"""Processes that go on when they are let, and time that passes when it is told to."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, Final

LET_RUN: Final = 5
"""Turns of the event loop from one call of a port to the next; nothing depends on it."""
START_MS: Final = 1_700_000_000_000


class Machine:
    """What all processes share: the time, the chance, and whose step is next."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.ms = START_MS
        self.doubts = 0.0
        """How often a call fails."""
        self.processes: list[Process] = []
        self._waiting: list[tuple[Process, asyncio.Future[None]]] = []
        self._sleeping: list[tuple[int, Process, asyncio.Future[None]]] = []

    def doubt(self) -> bool:
        return self.chance.random() < self.doubts

    async def step(self, process: "Process") -> None:
        """Until whoever drives lets this process go on."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((process, turn))
        await turn

    async def sleep(self, process: "Process", seconds: float) -> None:
        awake = asyncio.get_running_loop().create_future()
        self._sleeping.append((self.ms + max(1, int(seconds * 1000)), process, awake))
        await awake

    async def go_on(self) -> bool:
        """One step of one process; False where none can go on."""
        self._waiting = [one for one in self._waiting if not one[1].done()]
        able = [one for one in self._waiting if not one[0].frozen]
        if not able:
            return False
        self.chance.choice(able)[1].set_result(None)
        await self.settle()
        return True

    async def pass_time(self, ms: int = 0) -> None:
        """So much, or until the next one wakes up."""
        self._sleeping = [one for one in self._sleeping if not one[2].done()]
        dues = [due for due, process, _ in self._sleeping if not process.frozen]
        self.ms = max(self.ms + ms, self.ms if ms else min(dues, default=self.ms + 1000))
        for due, process, awake in self._sleeping:
            if due <= self.ms and not process.frozen:
                awake.set_result(None)
        await self.settle()

    async def settle(self) -> None:
        """Whoever was let goes on to its next step. What failed for good fails the simulation."""
        for _ in range(LET_RUN):
            await asyncio.sleep(0)
        for process in self.processes:
            process.check()


class Process:
    """A process: the clock that it sees, and its end."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine = machine
        self.name = name
        self.frozen = False
        self.alive = True
        self._jobs: list[asyncio.Task[object]] = []

    def run(self, job: Coroutine[Any, Any, object]) -> None:
        self._jobs.append(asyncio.ensure_future(job))

    async def step(self) -> None:
        """Before and after whatever it does to something outside of itself."""
        if not self.alive:
            raise asyncio.CancelledError
        await self.machine.step(self)

    def kill(self) -> None:
        """SIGKILL: what it would still say on its way out is not heard."""
        self.alive = False
        for job in self._jobs:
            job.cancel()

    def check(self) -> None:
        for job in self._jobs:
            if self.alive and job.done():
                job.result()

    def now_ms(self) -> int:
        return self.machine.ms

    def monotonic(self) -> float:
        return self.machine.ms / 1000

    async def sleep(self, seconds: float) -> None:
        if not self.alive:
            raise asyncio.CancelledError
        await self.machine.sleep(self, seconds)
