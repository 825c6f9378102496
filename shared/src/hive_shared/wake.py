"""Waiting for news, but not for ever: hints wake, a clock is the net."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hive_shared.clock import Clock


class Wake:
    """Set by whoever has news; waited for by one task."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._news = asyncio.Event()

    def set(self) -> None:
        self._news.set()

    def clear(self) -> None:
        """What was told until now is no news any more."""
        self._news.clear()

    async def wait(self, seconds: float) -> bool:
        """Until there is news, or so many seconds have passed: then False. Takes the news."""
        if not self._news.is_set():
            await first_of(self._news.wait(), self._clock.sleep(seconds))
        told = self._news.is_set()
        self._news.clear()
        return told


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when one of them has ended; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
