"""The active orchestrator over the twins, where the simulator would have to be very lucky."""

from datetime import timedelta

from hive_contracts.mission import LaunchMission
from hive_contracts.plan import (
    ApprovalGate,
    Phase,
    Plan,
    TaskSpec,
)
from hive_shared.eventstore.port import COMMAND_RETENTION_MS
from tests.suites.simulator.hive import Simulation


async def test_a_timer_that_is_older_than_command_ids_may_be_still_rings() -> None:
    wait = timedelta(days=40).total_seconds()
    assert wait * 1000 > COMMAND_RETENTION_MS
    gate = ApprovalGate("ready", "Ready?", timeout=wait)
    plan = Plan("patient", (Phase("p", tasks=(TaskSpec("t", run="x"),)),), approvals=(gate,))
    hive = Simulation(seed=1)
    hive.ask(LaunchMission("", plan=plan))
    await hive.deliver(0)
    while await hive.turn(0):
        pass
    hive.clock.ms += int(wait * 1000) + 1000
    await hive.turn(0)
    await hive.watch(0)
    types = [recorded.type for recorded in await hive.store.read_all(0, 100)]
    assert "ApprovalRefused" in types
