"""A feed over a bus that cannot serve."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from hive_contracts.envelope import Recorded
from hive_shared.bus.errors import BrokenFeed, BusUnavailable
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.subscriptions.feed import Batch, Feed
from tests.suites.bus import SOON, FastClock, Writer, eventually, running
from tests.suites.hand_clock import HandClock


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


class Away:
    """A bus that is not there."""

    def __init__(self) -> None:
        self.tried = 0

    async def open(self, log_id: str, after: int, arrived: Callable[[], None]) -> "Broken":
        self.tried += 1
        raise BusUnavailable("it is away")


async def test_without_the_bus_the_record_is_looked_at_once_a_hint_or_second() -> None:
    store, clock, bus = MemoryEventStore(SystemClock()), HandClock(), Away()
    writer, told = Writer(store), list[Batch]()
    feed = Feed(store, clock, bus)

    async def follow() -> None:
        async with aclosing(feed.batches(0)) as batches:
            async for batch in batches:
                told.append(batch)

    async def look() -> list[int]:
        """What the next look finds."""
        before = len(told)
        await eventually(lambda: len(told) > before)
        return [event.position for event in told[-1].events]

    async with running(follow()):
        await eventually(lambda: clock.sleepers)
        await writer.write(2)
        feed.hint()
        assert await look() == [1, 2]
        await writer.write(2)
        await eventually(lambda: clock.sleepers)
        clock.ms += 1_000
        assert await look() == [3, 4]
    assert bus.tried == 1
