"""The hint that the record has grown, from one service to another."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hive_shared.bus.appended import APART_SECONDS, Appended
from hive_shared.bus.connection import connected
from tests.conftest import NatsAccount
from tests.suites.bus import eventually, running, settled
from tests.suites.hand_clock import HandClock


class World:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.here, self.there = Appended(), Appended()
        self.told: list[str] = []
        self.here.on(lambda: self.told.append("here"))
        self.there.on(lambda: self.told.append("there"))


@pytest.fixture
async def world(nats: NatsAccount) -> AsyncIterator[World]:
    world = World()
    async with (
        connected(nats.url_of("github"), "here") as client,
        connected(nats.url_of("gateway"), "there", subscribe=world.there.subscribe) as other,
        running(world.here.whisper(client, world.clock)),
    ):
        await eventually(lambda: other.is_connected)
        await settled(other)
        yield world


async def test_whoever_appends_tells_its_own_at_once_and_others_on_the_bus(world: World) -> None:
    world.here.say()
    assert world.told == ["here"]
    await eventually(lambda: world.told == ["here", "there"])


async def test_of_many_that_follow_each_other_a_few_are_whispered(world: World) -> None:
    world.here.say()
    await eventually(lambda: world.clock.sleepers)
    for _ in range(100):
        world.here.say()
        await asyncio.sleep(0)
    world.clock.ms += round(APART_SECONDS * 1000)
    await eventually(lambda: world.clock.sleepers and world.told.count("there") == 2)
