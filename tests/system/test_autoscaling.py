"""`hive up --runners MIN:MAX`: a burst brings runners, and they go without losing work."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from hive_cli.forecast.backtest import backtest
from hive_cli.forecast.command import read_history
from hive_cli.forecast.history import History
from hive_cli.forecast.samples import Samples
from hive_cli.forecast.simulate import forecast
from hive_client import Hive
from hive_contracts.envelope import Recorded
from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.task import TaskLeased
from hive_stack.processes import alive
from tests.suites.verdict import judge
from tests.system.hive import Ground, RealHive, eventually, of_type, open_folder, running

MOST: Final = 3
SCALED_SECONDS: Final = 60.0
"""What is promised; here it takes about ten."""


@pytest.fixture
def scaling(request: pytest.FixtureRequest) -> Iterator[RealHive]:
    with open_folder("scaling", request.session) as folder:
        hive = RealHive(
            folder,
            HIVE_RUNNERS=f"1:{MOST}",
            HIVE_RUNNER_SLOTS="1",
            HIVE_CAPACITY_HOLD="4",
            HIVE_RUNNER_DRAIN="0.1",
            # Nothing is to be lost here, on a machine that is busy either.
            HIVE_SESSION_TTL="15",
        )
        with running(hive):
            yield hive


def runners(hive: RealHive) -> list[str]:
    return sorted(
        program.name
        for program in hive.state.programs
        if program.name.startswith("runner") and program.process and alive(program.process)
    )


@pytest.mark.full("five more runners; what is wanted and who follows have tests of their own")
async def test_a_burst_brings_runners_and_they_go_without_losing_work(
    scaling: RealHive, ground: Ground, tmp_path: Path
) -> None:
    go_on = tmp_path / "go-on"
    plan = ground.plan("burst", tasks=6, first=f"until [ -e {go_on} ]; do sleep 0.05; done")
    async with scaling.client() as client:
        mission = await client.launch(plan)
        began = time.monotonic()
        await scaling.until(lambda log: len(at_work(log)) == MOST, SCALED_SECONDS)
        took = time.monotonic() - began
        assert took < SCALED_SECONDS
        assert runners(scaling) == ["runner", "runner-2", "runner-3"]
        await eventually(lambda: waiting(client, 3), seconds=60)
        go_on.touch()
        log = await scaling.ended(1, seconds=60)
        await client.get(mission.mission_id, at_least_position=log[-1].position)
        await ground.assert_each_effect_is_there_once(client, plan, mission.mission_id)
        await assert_the_record_can_be_forecast_from(client)

    async def one_is_left() -> bool | None:
        return True if runners(scaling) == ["runner"] else None

    await eventually(one_is_left, seconds=60)
    log = await scaling.until(
        lambda log: len(of_type(log, "SessionClosed")) == MOST - 1, seconds=20
    )
    judge(log)
    leases = Counter(event.task_id for event in of_type(log, "TaskLeased"))  # type: ignore[attr-defined]
    assert set(leases.values()) == {1}  # nothing was begun twice, so nothing was lost
    closed = [event for event in of_type(log, "SessionClosed") if isinstance(event, SessionClosed)]
    assert {event.reason for event in closed} == {"drained"}
    names = {e.name for e in of_type(log, "SessionOpened") if isinstance(e, SessionOpened)}
    host = os.uname().nodename
    assert names == {host, f"{host}-2", f"{host}-3"}
    wanted = [event.runners for event in of_type(log, "RunnersWanted")]  # type: ignore[attr-defined]
    peak = wanted.index(max(wanted))
    assert wanted == sorted(wanted[: peak + 1]) + sorted(wanted[peak + 1 :], reverse=True)


async def assert_the_record_can_be_forecast_from(client: Hive) -> None:
    """Durations of the six tasks and their merges are in it, and no mission is open any more."""
    events, _, _ = await read_history(client, 20_000)
    history = History()
    for event, at in events:
        history.apply(event, at)
    samples = Samples(history)
    assert (len(samples.work), len(samples.merges)) == (6, 6)
    assert all(0 < sample.seconds < SCALED_SECONDS for sample in samples.work)
    assert forecast(history, 1, seed=1) == {}
    tested = backtest(events, 1, seed=1)
    assert (len(tested.tried) + tested.too_early, tested.with_people) == (2, 0)


async def waiting(client: Hive, tasks: int) -> bool | None:
    """Whether so many wait for a slot, and as many runners are wanted as there are tasks."""
    capacity = (await client.operations.capacity()).capacity
    return True if (capacity.runners_desired, capacity.waiting) == (6, tasks) else None


def at_work(log: list[Recorded]) -> set[str]:
    """Sessions that hold a lease."""
    return {e.session_id for e in of_type(log, "TaskLeased") if isinstance(e, TaskLeased)}
