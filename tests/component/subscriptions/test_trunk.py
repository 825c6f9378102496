"""One reading of the record for many subscriptions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from hive_contracts.envelope import Recorded
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Head
from hive_shared.subscriptions.feed import PAGE, HistoryChanged
from hive_shared.subscriptions.trunk import HELD, Branch, Trunk
from tests.suites.bus import SOON, Writer, eventually, running


class Store(MemoryEventStore):
    """Counts how often it is read; may be of another history, and put back within its own."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.reads = 0
        self.history = "0" * 32
        self.now: MemoryEventStore | None = None
        """What it was put back to, and has become since."""

    async def head(self) -> Head:
        self.reads += 1
        head = await (self.now.head() if self.now else super().head())
        return Head(head.position, self.history)

    async def read_all(self, after: int, limit: int = 1000) -> list[Recorded]:
        self.reads += 1
        if self.now:
            return await self.now.read_all(after, limit)
        return await super().read_all(after, limit)


class World:
    def __init__(self) -> None:
        self.store = Store()
        self.writer = Writer(self.store)
        self.trunk = Trunk(self.store, SystemClock(), quiet_seconds=3600)

    async def written(self, count: int) -> int:
        """The last position."""
        position = await self.writer.write(count)
        self.trunk.hint()
        return position


class Follower:
    """Somebody who follows a branch."""

    def __init__(self, branch: Branch) -> None:
        self._branch = branch
        self.positions: list[int] = []
        self.quiet = 0

    async def follow(self, after: int = 0) -> None:
        async with contextlib.aclosing(self._branch.batches(after)) as batches:
            async for batch in batches:
                self.positions += [event.position for event in batch.events]
                self.quiet += not batch.events

    async def until(self, position: int) -> None:
        await eventually(lambda: self.positions and self.positions[-1] == position)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.written(5)
    async with running(world.trunk.run()):
        yield world


async def test_each_branch_gets_every_event_once_and_in_order_wherever_it_begins(
    world: World,
) -> None:
    early, late = (Follower(world.trunk.branch()) for _ in range(2))
    async with running(early.follow(), late.follow(4)):
        await early.until(5)
        last = await world.written(2 * PAGE + 7)
        await early.until(last)
        await late.until(last)
    assert early.positions == list(range(1, last + 1))
    assert late.positions == list(range(5, last + 1))


async def test_however_many_follow_the_record_is_read_once_for_all(world: World) -> None:
    followers = [Follower(world.trunk.branch()) for _ in range(7)]
    async with running(*(each.follow() for each in followers)):
        for each in followers:
            await each.until(5)
        await eventually(lambda: world.trunk.head == 5)
        before = world.store.reads
        last = await world.written(1)
        for each in followers:
            await each.until(last)
    assert world.store.reads - before == 2, "where it ends, and what is new"


async def test_one_that_falls_behind_what_is_held_reads_the_record_until_it_is_there(
    world: World,
) -> None:
    slow, quick = world.trunk.branch(), Follower(world.trunk.branch())
    positions: list[int] = []
    async with (
        running(quick.follow()),
        asyncio.timeout(SOON),
        contextlib.aclosing(slow.batches(0)) as batches,
    ):
        positions += [event.position for event in (await anext(batches)).events]
        await quick.until(positions[-1])
        await world.written(1)  # by now it is told by the trunk
        positions += [event.position for event in (await anext(batches)).events]
        last = await world.written(HELD + PAGE)
        await quick.until(last)
        while positions[-1] < last:
            positions += [event.position for event in (await anext(batches)).events]
    assert positions == list(range(1, last + 1))


async def test_nothing_new_is_said_once_a_second(world: World) -> None:
    follower = Follower(world.trunk.branch())
    async with running(follower.follow()):
        await eventually(lambda: follower.quiet)


async def test_those_who_follow_another_history_are_told(world: World) -> None:
    branch = world.trunk.branch()
    async with contextlib.aclosing(branch.batches(0)) as batches, asyncio.timeout(SOON):
        await anext(batches)
        world.store.history = "1" * 32
        with pytest.raises(HistoryChanged):
            while True:
                world.trunk.hint()
                await anext(batches)
    follower = Follower(branch)
    async with running(follower.follow()):
        await follower.until(await world.written(1))
    assert follower.positions == list(range(1, 7))


async def test_whoever_begins_anew_is_not_told_what_the_record_has_lost(world: World) -> None:
    last = await world.written(3)
    await eventually(lambda: world.trunk.head == last)
    world.store.now = MemoryEventStore(SystemClock())
    await Writer(world.store.now).write(last + 1)
    async with contextlib.aclosing(world.trunk.branch().batches(last - 2)) as batches:
        batch = await anext(batches)
    assert list(batch.events) == await world.store.now.read_all(last - 2)
