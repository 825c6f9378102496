"""`hive forecast` at a gateway: what it reads, what it prints, and its exit status."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli.forecast.backtest import Timed
from hive_cli.forecast.history import TYPES
from hive_cli.main import main
from hive_contracts.codec import encode, stream_of
from hive_contracts.v1 import event_pb2
from hive_contracts.v1.operations_pb2 import Capacity
from tests.component.cli.test_forecast import World, phase
from tests.component.client.fake_gateway import FakeGateway, serving


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeGateway]:
    token = tmp_path / "token"
    token.write_text("a-token-of-a-test")
    token.chmod(0o600)
    async with serving() as fake:
        monkeypatch.setenv("HIVE_GATEWAY", fake.address)
        monkeypatch.setenv("HIVE_TOKEN_FILE", str(token))
        monkeypatch.setenv("HIVE_DATA", str(tmp_path))
        fake.capacity = Capacity(runners=1, slots=2)
        yield fake


async def hive(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, ["forecast", *arguments])


def recorded(events: Sequence[Timed]) -> list[event_pb2.Event]:
    found = []
    for position, (event, at) in enumerate(sorted(events, key=lambda timed: timed[1]), start=1):
        told = event_pb2.Event(
            position=position, stream=stream_of(event), version=position,
            type=type(event).__name__, data=encode(event),
        )  # fmt: skip
        told.recorded_at.FromMilliseconds(round(at * 1000))
        found.append(told)
    return found


async def test_with_two_runners_more_an_open_mission_is_done_sooner(gateway: FakeGateway) -> None:
    world, now = World(), time.time()
    world.finished([10.0] * 5, usd=0.5)
    mission = world.launch(now, phase("a", "b", "c", "d", "e", "f"))
    for name in "abcdef":
        world.plan(mission, name, now)
    gateway.recorded = recorded(world.events)
    people = await hive("--runners", "+2")
    assert people.exit_code == 0, people.output
    said = people.output.splitlines()
    assert said[0].endswith("   6 of 6 tasks left")
    assert said[1].startswith("  with 1 runner, 2 slots: p50 ")
    assert said[2].startswith("  · with 3 runners, 6 slots: p50 ")
    assert said[2].endswith("cost $3.00 to $3.00")
    [read] = [each for each in gateway.asked if getattr(each, "limit", 0) == 1000]
    assert set(read.filter.types) == set(TYPES)
    programs = json.loads((await hive("--runners", "+2", "--json")).stdout)
    [told] = programs["forecasts"]
    one, three = told["with"]
    assert (one["runners"], one["slots"], three["runners"], three["slots"]) == (1, 2, 3, 6)
    assert one["p85_at"] - three["p85_at"] == pytest.approx(20, abs=0.1)  # three rounds, and one
    assert one["p50_usd"] == one["p85_usd"] == pytest.approx(3.0)


async def test_how_far_forecasts_held_is_reported_with_their_error(gateway: FakeGateway) -> None:
    world = World()
    for n in range(8):
        at = 1e6 + 1000 * n
        mission = world.launch(at, phase("a"))
        task = world.plan(mission, "a", at)
        world.lease(task, at)
        world.done(task, mission, at + 10)
        world.end(mission, at + 10)
    gateway.recorded = recorded(world.events)
    people = await hive("--backtest")
    assert people.exit_code == 0, people.output
    assert people.output.splitlines()[0] == "6 forecasts of missions that have succeeded since:"
    assert "ended within their p85 (85 % would be right)" in people.output
    assert "the p50 was off by 0% of what it took, in the median" in people.output
    assert "10 came too early" in people.output
    programs = json.loads((await hive("--backtest", "--json")).stdout)
    assert (programs["forecasts"], programs["median_error"]) == (6, pytest.approx(0, abs=0.01))


@pytest.mark.parametrize("options", [(), ("--backtest",)], ids=["forecast", "back-test"])
async def test_too_little_history_is_said_and_no_success(
    gateway: FakeGateway, options: tuple[str, ...]
) -> None:
    world = World()
    world.finished([10.0] * 2)
    gateway.recorded = recorded(world.events)
    result = await hive(*options)
    assert result.exit_code == 1
    assert "too little history" in result.output
