"""MissionService over real servers; the orchestrator plays its part."""

import asyncio
import math
from collections.abc import AsyncIterator

import pytest
from grpc import StatusCode

from hive_contracts.mission import (
    LaunchMission,
    MissionCancelled,
    MissionFailed,
    MissionSucceeded,
    PhaseStarted,
    PlannedTask,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import Failure, WorkDone
from hive_contracts.plan import ArtifactRef
from hive_contracts.submit import Accepted, Answer, Refused
from hive_contracts.task import (
    AttemptStarted,
    GiveTask,
    TakeTask,
    TaskCancelled,
    TaskLeased,
    TaskSucceeded,
    TellTask,
)
from hive_contracts.v1 import mission_pb2, plan_pb2
from hive_gateway import submitter
from tests.suites.bus import SOON, eventually
from tests.suites.gateway import (
    ADMIN,
    AUTHORIZED,
    RUNNER,
    Gateway,
    ScriptedOrchestrator,
    bearer,
    http_get,
    launch_request,
    new_id,
    planned_task,
)
from tests.suites.refusals import refused

AS_ADMIN = bearer(ADMIN)
AS_RUNNER = bearer(RUNNER)


# --- launching


async def test_what_was_launched_can_be_read_at_once(gateway: Gateway) -> None:
    launched = await gateway.launch(objective="mend it")
    for ref in (launched.mission_id, launched.name):
        mission = await gateway.get(ref, launched.position)
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
    gateway: Gateway, orchestrator: ScriptedOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitter, "TRY_SECONDS", SOON)
    orchestrator.open.clear()
    launching = [asyncio.ensure_future(gateway.launch(f"fix{n}")) for n in range(64)]
    # The first ones take the ways that there are; the others gather while these are held up.
    await eventually(lambda: orchestrator.requests)
    async with asyncio.timeout(SOON):
        while await commands_waiting(gateway) + len(orchestrator.submissions) < 64:
            assert len(orchestrator.requests) <= submitter.LANES
    orchestrator.open.set()
    answers = await asyncio.gather(*launching)
    assert len({answer.name for answer in answers}) == 64
    assert sum(map(len, orchestrator.requests)) == 64
    assert len(orchestrator.requests) <= 2 * submitter.LANES + 1


async def test_a_command_that_nobody_answers_is_sent_again_under_its_id(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitter, "TRY_SECONDS", 0.2)
    orchestrator.deaf_to = 2
    launched = await gateway.launch()
    assert launched.name == "fix-1"
    assert len(orchestrator.requests) >= 3  # a slow answer is asked for once more, too
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
        await gateway.launch()
    assert (told.message, told.reason) == ("needs has a cycle", "invalid")
    assert told.facts == {"where": "phases[0].needs", "remedy": "break it"}
    assert told.fields == ["phases[0].needs"]


async def test_a_passing_refusal_is_not_the_callers_business(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    answers: list[Answer | None] = [Refused("unavailable", "the record is away"), None]
    orchestrator.answer = lambda _: answers.pop(0)
    assert (await gateway.launch()).name == "fix-1"
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
        await gateway.launch()
    [actor] = {sent.actor for sent in orchestrator.submissions}
    assert actor.startswith("admin-")
    assert ADMIN not in actor


# --- reading


async def test_a_mission_that_is_not_there_is_not_found(gateway: Gateway) -> None:
    with refused(StatusCode.NOT_FOUND) as told:
        await gateway.get("fix-7")
    assert told.facts["where"] == "mission"


async def test_a_position_beyond_the_head_is_refused_at_once(gateway: Gateway) -> None:
    launched = await gateway.launch()
    with refused(StatusCode.OUT_OF_RANGE) as told:
        await gateway.get("fix-1", launched.position + 1000)
    assert told.reason == "beyond-head"


async def test_missions_are_listed_newest_first_in_pages(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched = [await gateway.launch() for _ in range(5)]
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


async def test_a_mission_that_has_ended_is_launched_once_more(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    first = await gateway.launch(objective="Make it reliable.")
    request = mission_pb2.RetryRequest(command_id=new_id(), mission=first.name)
    with refused(StatusCode.FAILED_PRECONDITION) as told:
        await gateway.missions.Retry(request, metadata=AS_ADMIN)
    assert told.facts["remedy"] == "hive cancel fix-1"
    await orchestrator.chronicle.write(MissionCancelled(first.mission_id))
    again = await gateway.missions.Retry(request, metadata=AS_ADMIN)
    assert again.name == "fix-2"
    plans = [
        sent.command.plan
        for sent in orchestrator.submissions
        if isinstance(sent.command, LaunchMission)
    ]
    assert plans[0] == plans[1]


async def test_of_a_mission_that_has_ended_only_what_failed_is_launched(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    first = await gateway.launch()
    id, task = first.mission_id, new_id()
    request = mission_pb2.RetryRequest(command_id=new_id(), mission=first.name, failed=True)
    await orchestrator.chronicle.write(MissionFailed(id, "the base does not pass"))
    with refused(StatusCode.FAILED_PRECONDITION) as told:
        await gateway.missions.Retry(request, metadata=AS_ADMIN)
    assert told.message == "there is nothing to retry: no task of fix-1 has failed"
    assert told.facts["remedy"] == "hive retry fix-1 does all of it again"
    second = await gateway.launch()
    id = second.mission_id
    await orchestrator.chronicle.write(
        TasksPlanned(id, "main", (PlannedTask(task, "work", "work"),)),
        TaskSettled(id, task, "failed", failure=Failure("agent", "it broke")),
        MissionFailed(id, "main/work: it broke"),
    )
    again = await gateway.missions.Retry(
        mission_pb2.RetryRequest(command_id=new_id(), mission=second.name, failed=True),
        metadata=AS_ADMIN,
    )
    assert (again.name, list(again.failed), list(again.undone)) == ("fix-3", ["main/work"], [])


async def test_a_hint_is_sent_to_the_task_that_is_meant(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched, task = await gateway.launch(), new_id()
    await orchestrator.chronicle.write(planned_task(launched.mission_id, task))
    orchestrator.answer = lambda sent: Accepted(3) if isinstance(sent.command, TellTask) else None
    request = mission_pb2.TellRequest(
        command_id=new_id(), mission=launched.name, task="main/work", text="read the RFC"
    )
    answer = await gateway.missions.Tell(request, metadata=AS_ADMIN)
    assert (answer.position, answer.task) == (3, "main/work")
    command = orchestrator.submissions[-1].command
    assert isinstance(command, TellTask)
    assert (command.task_id, command.text) == (task, "read the RFC")
    assert command.by.startswith("admin")
    request = mission_pb2.TellRequest(command_id=new_id(), mission=launched.name, task="x")
    with refused(StatusCode.NOT_FOUND) as told:
        await gateway.missions.Tell(request, metadata=AS_ADMIN)
    assert "open: main/work" in told.facts["remedy"]


async def test_a_task_is_taken_and_given_by_whoever_calls(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched, task = await gateway.launch(), new_id()
    await orchestrator.chronicle.write(planned_task(launched.mission_id, task))
    mine = (TakeTask, GiveTask)
    orchestrator.answer = lambda sent: Accepted(3) if isinstance(sent.command, mine) else None
    request = mission_pb2.TakeRequest(command_id=new_id(), mission=launched.name)
    answer = await gateway.missions.Take(request, metadata=AS_ADMIN)
    assert (answer.position, answer.task, answer.task_id) == (3, "main/work", task)
    take = orchestrator.submissions[-1].command
    assert isinstance(take, TakeTask) and take.task_id == task
    assert take.by.startswith("admin")
    bundle = plan_pb2.ArtifactRef(digest="d" * 64, size=9)
    give = mission_pb2.GiveRequest(
        command_id=new_id(), mission=launched.name, task=task, epoch=2,
        commit="c" * 40, bundle=bundle, note="look", done=True, force=True,
    )  # fmt: skip
    assert (await gateway.missions.Give(give, metadata=AS_ADMIN)).task == "main/work"
    assert orchestrator.submissions[-1].command == GiveTask(
        task, take.by, 2, "c" * 40, ArtifactRef("d" * 64, 9), "look", done=True, force=True
    )


async def test_a_task_that_has_ended_is_given_by_its_id_so_that_the_first_answer_is_found(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched, task = await gateway.launch(), new_id()
    await orchestrator.chronicle.write(planned_task(launched.mission_id, task))
    await orchestrator.chronicle.write(TaskCancelled(task, launched.mission_id))
    orchestrator.answer = lambda sent: (
        Accepted(3, repeated=True) if isinstance(sent.command, GiveTask) else None
    )
    give = mission_pb2.GiveRequest(command_id=new_id(), mission=launched.name, task=task)
    assert (await gateway.missions.Give(give, metadata=AS_ADMIN)).position == 3
    give.task = "main/work"
    with refused(StatusCode.NOT_FOUND):
        await gateway.missions.Give(give, metadata=AS_ADMIN)


async def test_a_runners_token_takes_nothing(gateway: Gateway) -> None:
    launched = await gateway.launch()
    request = mission_pb2.TakeRequest(command_id=new_id(), mission=launched.name)
    with refused(StatusCode.PERMISSION_DENIED):
        await gateway.missions.Take(request, metadata=AS_RUNNER)


async def test_a_watcher_sees_each_change_until_the_end(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    launched = await gateway.launch()
    id, task = launched.mission_id, new_id()
    other = await gateway.launch("other")
    changes = watched(gateway, id, launched.position)
    first = await anext(changes)
    assert (first.HasField("event"), first.mission.summary.name) == (False, "fix-1")
    write = orchestrator.chronicle.write
    await write(PhaseStarted(other.mission_id, "main"), correlation=other.mission_id)
    await write(PhaseStarted(id, "main"), planned_task(id, task), correlation=id)
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
    launched = await gateway.launch()
    position = await orchestrator.chronicle.write(
        MissionCancelled(launched.mission_id), correlation=launched.mission_id
    )
    seen = [change async for change in watched(gateway, "fix-1", position)]
    assert [change.mission.summary.status for change in seen] == ["cancelled"]


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
