"""Approvals, continuations and cancellations find what they mean."""

from grpc import StatusCode

from hive_contracts.mission import (
    CancelMission,
    ExtendMission,
    LaunchMission,
    MissionCancelled,
)
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRequested,
    ApproveGate,
    RejectGate,
)
from hive_contracts.v1 import mission_pb2
from tests.suites.gateway import (
    ADMIN,
    Gateway,
    ScriptedOrchestrator,
    bearer,
    new_id,
    plan_message,
    planned_task,
)
from tests.suites.refusals import refused

AS_ADMIN = bearer(ADMIN)


async def test_an_approval_finds_its_task(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    id, task = await asking(gateway, orchestrator, "ship")
    mission = await gateway.get(id)
    assert mission.summary.status == "waiting"
    assert [(a.gate, a.text, a.task_id) for a in mission.approvals] == [("ship", "Ship it?", task)]
    orchestrator.answer = taken
    for gate in ("ship", ""):
        request = mission_pb2.ApproveRequest(
            command_id=new_id(), mission="fix-1", gate=gate, note="fine"
        )
        assert (await gateway.missions.Approve(request, metadata=AS_ADMIN)).position == 1
    commands = [sent.command for sent in orchestrator.submissions][1:]
    actor = orchestrator.submissions[0].actor
    assert commands == [ApproveGate(task, "ship", actor, "fine")] * 2


async def test_a_repeated_answer_means_what_it_meant(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    id, first = await asking(gateway, orchestrator, "ship")
    command_id = new_id()
    await orchestrator.chronicle.write(
        ApprovalGiven(first, "ship", "ann"), correlation=id, causation=command_id
    )
    second = new_id()
    await orchestrator.chronicle.write(
        planned_task(id, second), ApprovalRequested(second, id, "tell", "Tell all?"), correlation=id
    )
    orchestrator.answer = taken
    request = mission_pb2.ApproveRequest(command_id=command_id, mission=id)
    await gateway.missions.Approve(request, metadata=AS_ADMIN)
    fresh = mission_pb2.RejectRequest(command_id=new_id(), mission=id, note="not yet")
    await gateway.missions.Reject(fresh, metadata=AS_ADMIN)
    sent = [submission.command for submission in orchestrator.submissions][1:]
    assert [type(command) for command in sent] == [ApproveGate, RejectGate]
    assert [command.task_id for command in sent if isinstance(command, ApproveGate)] == [first]
    assert [command.task_id for command in sent if isinstance(command, RejectGate)] == [second]


async def test_an_answer_that_nobody_asked_for_is_refused(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    await gateway.launch()
    with refused(StatusCode.FAILED_PRECONDITION) as told:
        await gateway.missions.Approve(
            mission_pb2.ApproveRequest(command_id=new_id(), mission="fix-1"), metadata=AS_ADMIN
        )
    assert told.message == "nothing in fix-1 waits for a person"
    await asking(gateway, orchestrator, "ship", "second")
    with refused(StatusCode.NOT_FOUND) as told:
        await gateway.missions.Reject(
            mission_pb2.RejectRequest(command_id=new_id(), mission="second-1", gate="sell"),
            metadata=AS_ADMIN,
        )
    assert told.message == "second-1 asks for no 'sell'; it asked for: ship"


async def test_continuing_adds_to_the_newest_open_mission_of_the_type(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    async def go_on(command_id: str, type: str = "qa") -> mission_pb2.ContinueResponse:
        plan = plan_message("more", type=type)
        request = mission_pb2.ContinueRequest(command_id=command_id, plan=plan)
        return await gateway.missions.Continue(request, metadata=AS_ADMIN)

    orchestrator.answer = extended
    first_id = new_id()
    begun = await go_on(first_id)
    assert (begun.continued, begun.name) == (False, "more-1")
    continued = await go_on(new_id())
    assert (continued.continued, continued.mission_id) == (True, begun.mission_id)
    # The command that launched it launches it again, though it is open now.
    assert (await go_on(first_id)).continued is False
    assert (await go_on(new_id(), "other")).continued is False
    await orchestrator.chronicle.write(
        MissionCancelled(begun.mission_id), correlation=begun.mission_id
    )
    assert (await go_on(new_id())).continued is False
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await go_on(new_id(), "")
    assert told.fields == ["plan.type"]


async def test_a_mission_that_ended_meanwhile_is_not_continued_but_launched(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    await gateway.launch(type="qa")

    def ended(submission: Submission) -> Answer | None:
        if isinstance(submission.command, ExtendMission):
            return Refused("conflict", "the mission has ended: succeeded", "mission")
        return None

    orchestrator.answer = ended
    request = mission_pb2.ContinueRequest(command_id=new_id(), plan=plan_message("more", type="qa"))
    answer = await gateway.missions.Continue(request, metadata=AS_ADMIN)
    assert (answer.continued, answer.name) == (False, "more-1")
    assert {sent.command_id for sent in orchestrator.submissions[1:]} == {request.command_id}


async def test_a_mission_is_cancelled_by_its_name_or_id(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched = await gateway.launch()
    for ref in ("fix-1", launched.mission_id):
        request = mission_pb2.CancelRequest(command_id=new_id(), mission=ref, reason="no need")
        await gateway.missions.Cancel(request, metadata=AS_ADMIN)
    sent = [submission.command for submission in orchestrator.submissions]
    assert isinstance(sent[0], LaunchMission)
    assert sent[1:] == [CancelMission(launched.mission_id, "no need")] * 2


# --- what these tests share


async def asking(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, gate: str, name: str = "fix"
) -> tuple[str, str]:
    """A mission with a task that asks, and the task."""
    launched = await gateway.launch(name)
    id, task = launched.mission_id, new_id()
    position = await orchestrator.chronicle.write(
        planned_task(id, task), ApprovalRequested(task, id, gate, "Ship it?"), correlation=id
    )
    await gateway.get(id, position)
    return id, task


def taken(submission: Submission) -> Answer | None:
    return Accepted(1)


def extended(submission: Submission) -> Answer | None:
    match submission.command:
        case ExtendMission(mission_id=id):
            return Accepted(1, id, "more-1")
    return None
