"""What the hive does while a part of it cannot hear, or cannot be heard.

Each runner that goes away has a name of its own, as all of them meet the same hive.
"""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from hive_contracts.envelope import Recorded
from hive_contracts.plan import Plan
from hive_contracts.runner import SessionClosed
from hive_contracts.task import TaskLeased
from tests.suites.verdict import judge
from tests.system.cut import CutOffRunner
from tests.system.hive import TTL, Ground, RealHive, eventually, of_mission, of_type

Away = Callable[[CutOffRunner], None]

DEAF = (("gateway", "orchestrator"), ("nats",), ("orchestrator",), ("gateway",))


def started(log: list[Recorded]) -> int:
    return len(of_type(log, "AttemptStarted"))


async def heard_for_longer_than_a_session_may_be_silent(hive: RealHive) -> None:
    """Until the hive could hear for that long from now on: what it would end, it has ended."""
    connection = await asyncpg.connect(hive.postgres_url("orchestrator"))
    try:
        clock = "select ms from orchestrator.hearing"
        enough = await connection.fetchval(clock) + TTL * 1000 * 1.5

        async def probe() -> bool | None:
            return True if await connection.fetchval(clock) > enough else None

        await eventually(probe)
    finally:
        await connection.close()


@pytest.mark.slow
async def test_while_the_hive_is_deaf_no_lease_ends(
    hive: RealHive, ground: Ground, tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    go_on = tmp_path / "go-on"
    plan = ground.plan("deaf", first=f"while [ ! -e {go_on} ]; do sleep 0.1; done")
    async with hive.client() as client:
        mission = await client.launch(plan)
        id = mission.mission_id
        await hive.until(lambda log: started(of_mission(log, id)) == 2)
        for deaf in DEAF[: size(2, len(DEAF))]:
            with hive.frozen(*deaf):
                await asyncio.sleep(1.5 * TTL)  # the fault itself: an outage has a length
        await heard_for_longer_than_a_session_may_be_silent(hive)
        go_on.touch()
        log = await hive.ended_one(id)
        await ground.assert_each_effect_is_there_once(client, plan, id)
    judge(log)
    own = of_mission(log, id)
    assert of_type(own, "LeaseLost") == []
    sessions = {e.session_id for e in of_type(own, "TaskLeased") if isinstance(e, TaskLeased)}
    closed = [e for e in of_type(log, "SessionClosed") if isinstance(e, SessionClosed)]
    assert [event for event in closed if event.session_id in sessions] == []


@pytest.mark.slow
async def test_a_runner_that_is_cut_off_past_its_session_and_back_repeats_nothing(
    hive: RealHive, ground: Ground, tmp_path: Path
) -> None:
    plan = ground.plan("cut", tasks=6, first="sleep 1")
    far = CutOffRunner(hive, "cut-off", tmp_path / "far", slots=3)
    async with far, hive.client() as client:
        await far.seen()
        mission = await client.launch(plan)
        await hive.until(far.leases)
        far.cut()
        closed = await hive.until(far.closed)
        assert {event.reason for event in far.closed(closed)} == {"expired"}
        far.mend()
        await hive.until(lambda log: len(far.sessions(log)) == 2)
        log = await hive.ended_one(mission.mission_id)
        await ground.assert_each_effect_is_there_once(client, plan, mission.mission_id)
    judge(log)
    assert of_type(of_mission(log, mission.mission_id), "LeaseLost")


def exclusive(plan: Plan) -> Plan:
    (phase,) = plan.phases
    tasks = tuple(replace(spec, exclusive=True) for spec in phase.tasks)
    return replace(plan, phases=(replace(phase, tasks=tasks),))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "away"),
    [
        pytest.param(
            "line-cut",
            lambda far: far.cut(),
            id="its line is cut",
            marks=pytest.mark.full("as long as the other"),
        ),
        pytest.param("frozen", lambda far: far.tell(signal.SIGSTOP), id="it is frozen"),
    ],
)
async def test_two_attempts_at_an_exclusive_task_never_overlap(
    hive: RealHive, ground: Ground, tmp_path: Path, name: str, away: Away
) -> None:
    """Though the hive gives the first one up."""
    seen = tmp_path / "seen"
    seen.mkdir()
    # Each attempt leaves a mark again and again; the first one would go on for ever.
    mark = f"date +%s.%N >> {seen}/$HIVE_EPOCH"
    first = f"{mark}; while [ $HIVE_EPOCH = 1 ]; do {mark}; sleep 0.02; done"
    plan = exclusive(ground.plan("alone", tasks=1, first=first))
    far = CutOffRunner(hive, name, tmp_path / "far", slots=8)
    async with far, hive.client() as client:
        await far.seen()
        mission = await client.launch(plan)
        await hive.until(lambda log: far.leases(log) and (seen / "1").exists())
        away(far)
        log = await hive.ended_one(mission.mission_id)
        await client.get(mission.mission_id, at_least_position=log[-1].position)
        await ground.assert_each_effect_is_there_once(client, plan, mission.mission_id)
    judge(log)
    assert of_type(of_mission(log, mission.mission_id), "LeaseLost")
    marks = {int(path.name): path.read_text().split() for path in seen.iterdir()}
    second = min(epoch for epoch in marks if epoch > 1)
    assert float(marks[1][-1]) < float(marks[second][0])
