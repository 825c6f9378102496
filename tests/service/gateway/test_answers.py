"""Approvals, continuations and cancellations find what they mean."""

from grpc import StatusCode

from hive_contracts.budget import Budget
from hive_contracts.mission import (
    CancelMission,
    ExtendMission,
    LaunchMission,
    MissionCancelled,
    MissionPaused,
    MissionReleased,
    MissionResumed,
    PauseMission,
    RaiseBudget,
    RecordLanding,
    ReleaseMission,
    ResumeMission,
)
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRequested,
    ApproveGate,
    RejectGate,
)
from hive_contracts.v1 import mission_pb2, plan_pb2, runner_pb2
from tests.suites.gateway import (
    ADMIN,
    RUNNER,
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
    assert commands == [ApproveGate(task, "ship", actor, "fine", "admin")] * 2


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


async def test_a_mission_is_paused_raised_and_resumed_and_is_seen_so(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched = await gateway.launch()
    id, actor = launched.mission_id, orchestrator.submissions[0].actor
    orchestrator.answer = taken
    pause = mission_pb2.PauseRequest(command_id=new_id(), mission="fix-1", reason="lunch", now=True)
    await gateway.missions.Pause(pause, metadata=AS_ADMIN)
    add = plan_pb2.Budget(usd=20, tokens=5)
    resume = mission_pb2.ResumeRequest(command_id=new_id(), mission=id, add=add)
    await gateway.missions.Resume(resume, metadata=AS_ADMIN)
    plain = mission_pb2.ResumeRequest(command_id=new_id(), mission=id)
    await gateway.missions.Resume(plain, metadata=AS_ADMIN)
    more = mission_pb2.RaiseBudgetRequest(command_id=new_id(), mission=id, add=add)
    await gateway.missions.RaiseBudget(more, metadata=AS_ADMIN)
    sent = [submission.command for submission in orchestrator.submissions][1:]
    assert sent == [
        PauseMission(id, actor, "lunch", now=True),
        ResumeMission(id, actor, Budget(20, 5)),
        ResumeMission(id, actor),
        RaiseBudget(id, Budget(20, 5), actor),
    ]
    written = await orchestrator.chronicle.write(
        MissionPaused(id, "at the cap", "hive", cap="usd"), correlation=id
    )
    seen = await gateway.get(id, written)
    assert (seen.summary.status, seen.summary.reason) == ("paused", "at the cap")
    assert (seen.pause.by, seen.pause.cap) == ("hive", "usd")
    listed = await gateway.missions.List(
        mission_pb2.ListRequest(statuses=["paused"]), metadata=AS_ADMIN
    )
    assert [summary.name for summary in listed.missions] == ["fix-1"]
    written = await orchestrator.chronicle.write(MissionResumed(id, "ann"), correlation=id)
    assert not (await gateway.get(id, written)).HasField("pause")


async def test_dollars_are_not_capped_where_an_agent_never_says_what_it_costs(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    plan = plan_message("fix")
    plan.budget.usd = 5
    spec = plan.phases[0].tasks[0]
    spec.run, spec.prompt, spec.agent = "", "Do it.", "codex"
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.missions.Launch(
            mission_pb2.LaunchRequest(command_id=new_id(), plan=plan), metadata=AS_ADMIN
        )
    assert "does not say what it costs" in told.message
    assert told.facts["remedy"] == "cap tokens instead: budget: {tokens: 2M}"
    assert orchestrator.submissions == []


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


async def test_a_landing_and_a_discard_are_sent_with_who_did_it(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched = await gateway.launch()
    orchestrator.answer = lambda _: Accepted(1)
    landing = mission_pb2.RecordLandingRequest(
        command_id=new_id(), mission="fix-1", commit="d" * 40, branch="main"
    )
    await gateway.missions.RecordLanding(landing, metadata=AS_ADMIN)
    discard = mission_pb2.DiscardRequest(command_id=new_id(), mission="fix-1", reason="no need")
    await gateway.missions.Discard(discard, metadata=AS_ADMIN)
    *_, landed, discarded = orchestrator.submissions
    by = landed.actor
    assert landed.command == RecordLanding(launched.mission_id, "d" * 40, "main", by)
    assert discarded.command == ReleaseMission(launched.mission_id, by, "no need")
    landing.commit = "main"
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.missions.RecordLanding(landing, metadata=AS_ADMIN)
    assert told.fields == ["commit"]


async def test_a_runner_is_told_what_may_go_and_no_more_than_it_asks_for(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched, task = await gateway.launch(), new_id()
    position = await orchestrator.chronicle.write(
        planned_task(launched.mission_id, task),
        MissionCancelled(launched.mission_id),
        MissionReleased(launched.mission_id, "ann"),
        correlation=launched.mission_id,
    )
    view = await gateway.get(launched.mission_id, position)
    assert (view.released.by, view.HasField("landed")) == ("ann", False)
    asked = runner_pb2.AskReleasesRequest(task_ids=[task, new_id()])
    told = await gateway.runners.AskReleases(asked, metadata=bearer(RUNNER))
    assert [(one.task_id, one.all) for one in told.tasks] == [(task, True)]
    with refused(StatusCode.INVALID_ARGUMENT):
        many = runner_pb2.AskReleasesRequest(task_ids=[task] * 1001)
        await gateway.runners.AskReleases(many, metadata=bearer(RUNNER))
