"""Many missions while everything is killed: each ends as it should, each effect is there once."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from hive_client import Hive, HiveError
from hive_client.answers import Launched
from hive_client.connection import new_id
from hive_contracts.mission import MissionSucceeded
from hive_contracts.plan import Plan
from tests.suites.verdict import judge
from tests.system.hive import SERVICES, Ground, RealHive, ends, of_type

Fault = Callable[[], Awaitable[None]]


class Chaos:
    """One fault after the other, at random moments, each of them at least once."""

    def __init__(self, hive: RealHive, chance: random.Random) -> None:
        self._hive = hive
        self._chance = chance
        self.done: list[str] = []

    async def run(self, rounds: int) -> None:
        for _ in range(rounds):
            names = ["record killed", "record restarted", "bus stopped", "bus wiped", *SERVICES]
            self._chance.shuffle(names)
            for name in names:
                # How long nothing happens is part of the experiment.
                await asyncio.sleep(self._chance.uniform(0.1, 0.8))
                self.done.append(name)
                await self._fault(name)

    async def _fault(self, name: str) -> None:
        match name:
            case "record killed":
                await self._kill("postgres", signal.SIGKILL)
            case "record restarted":
                await self._kill("postgres", signal.SIGINT)
            case "bus stopped":
                async with self._hive.stopped("nats"):
                    await asyncio.sleep(self._chance.uniform(0.5, 1.5))
            case "bus wiped":
                async with self._hive.stopped("nats"):
                    self._hive.wipe_bus()
            case service:
                await self._kill(service, signal.SIGKILL)

    async def _kill(self, name: str, number: signal.Signals) -> None:
        killed = self._hive.send(name, number)
        await self._hive.again(name, killed)


@asynccontextmanager
async def chaos(hive: RealHive, chance: random.Random, rounds: int) -> AsyncIterator[Chaos]:
    """While the block runs; it waits for the last fault."""
    raging = Chaos(hive, chance)
    task = asyncio.create_task(raging.run(rounds))
    try:
        yield raging
        await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def launch(client: Hive, plan: Plan, times: int) -> Launched:
    """The same command, many times at once, until it is answered: it launches one mission."""
    command_id = new_id()

    async def once() -> Launched:
        while True:
            with suppress(HiveError):
                return await client.launch(plan, command_id=command_id)

    answers = await asyncio.gather(*(once() for _ in range(times)))
    assert len({(answer.mission_id, answer.name) for answer in answers}) == 1
    return answers[0]


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_missions_survive_the_kill_of_anything_at_any_moment(
    hive: RealHive, ground: Ground, seed: int, size: Callable[[int, int], int]
) -> None:
    chance = random.Random(seed)
    plans = [ground.plan(f"m{number}") for number in range(size(5, 60))]
    launched: list[Launched] = []
    async with hive.client() as client:
        async with chaos(hive, chance, rounds=size(1, 8)) as raging:
            for plan in plans:
                launched.append(await launch(client, plan, times=3))
                await asyncio.sleep(chance.uniform(0, 0.5))
        print("faults:", ", ".join(raging.done))
        log = await hive.ended(len(plans), seconds=size(90, 900))
        judge(log)
        assert len(of_type(log, "MissionLaunched")) == len(plans)
        assert all(recorded.type == MissionSucceeded.__name__ for recorded in ends(log))
        for plan, answer in zip(plans, launched, strict=True):
            await ground.assert_each_effect_is_there_once(client, plan, answer.mission_id)
    await hive.assert_feed_is_the_record()
    await hive.assert_views_equal_a_rebuild()
    await hive.assert_board_equals_a_fold()
