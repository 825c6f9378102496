"""Two attempts at an exclusive task never overlap, though the hive gives the first one up."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from hive_contracts.plan import Plan
from tests.suites.verdict import judge
from tests.system.cut import CutOffRunner
from tests.system.hive import Ground, RealHive, of_type

Away = Callable[[CutOffRunner], None]


def exclusive(plan: Plan) -> Plan:
    (phase,) = plan.phases
    tasks = tuple(replace(spec, exclusive=True) for spec in phase.tasks)
    return replace(plan, phases=(replace(phase, tasks=tasks),))


@pytest.mark.slow
@pytest.mark.parametrize(
    "away",
    [
        pytest.param(lambda far: far.cut(), id="its line is cut"),
        pytest.param(lambda far: far.tell(signal.SIGSTOP), id="it is frozen"),
    ],
)
async def test_two_attempts_at_an_exclusive_task_never_overlap(
    hive: RealHive, ground: Ground, tmp_path: Path, away: Away
) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    # Each attempt leaves a mark again and again; the first one would go on for ever.
    mark = f"date +%s.%N >> {seen}/$HIVE_EPOCH"
    first = f"{mark}; while [ $HIVE_EPOCH = 1 ]; do {mark}; sleep 0.02; done"
    plan = exclusive(ground.plan("alone", tasks=1, first=first))
    async with CutOffRunner(hive, tmp_path / "far", slots=8) as far, hive.client() as client:
        await far.seen()
        mission = await client.launch(plan)
        await hive.until(lambda log: far.leases(log) and (seen / "1").exists())
        away(far)
        log = await hive.ended(1, seconds=60)
        await client.get(mission.mission_id, at_least_position=log[-1].position)
        await ground.assert_each_effect_is_there_once(client, plan, mission.mission_id)
    judge(log)
    assert of_type(log, "LeaseLost")
    marks = {int(path.name): path.read_text().split() for path in seen.iterdir()}
    second = min(epoch for epoch in marks if epoch > 1)
    assert float(marks[1][-1]) < float(marks[second][0])
