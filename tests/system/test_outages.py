"""What the hive does while a part of it cannot hear, or cannot be heard."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from hive_contracts.envelope import Recorded
from tests.suites.verdict import judge
from tests.system.cut import CutOffRunner
from tests.system.hive import TTL, Ground, RealHive, eventually, of_type

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
        await hive.until(lambda log: started(log) == 2)
        for deaf in DEAF[: size(2, len(DEAF))]:
            with hive.frozen(*deaf):
                await asyncio.sleep(1.5 * TTL)  # the fault itself: an outage has a length
        await heard_for_longer_than_a_session_may_be_silent(hive)
        go_on.touch()
        log = await hive.ended(1, seconds=60)
        await ground.assert_each_effect_is_there_once(client, plan, mission.mission_id)
    judge(log)
    assert of_type(log, "LeaseLost", "SessionClosed") == []


@pytest.mark.slow
async def test_a_runner_that_is_cut_off_past_its_session_and_back_repeats_nothing(
    hive: RealHive, ground: Ground, tmp_path: Path
) -> None:
    plan = ground.plan("cut", tasks=6, first="sleep 1")
    async with CutOffRunner(hive, tmp_path / "far", slots=3) as far, hive.client() as client:
        await far.seen()
        mission = await client.launch(plan)
        await hive.until(far.leases)
        far.cut()
        closed = await hive.until(far.closed)
        assert {event.reason for event in far.closed(closed)} == {"expired"}
        far.mend()
        await hive.until(lambda log: len(far.sessions(log)) == 2)
        log = await hive.ended(1, seconds=60)
        await ground.assert_each_effect_is_there_once(client, plan, mission.mission_id)
    judge(log)
    assert of_type(log, "LeaseLost")
