"""Whose child a decision is; without an exporter its context is that of its parent."""

import pytest

from hive_contracts.mission import MeetPrerequisite
from hive_contracts.task import ApproveGate, LeaseTask, RequeueTask
from hive_orchestrator.handlers.commands import AnyCommand
from hive_orchestrator.handlers.tracing import deciding

LAUNCH = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LATER = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
ELSEWHERE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("command", "cause", "before", "parent"),
    [
        pytest.param(LeaseTask("t", "r", "s"), LATER, LAUNCH, LATER, id="its cause"),
        pytest.param(LeaseTask("t", "r", "s"), LATER, "", LATER, id="the launch's, if it is first"),
        pytest.param(RequeueTask("t"), "", LATER, LATER, id="a timer: what began the wait"),
        pytest.param(ApproveGate("t", "g", "ada"), ELSEWHERE, LATER, LATER, id="a person's answer"),
        pytest.param(MeetPrerequisite("m", "s"), ELSEWHERE, LAUNCH, LAUNCH, id="another mission"),
        pytest.param(RequeueTask("t"), "", "", "", id="nothing, where nothing is traced"),
    ],
)
def test_a_mission_stays_one_trace(
    command: AnyCommand, cause: str, before: str, parent: str
) -> None:
    with deciding(command, cause, before) as step:
        assert step.traceparent == parent
