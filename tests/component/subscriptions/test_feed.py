"""A feed over a bus that cannot serve."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from hive_contracts.envelope import Recorded
from hive_shared.bus.errors import BrokenFeed
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.subscriptions.feed import Feed
from tests.suites.bus import SOON, FastClock, Writer, running


class Broken:
    """A bus, and its reader: there is a hole just behind where it is opened."""

    def __init__(self) -> None:
        self.opened = 0
        self.clock = FastClock()

    async def open(self, log_id: str, after: int, arrived: Callable[[], None]) -> "Broken":
        self.opened += 1
        assert self.opened < 100, "it is opened again and again"
        return self

    async def take(self, limit: int) -> list[Recorded]:
        raise BrokenFeed("a hole")

    def skip_to(self, position: int) -> None:
        raise AssertionError("it never gave anything")

    async def close(self) -> None:
        return


async def test_a_bus_that_is_broken_at_once_is_tried_again_after_a_moment() -> None:
    store, bus = MemoryEventStore(SystemClock()), Broken()
    writer, seen = Writer(store), list[int]()
    came = asyncio.Event()

    async def follow() -> None:
        async with aclosing(Feed(store, bus.clock, bus).batches(0)) as batches:
            async for batch in batches:
                seen.extend(event.position for event in batch.events)
                came.set()

    async with running(follow()):
        for last in (20, 40, 60):
            await writer.write(20)
            async with asyncio.timeout(SOON):
                while seen[-1:] != [last]:
                    await came.wait()
                    came.clear()
        await bus.clock.sleep(5)
    assert seen == list(range(1, 61))
