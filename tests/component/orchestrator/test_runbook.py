"""All that can be brought about at the subject of runbooks is a mission that waits for a person."""

import pytest
from msgspec.structs import replace

from hive_contracts.mission import CancelMission, LaunchMission, MissionLaunched
from hive_contracts.plan import RUNBOOK_GATE, ApprovalGate, CommandGate, Plan
from hive_contracts.submit import Accepted, Refused, Submission, Submittable
from hive_contracts.task import TaskLeased
from hive_orchestrator.handlers.runbook import launch_runbook
from tests.component.orchestrator.capped import Hive, agents

ASKED = ApprovalGate(RUNBOOK_GATE, "Launch it?")


async def launched(hive: Hive, command: Submittable) -> Accepted | Refused:
    submit = hive.simulation.orchestrators[0].submit
    submission = Submission(hive.simulation.new_id(), "admin-of-another-name", command)
    answer = await launch_runbook(submit, submission)
    await hive.go_on()
    return answer


def plan(*approvals: ApprovalGate) -> Plan:
    return replace(agents("a"), approvals=approvals)


async def test_a_runbook_is_launched_in_health_s_name_and_waits() -> None:
    hive = Hive()
    await hive.beat()
    answer = await launched(hive, LaunchMission("", plan(ASKED)))
    assert isinstance(answer, Accepted)
    events = await hive.events()
    assert any(isinstance(event, MissionLaunched) for event in events)
    assert not any(isinstance(event, TaskLeased) for event in events)
    [first] = await hive.simulation.store.read_stream(f"mission-{answer.id}", 0, 1)
    assert first.meta.actor == "health"


@pytest.mark.parametrize(
    "command",
    [
        CancelMission("m" * 32, "no"),
        LaunchMission("", plan()),
        LaunchMission("", plan(ApprovalGate("other", "?"))),
        LaunchMission("", plan(ApprovalGate("other", "?"), ASKED)),
        LaunchMission("", plan(replace(ASKED, timeout=1))),
        LaunchMission("", replace(plan(ASKED), criteria=(CommandGate("tests", "make test"),))),
    ],
)
async def test_whatever_else_is_sent_is_refused(command: Submittable) -> None:
    hive = Hive()
    await hive.beat()
    answer = await launched(hive, command)
    assert isinstance(answer, Refused)
    assert answer.code == "not-allowed"
    assert not [r for r in await hive.simulation.store.read_all(0, 100) if "mission" in r.stream]
