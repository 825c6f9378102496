"""MissionService over real servers; the orchestrator plays its part."""

import asyncio
import math
from collections.abc import AsyncIterator

import pytest
from grpc import StatusCode

from hive_contracts.mission import (
    CancelMission,
    ExtendMission,
    LaunchMission,
    MissionCancelled,
    MissionSucceeded,
    PhaseStarted,
)
from hive_contracts.plan import TaskSpec, WorkDone
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRequested,
    ApproveGate,
    AttemptStarted,
    RejectGate,
    TaskLeased,
    TaskPlanned,
    TaskSucceeded,
)
from hive_contracts.v1 import mission_pb2
from hive_gateway import submitter
from tests.suites.bus import SOON, eventually
from tests.suites.gateway import (
    ADMIN,
    AUTHORIZED,
    Gateway,
    ScriptedOrchestrator,
    bearer,
    http_get,
    launch_request,
    new_id,
    plan_message,
)
from tests.suites.refusals import refused

AS_ADMIN = bearer(ADMIN)


async def launch(gateway: Gateway, name: str = "fix", **plan: str) -> mission_pb2.LaunchResponse:
    return await gateway.missions.Launch(launch_request(name, **plan), metadata=AS_ADMIN)


async def get(gateway: Gateway, mission: str, position: int = 0) -> mission_pb2.Mission:
    request = mission_pb2.GetRequest(mission=mission, at_least_position=position)
    return (await gateway.missions.Get(request, metadata=AS_ADMIN)).mission


# --- launching


async def test_what_was_launched_can_be_read_at_once(gateway: Gateway) -> None:
    launched = await launch(gateway, objective="mend it")
    for ref in (launched.mission_id, launched.name):
        mission = await get(gateway, ref, launched.position)
        assert mission.summary.mission_id == launched.mission_id
        assert mission.summary.status == "running"
        assert mission.objective == "mend it"
        assert [phase.name for phase in mission.phases] == ["main"]


async def test_the_same_command_id_launches_once(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    request = launch_request()
    answers = await asyncio.gather(
        *(gateway.missions.Launch(request, metadata=AS_ADMIN) for _ in range(8))
    )
    assert len({answer.mission_id for answer in answers}) == 1
    assert [answer.repeated_command for answer in answers].count(False) == 1
    assert {sent.command_id for sent in orchestrator.submissions} == {request.command_id}


async def test_launches_that_wait_travel_together(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.open.clear()
    launching = [asyncio.ensure_future(launch(gateway, f"fix{n}")) for n in range(64)]
    # The first takes the way alone or with few; the others gather while it is held up.
    await eventually(lambda: orchestrator.requests)
    async with asyncio.timeout(SOON):
        while await commands_waiting(gateway) + len(orchestrator.requests[0]) < 64:
            assert len(orchestrator.requests) == 1
    orchestrator.open.set()
    answers = await asyncio.gather(*launching)
    assert len({answer.name for answer in answers}) == 64
    assert sum(map(len, orchestrator.requests)) == 64
    assert len(orchestrator.requests) <= 3


async def test_a_command_that_nobody_answers_is_sent_again_under_its_id(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitter, "TRY_SECONDS", 0.2)
    orchestrator.deaf_to = 2
    launched = await launch(gateway)
    assert launched.name == "fix-1"
    assert len(orchestrator.requests) == 3
    assert len({sent.command_id for sent in orchestrator.submissions}) == 1


async def test_the_orchestrator_is_told_how_long_the_caller_waits(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.open.clear()
    with refused(StatusCode.UNAVAILABLE) as told:
        await gateway.missions.Launch(launch_request(), metadata=AS_ADMIN, timeout=1)
    assert 0 < orchestrator.deadlines[0] <= 1000
    assert "same command id" in told.facts["remedy"]
    orchestrator.open.set()


async def test_without_an_orchestrator_the_caller_is_told_before_its_deadline(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    await orchestrator.leave()
    with refused(StatusCode.UNAVAILABLE) as told:
        await gateway.missions.Launch(launch_request(), metadata=AS_ADMIN, timeout=1)
    assert told.reason == "unavailable"


async def test_a_refusal_of_the_orchestrator_reaches_the_caller_whole(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answer = lambda _: Refused(
        "invalid", "needs has a cycle", "phases[0].needs", "break it"
    )
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await launch(gateway)
    assert (told.message, told.reason) == ("needs has a cycle", "invalid")
    assert told.facts == {"where": "phases[0].needs", "remedy": "break it"}
    assert told.fields == ["phases[0].needs"]


async def test_a_passing_refusal_is_not_the_callers_business(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    answers: list[Answer | None] = [Refused("unavailable", "the record is away"), None]
    orchestrator.answer = lambda _: answers.pop(0)
    assert (await launch(gateway)).name == "fix-1"
    assert answers == []


async def test_what_cannot_travel_is_refused_here(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    endless = launch_request()
    endless.plan.phases[0].tasks[0].timeouts.run = math.inf
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.missions.Launch(endless, metadata=AS_ADMIN)
    assert told.fields == ["plan.phases[0].tasks[0].timeouts.run"]

    huge = launch_request(objective="x" * submitter.MAX_SUBMISSION_BYTES)
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.missions.Launch(huge, metadata=AS_ADMIN)
    assert told.reason == "too-large"

    nameless = launch_request()
    nameless.command_id = "1"
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.missions.Launch(nameless, metadata=AS_ADMIN)
    assert told.fields == ["command_id"]
    assert orchestrator.requests == []


@pytest.mark.parametrize("agent", ["qa-test-guardian", "nobody-knows"])
async def test_a_profile_without_a_command_is_refused_with_the_line_to_add(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, agent: str
) -> None:
    request = launch_request()
    request.plan.phases[0].tasks.add(name="look", prompt="look", agent=agent)
    with refused(StatusCode.FAILED_PRECONDITION) as told:
        await gateway.missions.Launch(request, metadata=AS_ADMIN)
    assert f"profiles.{agent}.command = [" in told.facts["remedy"]
    assert told.facts["where"] == "plan.phases[0].tasks[1].agent"
    assert orchestrator.requests == []
    request.plan.phases[0].tasks[1].agent = "claude"
    await gateway.missions.Launch(request, metadata=AS_ADMIN)


async def test_each_of_many_launches_has_its_own_outcome(gateway: Gateway) -> None:
    good, bad = launch_request("good"), launch_request("bad")
    bad.plan.phases[0].tasks[0].agent = "nobody-knows"
    request = mission_pb2.LaunchManyRequest(launches=[good, bad, launch_request("better")])
    many = await gateway.missions.LaunchMany(request, metadata=AS_ADMIN)
    assert [outcome.WhichOneof("outcome") for outcome in many.outcomes] == [
        "launched",
        "problem",
        "launched",
    ]
    assert many.outcomes[1].problem.code == "no-command"
    assert many.outcomes[2].launched.name == "better-1"


async def test_the_actor_is_an_opaque_id_of_the_token(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    for _ in range(2):
        await launch(gateway)
    [actor] = {sent.actor for sent in orchestrator.submissions}
    assert actor.startswith("admin-")
    assert ADMIN not in actor


# --- reading


async def test_a_mission_that_is_not_there_is_not_found(gateway: Gateway) -> None:
    with refused(StatusCode.NOT_FOUND) as told:
        await get(gateway, "fix-7")
    assert told.facts["where"] == "mission"


async def test_a_position_beyond_the_head_is_refused_at_once(gateway: Gateway) -> None:
    launched = await launch(gateway)
    with refused(StatusCode.OUT_OF_RANGE) as told:
        await get(gateway, "fix-1", launched.position + 1000)
    assert told.reason == "beyond-head"


async def test_missions_are_listed_newest_first_in_pages(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched = [await launch(gateway) for _ in range(5)]
    cancelled = launched[1]
    position = await orchestrator.chronicle.write(
        MissionCancelled(cancelled.mission_id, "no need"), correlation=cancelled.mission_id
    )
    names: list[list[str]] = []
    token = ""
    while not names or token:
        request = mission_pb2.ListRequest(limit=2, page_token=token, at_least_position=position)
        page = await gateway.missions.List(request, metadata=AS_ADMIN)
        names.append([mission.name for mission in page.missions])
        token = page.next_page_token
    assert names == [["fix-5", "fix-4"], ["fix-3", "fix-2"], ["fix-1"]]
    only = await gateway.missions.List(
        mission_pb2.ListRequest(statuses=["cancelled"]), metadata=AS_ADMIN
    )
    assert [(m.name, m.reason) for m in only.missions] == [("fix-2", "no need")]
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.missions.List(mission_pb2.ListRequest(statuses=["done"]), metadata=AS_ADMIN)
    assert told.fields == ["statuses"]
    with refused(StatusCode.INVALID_ARGUMENT):
        await gateway.missions.List(mission_pb2.ListRequest(page_token="?"), metadata=AS_ADMIN)


async def test_a_watcher_sees_each_change_until_the_end(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched = await launch(gateway)
    id, task = launched.mission_id, new_id()
    other = await launch(gateway, "other")
    changes = watched(gateway, id, launched.position)
    first = await anext(changes)
    assert (first.HasField("event"), first.mission.summary.name) == (False, "fix-1")
    write = orchestrator.chronicle.write
    await write(PhaseStarted(other.mission_id, "main"), correlation=other.mission_id)
    await write(PhaseStarted(id, "main"), planned(id, task), correlation=id)
    await write(TaskLeased(task, 1, "work", new_id(), new_id(), 60), correlation=id)
    await write(AttemptStarted(task, 1), correlation=id)
    done = WorkDone(commit="c" * 40, files=2)
    await write(TaskSucceeded(task, id, 1, done), correlation=id)
    await write(MissionSucceeded(id, "fix"), correlation=id)
    seen = [change async for change in changes]
    assert [change.event.type for change in seen] == [
        "PhaseStarted",
        "TaskPlanned",
        "TaskLeased",
        "AttemptStarted",
        "TaskSucceeded",
        "MissionSucceeded",
    ]
    assert [change.position for change in seen] == [change.event.position for change in seen]
    assert seen[-1].mission.summary.status == "succeeded"
    assert (seen[-1].mission.summary.tasks, seen[-1].mission.summary.tasks_done) == (1, 1)
    last = next(change for change in seen if change.event.type == "TaskSucceeded")
    assert [(t.name, t.status, t.result.files) for t in last.mission.tasks] == [
        ("work", "succeeded", 2)
    ]


async def test_watching_what_has_ended_shows_it_and_ends(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched = await launch(gateway)
    position = await orchestrator.chronicle.write(
        MissionCancelled(launched.mission_id), correlation=launched.mission_id
    )
    seen = [change async for change in watched(gateway, "fix-1", position)]
    assert [change.mission.summary.status for change in seen] == ["cancelled"]


# --- answers of people


async def test_an_approval_finds_its_task(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    id, task = await asking(gateway, orchestrator, "ship")
    mission = await get(gateway, id)
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
        planned(id, second), ApprovalRequested(second, id, "tell", "Tell all?"), correlation=id
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
    await launch(gateway)
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


# --- going on, and ending


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
    await launch(gateway, type="qa")

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
    launched = await launch(gateway)
    for ref in ("fix-1", launched.mission_id):
        request = mission_pb2.CancelRequest(command_id=new_id(), mission=ref, reason="no need")
        await gateway.missions.Cancel(request, metadata=AS_ADMIN)
    sent = [submission.command for submission in orchestrator.submissions]
    assert isinstance(sent[0], LaunchMission)
    assert sent[1:] == [CancelMission(launched.mission_id, "no need")] * 2


# --- what these tests share


async def watched(
    gateway: Gateway, mission: str, position: int
) -> AsyncIterator[mission_pb2.WatchResponse]:
    request = mission_pb2.WatchRequest(mission=mission, at_least_position=position)
    call = gateway.missions.Watch(request, metadata=AS_ADMIN, timeout=SOON)
    async for change in call:
        yield change


async def commands_waiting(gateway: Gateway) -> int:
    shown = (await http_get(gateway, "/metrics", AUTHORIZED)).body.decode()
    return int(float(shown.partition("\nhive_gateway_commands_waiting ")[2].split()[0]))


def planned(mission_id: str, task_id: str) -> TaskPlanned:
    return TaskPlanned(task_id, mission_id, "fix-1", "main", "work", TaskSpec("work", run="true"))


async def asking(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, gate: str, name: str = "fix"
) -> tuple[str, str]:
    """A mission with a task that asks, and the task."""
    launched = await launch(gateway, name)
    id, task = launched.mission_id, new_id()
    position = await orchestrator.chronicle.write(
        planned(id, task), ApprovalRequested(task, id, gate, "Ship it?"), correlation=id
    )
    await get(gateway, id, position)
    return id, task


def taken(submission: Submission) -> Answer | None:
    return Accepted(1)


def extended(submission: Submission) -> Answer | None:
    match submission.command:
        case ExtendMission(mission_id=id):
            return Accepted(1, id, "more-1")
    return None
