"""Each process of a stack is killed in turn, and comes back before the next one goes."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from hive_bench.uptime.windows import Kill
from hive_stack import Stack, StackError
from hive_stack.processes import ProcessId, alive

TICK_SECONDS: Final = 0.1
BACK_SECONDS: Final = 60.0
"""So long one waits for a process to come back; then the next one is killed all the same."""


def order(programs: Sequence[str]) -> list[str]:
    """Services first, replicas one after the other, servers last: the gravest at the end."""
    servers = ("redis", "nats", "postgres")
    return [p for p in programs if p not in servers] + [s for s in servers if s in programs]


class Killer:
    def __init__(self, stack: Stack, began: float, told: Callable[[str], None]) -> None:
        self._stack = stack
        self._began = began
        self._told = told
        self.kills: list[Kill] = []

    async def run(self, every: float) -> None:
        """Until cancelled: one kill each `every` seconds, or later where one is not back yet."""
        while True:
            for name in order(self._names()):
                due = time.monotonic() + every
                await asyncio.sleep(every / 2)
                await self._kill(name)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _kill(self, name: str) -> None:
        before = self._process(name)
        if before is None or not alive(before):
            return
        at = time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(before.pid, signal.SIGKILL)
        index = len(self.kills)
        self.kills.append(Kill(name, at - self._began))
        while time.monotonic() < at + BACK_SECONDS:
            await asyncio.sleep(TICK_SECONDS)
            now = self._process(name)
            if now not in (None, before) and now is not None and alive(now):
                back = round(time.monotonic() - at, 1)
                self.kills[index] = Kill(name, at - self._began, back)
                self._told(f"killed {name}: another one runs after {back:.1f} s")
                return
        self._told(f"killed {name}: it did not come back")

    def _names(self) -> list[str]:
        state = self._stack.state()
        return [] if state is None else [p.name for p in state.programs if p.process is not None]

    def _process(self, name: str) -> ProcessId | None:
        try:
            state = self._stack.state()
        except StackError:
            return None  # it is being written
        program = None if state is None else state.program(name)
        return None if program is None else program.process
