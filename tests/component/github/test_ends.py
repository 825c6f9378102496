"""The ends of the times that checks are given to begin: each is acted upon when it comes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from hive_github.merging.ends import Ends
from tests.suites.bus import eventually, running
from tests.suites.hand_clock import HandClock


class World:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.ends = Ends(self.clock)
        self.looked: list[str] = []
        self.then: Callable[[], None] = lambda: None

    async def look(self, mission_id: str) -> None:
        self.looked.append(mission_id)
        self.then()

    async def passes(self, seconds: float) -> None:
        """And whoever sleeps has been awake."""
        self.clock.ms += round(seconds * 1000)
        await self.rests()

    async def rests(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        await eventually(lambda: self.clock.sleepers == 1)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with running(world.ends.run(world.look)):
        await world.rests()
        yield world


async def test_each_is_looked_at_when_its_time_is_over_and_once(world: World) -> None:
    world.ends.expect("late", 60)
    world.ends.expect("soon", 20)
    await world.passes(19.9)
    assert world.looked == []
    await world.passes(0.2)
    assert world.looked == ["soon"]
    await world.passes(40)
    assert world.looked == ["soon", "late"]
    await world.passes(7200)
    assert world.looked == ["soon", "late"]


async def test_of_several_looks_at_one_mission_the_first_end_counts(world: World) -> None:
    for seconds in (60, 30, 45):
        world.ends.expect("one", seconds)
    await world.passes(31)
    assert world.looked == ["one"]
    await world.passes(60)
    assert world.looked == ["one"]


async def test_one_whose_time_is_not_over_yet_after_all_is_looked_at_again(world: World) -> None:
    world.ends.expect("one", 10)
    world.then = lambda: world.ends.expect("one", 5)
    await world.passes(10.1)
    world.then = lambda: None
    await world.passes(5.1)
    assert world.looked == ["one", "one"]
