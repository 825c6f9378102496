import asyncio

import pytest

from hive_cli import run
from hive_client.hive import Hive
from hive_contracts.v1 import operations_pb2
from tests.component.client.fake_gateway import FakeGateway, serving

ANVIL = operations_pb2.RunnerView(name="anvil", status="connected", agents=["claude"])
GONE = operations_pb2.RunnerView(name="old", status="closed", agents=["codex"])


async def asked(fake: FakeGateway) -> None:
    """Until the command has looked once."""
    async with asyncio.timeout(20):
        while not fake.asked:
            await asyncio.sleep(0.01)


async def test_a_hive_that_came_up_just_now_is_given_a_moment_for_its_runner() -> None:
    async with serving() as fake, Hive(fake.address, "secret") as hive:
        fake.runners = [GONE]
        agents = asyncio.create_task(run._agents(hive))
        await asked(fake)
        fake.runners = [GONE, ANVIL]
        assert await agents == ["claude"]


async def test_a_hive_without_a_runner_has_no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RUNNER_SECONDS", 0.0)
    async with serving() as fake, Hive(fake.address, "secret") as hive:
        fake.runners = [GONE]
        assert await run._agents(hive) == []
