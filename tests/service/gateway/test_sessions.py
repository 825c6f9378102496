"""RunnerService.Session over real servers; runner and orchestrator play their parts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from grpc import StatusCode

from hive_contracts.orders import Beat, Holding, Lease, Orders, StepsDone, TokensUsed
from hive_contracts.outcome import Failure, WorkDone
from hive_contracts.plan import TaskSpec
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_contracts.task import LoseLease, ReportAttempt, StartAttempt, TaskPlanned
from hive_contracts.v1 import runner_pb2
from hive_contracts.wire import from_proto, to_proto
from hive_gateway import submitter
from tests.suites.bus import SOON, eventually
from tests.suites.gateway import (
    BEAT_SECONDS,
    RUNNER,
    Gateway,
    ScriptedOrchestrator,
    bearer,
    new_id,
)
from tests.suites.refusals import refused


class Runner:
    """One session of a runner that says what the test tells it to."""

    def __init__(self, gateway: Gateway) -> None:
        self.id, self.session_id = new_id(), new_id()
        self._call = gateway.runners.Session(metadata=bearer(RUNNER), timeout=SOON)

    async def say(self, *reports: runner_pb2.Report, beat: bool = True, **fields: Any) -> None:
        request = runner_pb2.SessionRequest(reports=reports)
        if beat:
            told = Beat(self.id, self.session_id, "anvil", 4, **fields)
            request.beat.CopyFrom(to_proto(told, runner_pb2.Beat))
        await self._call.write(request)

    async def hear(self) -> runner_pb2.SessionResponse:
        response = await self._call.read()
        assert isinstance(response, runner_pb2.SessionResponse)
        return response

    async def leave(self) -> None:
        await self._call.done_writing()
        while await self.hear_or_end():
            pass

    async def hear_or_end(self) -> runner_pb2.SessionResponse | None:
        response = await self._call.read()
        return response if isinstance(response, runner_pb2.SessionResponse) else None


@pytest.fixture
async def runner(gateway: Gateway) -> AsyncIterator[Runner]:
    connected = Runner(gateway)
    yield connected
    connected._call.cancel()


def report(task: str = "", epoch: int = 1, **outcome: Any) -> runner_pb2.Report:
    return runner_pb2.Report(command_id=new_id(), task_id=task or new_id(), epoch=epoch, **outcome)


def started(task: str) -> runner_pb2.Report:
    return report(task, started=runner_pb2.AttemptStarted())


def lease(task_id: str, epoch: int = 1) -> Lease:
    task = TaskPlanned(task_id, new_id(), "fix-1", "main", "work", TaskSpec("work", run="true"))
    return Lease(epoch, "work", task, 1)


async def test_each_beat_is_answered_by_orders(
    runner: Runner, orchestrator: ScriptedOrchestrator
) -> None:
    task = new_id()
    orchestrator.orders = lambda beat: Orders(
        beat.session_id, (lease(task),), beat.holding, BEAT_SECONDS
    )
    held = Holding(new_id(), 3, "reported")
    # What is for metrics ends at the gateway.
    done, tokens = (StepsDone("turn", 1),), (TokensUsed("claude", 7),)
    await runner.say(
        holding=(held,), agents=("claude",), draining=True, handlers=done, tokens=tokens
    )
    orders = from_proto((await runner.hear()).orders, Orders)
    assert (orders.session_id, orders.keep) == (runner.session_id, (held,))
    assert [given.task.task_id for given in orders.leases] == [task]
    [beat] = orchestrator.beats
    assert beat == Beat(runner.id, runner.session_id, "anvil", 4, ("claude",), True, (held,))


async def test_reports_are_taken_before_the_beat_and_in_order_for_each_task(
    runner: Runner, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answer = taken
    a, b = new_id(), new_id()
    reports = [
        started(a),
        started(b),
        report(a, work={"commit": "c" * 40}),
        report(b, failure={"kind": "agent", "detail": "it gave up"}),
        report(b, epoch=2, declined={"reason": "no space"}),
    ]
    await runner.say(*reports)
    heard = await runner.hear()
    assert {receipt.command_id for receipt in heard.receipts} == {r.command_id for r in reports}
    assert [receipt.refused for receipt in heard.receipts] == [""] * 5
    commands = [
        sent.command
        for sent in orchestrator.submissions
        if isinstance(sent.command, StartAttempt | ReportAttempt | LoseLease)
    ]
    assert [c for c in commands if c.task_id == a] == [
        StartAttempt(a, 1),
        ReportAttempt(a, 1, WorkDone("c" * 40)),
    ]
    assert [c for c in commands if c.task_id == b] == [
        StartAttempt(b, 1),
        ReportAttempt(b, 1, Failure("agent", "it gave up")),
        LoseLease(b, 2, "no space", "declined"),
    ]


async def test_a_final_refusal_is_a_receipt_and_silence_is_none(
    runner: Runner, orchestrator: ScriptedOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hive_gateway.sessions.REPORT_SECONDS", 0.5)
    late, unheard, fine = new_id(), new_id(), new_id()

    def answer(submission: Submission) -> Answer | None:
        command = submission.command
        assert isinstance(command, StartAttempt | ReportAttempt)
        match command.task_id, command:
            case id, _ if id == late:
                return Refused("stale", "epoch 2 has begun")
            case id, _ if id == unheard:
                return Refused("unavailable", "the record is away")
        return Accepted(1)

    orchestrator.answer = answer
    reports = [started(late), started(unheard), report(unheard, work={}), started(fine)]
    await runner.say(*reports)
    receipts = {receipt.command_id: receipt.refused for receipt in (await runner.hear()).receipts}
    assert receipts == {reports[0].command_id: "stale", reports[3].command_id: ""}
    # What comes after an unanswered report of the same task must not overtake it: however often
    # they are sent again, they go together and in their order.
    for request in orchestrator.requests:
        about = [s.command for s in request if getattr(s.command, "task_id", "") == unheard]
        assert [type(command) for command in about] in ([], [StartAttempt, ReportAttempt])


async def test_a_report_that_makes_no_sense_is_refused_for_good(
    runner: Runner, orchestrator: ScriptedOrchestrator
) -> None:
    bad = [
        report(),
        report(failure={"kind": "weather"}),
        report("no id", started=runner_pb2.AttemptStarted()),
    ]
    await runner.say(*bad)
    heard = await runner.hear()
    assert [receipt.refused for receipt in heard.receipts] == ["invalid"] * 3
    assert orchestrator.requests == []


async def test_reports_may_come_without_a_beat(
    runner: Runner, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answer = taken
    await runner.say(started(new_id()), beat=False)
    heard = await runner.hear()
    assert (len(heard.receipts), heard.HasField("orders")) == (1, False)
    assert orchestrator.beats == []


async def test_a_beat_that_nobody_heard_is_not_answered(
    runner: Runner, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answer = taken
    orchestrator.orders = lambda _: None
    await runner.say(started(new_id()))
    heard = await runner.hear()
    assert (len(heard.receipts), heard.HasField("orders")) == (1, False)


async def test_a_hint_brings_new_orders_without_a_beat_of_the_runner(
    runner: Runner, orchestrator: ScriptedOrchestrator
) -> None:
    await runner.say()
    assert not (await runner.hear()).orders.leases
    task = new_id()
    orchestrator.orders = lambda beat: Orders(beat.session_id, (lease(task),))
    await orchestrator.hint(new_id())
    await orchestrator.hint(runner.id)
    heard = await runner.hear()
    assert [given.task.task_id for given in heard.orders.leases] == [task]
    assert orchestrator.beats[0] == orchestrator.beats[1]


async def test_a_runner_that_has_gone_silent_is_not_spoken_for(
    runner: Runner, orchestrator: ScriptedOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hive_gateway.sessions.HEARD_BEATS", 0)
    await runner.say()
    await runner.hear()
    canaries = len(orchestrator.canaries)
    await orchestrator.hint(runner.id)
    await eventually(lambda: len(orchestrator.canaries) > canaries + 2)
    assert len(orchestrator.beats) == 1


async def test_the_canary_beats_by_the_same_way(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    await eventually(lambda: len(orchestrator.canaries) >= 3)
    assert {canary.gateway for canary in orchestrator.canaries} == {gateway.shell.instance}


async def test_two_sessions_of_one_runner_are_both_answered(
    gateway: Gateway, runner: Runner, orchestrator: ScriptedOrchestrator
) -> None:
    again = Runner(gateway)
    again.id = runner.id
    await runner.say()
    await again.say()
    assert (await runner.hear()).orders.session_id == runner.session_id
    assert (await again.hear()).orders.session_id == again.session_id
    await again.leave()
    await orchestrator.hint(runner.id)
    assert (await runner.hear()).orders.session_id == runner.session_id


@pytest.mark.parametrize(
    ("beat", "field"),
    [
        ({"runner_id": "*", "session_id": new_id()}, "beat.runner_id"),
        ({"runner_id": new_id(), "session_id": "x"}, "beat.session_id"),
        (
            {
                "runner_id": new_id(),
                "session_id": new_id(),
                "holding": [{"task_id": "t", "state": "lost"}],
            },
            "beat.holding[0].state",
        ),
    ],
)
async def test_a_beat_that_makes_no_sense_ends_the_session(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, beat: dict[str, Any], field: str
) -> None:
    call = gateway.runners.Session(metadata=bearer(RUNNER), timeout=SOON)
    await call.write(runner_pb2.SessionRequest(beat=runner_pb2.Beat(**beat)))
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        async for _ in call:
            pass
    assert told.fields == [field]
    assert orchestrator.beats == []


async def test_a_deaf_hive_does_not_end_the_session(
    gateway: Gateway,
    runner: Runner,
    orchestrator: ScriptedOrchestrator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hive_gateway.sessions.REPORT_SECONDS", 0.3)
    monkeypatch.setattr(submitter, "TRY_SECONDS", 0.2)
    await orchestrator.leave()
    sent = started(new_id())
    await runner.say(sent)
    await asyncio.sleep(0)
    await orchestrator.listen()
    orchestrator.answer = taken
    await runner.say(sent)
    heard = await runner.hear()
    assert {receipt.command_id for receipt in heard.receipts} <= {sent.command_id}


def taken(submission: Submission) -> Answer | None:
    return Accepted(1)
