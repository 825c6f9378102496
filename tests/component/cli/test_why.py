"""`hive why`: the account of a mission, its reasons, and what to type next."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hive_cli.account import FIRST, LAST, Line, account, shortened
from hive_cli.main import VERBS
from hive_cli.why import next_steps, why
from hive_contracts.codec import encode, stream_of
from hive_contracts.envelope import Meta, Recorded
from hive_contracts.mission import (
    BranchAdvanced,
    MissionFailed,
    MissionLaunched,
    MissionRefused,
    MissionRevised,
    PhaseCompleted,
    PhaseSentBack,
    PhaseStarted,
    RevisionDeclined,
)
from hive_contracts.outcome import Failure, GateResult, HandedOver, WorkDone
from hive_contracts.plan import Item, Repository, TaskSpec, Tip
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptSucceeded,
    GatesJudged,
    HandoverLost,
    ItemsReported,
    LeaseLost,
    ReportIgnored,
    RetryScheduled,
    TaskFailed,
    TaskGiven,
    TaskPlanned,
    TaskReopened,
    TaskSucceeded,
    TaskTaken,
    TaskTold,
    WorkHandedOver,
)
from hive_contracts.v1 import mission_pb2, plan_pb2

M, T = "0" * 32, "1" * 32
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RED = GateResult("tests", False, "make test", 1)
GREEN = GateResult("lint", True, "make lint", 0)


def record(events: Sequence[Any]) -> list[Recorded]:
    return [
        Recorded(
            n, stream_of(event), n, "e" * 32, type(event).__name__, encode(event),
            Meta(M, "c", "ann"), NOON + timedelta(seconds=n),
        )
        for n, event in enumerate(events, start=1)
    ]  # fmt: skip


def planned(kind: Any = "work") -> TaskPlanned:
    return TaskPlanned(T, M, "fix-1", "build", kind, TaskSpec("limiter", run="x"))


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            MissionLaunched(M, "fix-1", "fix", repository=Repository("/src", "4f2c1e9" + "0" * 33)),
            "fix-1 was launched, from 4f2c1e9 of /src",
        ),
        (PhaseStarted(M, "build"), "phase build began"),
        (BranchAdvanced(M, "a" * 40, Tip("b" * 40), T, 1), "build/limiter was merged: bbbbbbb"),
        (MissionRefused(M, "red base"), "the mission was refused: red base"),
        (
            MissionRevised(M, 2, "revision-2", title="ada asks for changes", by="ada"),
            "round 2 of its pull request: ada asks for changes",
        ),
        (
            RevisionDeclined(M, 2, "its work was released"),
            "round 2 of its pull request was not taken up: its work was released",
        ),
        (LeaseLost(T, 1, "silent"), "build/limiter: its runner was lost (silent)"),
        (
            AttemptFailed(T, 1, Failure("timeout", "ended after 30 s")),
            "build/limiter: it took too long: ended after 30 s",
        ),
        (
            GatesJudged(T, 1, "c" * 40, (RED, GREEN)),
            "build/limiter: the gate tests ended with status 1",
        ),
        (
            RetryScheduled(T, 2.1, True),
            "build/limiter is tried again in 2 s; that was one of its attempts",
        ),
        (
            RetryScheduled(T, 2.1, False),
            "build/limiter is tried again in 2 s; that counts against nobody",
        ),
        (
            ReportIgnored(T, 1, "epoch 2 has begun"),
            "build/limiter: a report came too late and changed nothing (epoch 2 has begun)",
        ),
        (
            ItemsReported(T, M, "each", tuple(Item(str(n)) for n in range(8))),
            "phase each has 8 items: 0, 1, 2, 3, 4, 5 and 2 more",
        ),
        (ApprovalRequested(T, M, "ok", "Is it good?"), "a person is asked: Is it good?"),
        (ApprovalGiven(T, "ok", "ann", "fine"), "ann said yes: fine"),
        (ApprovalRefused(T, "ok", "ann"), "ann said no"),
        (
            TaskReopened(T, Tip("b" * 40), Failure("agent", "a.py")),
            "build/limiter is done again on the newer branch: its command failed: a.py",
        ),
        (
            TaskSucceeded(T, M, 1, WorkDone(no_change="all is well")),
            "build/limiter had nothing to change: all is well",
        ),
        (
            AttemptSucceeded(T, 1, WorkDone("c" * 40, left_over=1)),
            "build/limiter: 1 process was left over, and was ended",
        ),
        (TaskTold(T, "mind the clock", "ann"), "ann told build/limiter: mind the clock"),
        (TaskTaken(T, 2, "ann", None, 1), "ann took build/limiter over"),
        (
            WorkHandedOver(T, 1, HandedOver("c" * 40)),
            "build/limiter: its agent was ended, and left ccccccc",
        ),
        (
            WorkHandedOver(T, 1, HandedOver()),
            "build/limiter: its agent was ended, and had changed nothing yet",
        ),
        (
            HandoverLost(T, 1, "it was away"),
            "build/limiter: nothing was handed over (it was away)",
        ),
        (
            TaskGiven(T, 2, "ann", "e" * 40, note="mind the clock"),
            "ann gave build/limiter back, at eeeeeee: mind the clock",
        ),
        (TaskGiven(T, 2, "ann"), "ann gave build/limiter back"),
        (
            TaskGiven(T, 2, "ann", "e" * 40, done=True),
            "ann gave build/limiter back as done, at eeeeeee",
        ),
        (
            TaskGiven(T, 2, "bob", dropped=True, taken_by="ann"),
            "bob, for ann, gave build/limiter back without any work",
        ),
        (
            PhaseCompleted(M, "build", failed=2),
            "phase build is complete, without 2 tasks that failed",
        ),
        (
            PhaseSentBack(M, "review", "build", 1, "no tests", ("build", "review")),
            "phase review found defects, and build is done again: no tests",
        ),
        (TaskFailed(T, M, 2, Failure("gate", "tests")), "build/limiter failed for good: tests"),
    ],
)  # fmt: skip
def test_each_turn_is_a_sentence(event: Any, text: str) -> None:
    assert [line.text for line in account(record([planned(), event]))] == [text]


def test_a_failure_is_not_told_twice() -> None:
    broken = Failure("permanent", "no such program")
    told = account(record([planned(), AttemptFailed(T, 1, broken), TaskFailed(T, M, 1, broken)]))
    assert [line.text for line in told] == [
        "build/limiter: it cannot go on as it is: no such program",
        "build/limiter failed for good",
    ]
    view = mission("failed", reason="build/limiter: gate tests failed", tasks=[FAILED])
    assert list(why(view))[1] == "build/limiter failed in 2 attempts: a gate did not pass"


def test_a_red_gate_is_told_once() -> None:
    judged = GatesJudged(T, 1, "c" * 40, (RED,))
    failed = AttemptFailed(T, 1, Failure("gate", "gate tests failed"))
    lines = account(record([planned(), judged, failed, PhaseStarted(M, "b"), failed]))
    assert [line.text for line in lines] == [
        "build/limiter: the gate tests ended with status 1",
        "phase b began",
        "build/limiter: a gate did not pass: gate tests failed",
    ]


def test_what_goes_wrong_again_and_again_is_counted() -> None:
    lost = AttemptFailed(T, 1, Failure("infrastructure", "no network"))
    turns = [event for n in range(1, 9) for event in (lost, RetryScheduled(T, n, False))]
    lines = account(record([planned(), *turns, MissionFailed(M, "no")]))
    assert [(line.text, line.times) for line in lines] == [
        ("build/limiter: not its own fault: no network", 8),
        ("build/limiter is tried again in 1 s; that counts against nobody", 8),
        ("the mission failed: no", 1),
    ]


def test_of_gates_that_pass_only_those_of_the_mission_are_told() -> None:
    judged = GatesJudged(T, 1, "c" * 40, (GREEN,))
    assert account(record([planned(), judged])) == []
    (line,) = account(record([planned("gate"), judged]))
    assert line.text == "build/limiter: lint passed"
    as_before = GatesJudged(T, 1, "c" * 40, (replace(GREEN, exit_code=1),))
    (line,) = account(record([planned("gate"), as_before]))
    assert line.text == "build/limiter: lint can be compared with"


def test_an_event_of_a_later_version_is_left_out() -> None:
    later = Recorded(9, f"task-{T}", 9, "e" * 32, "TaskSung", b"{}", Meta(M, "c", "ann"), NOON)
    (line,) = account([later, *record([MissionFailed(M, "no")])])
    assert (line.text, line.bad) == ("the mission failed: no", True)


def test_of_a_long_account_the_beginning_and_the_end_are_shown() -> None:
    lines = [Line(NOON, str(n)) for n in range(200)]
    shown = shortened(lines)
    assert shown[FIRST] == 200 - FIRST - LAST
    assert [shown[0], shown[-1]] == [lines[0], lines[-1]]
    assert shortened(lines[:40]) == lines[:40]


def mission(status: str, **fields: Any) -> mission_pb2.Mission:
    reason = fields.pop("reason", "")
    summary = mission_pb2.MissionSummary(name="fix-1", status=status, reason=reason)
    return mission_pb2.Mission(summary=summary, **fields)


FAILED = mission_pb2.TaskView(
    name="limiter", phase="build", status="failed", attempt=2, attempts=2,
    failure=plan_pb2.Failure(kind="gate", detail="gate tests failed", tail="E 1 != 2\n"),
    gates=[plan_pb2.GateResult(name="tests", command="make test", exit_code=1)],
)  # fmt: skip


def test_a_failure_is_told_with_its_gate_and_the_end_of_its_output() -> None:
    assert list(why(mission("failed", reason="build failed", tasks=[FAILED]))) == [
        "build failed",
        "build/limiter failed in 2 attempts: a gate did not pass: gate tests failed",
        "build/limiter: tests ✗ exit 1, of `make test`",
        "  E 1 != 2",
    ]


def test_what_a_mission_waits_for_is_told() -> None:
    queued = mission_pb2.TaskView(name="a", status="queued")
    waiting = mission_pb2.TaskView(
        name="b",
        status="backing-off",
        failure=plan_pb2.Failure(kind="limit", detail="at 9:00", tail="no more today\n"),
    )
    asked = mission_pb2.PendingApproval(gate="ok", text="Is it good?")
    view = mission(
        "waiting", tasks=[queued, waiting], approvals=[asked], unmet_prerequisites=["metrics"]
    )
    nobody = "no runner is connected, so nothing can begin"
    assert list(why(view, [nobody])) == [
        "it waits until a run of metrics succeeds",
        "it waits for a person: Is it good?",
        "its tasks: 1 queued · 1 backing-off",
        nobody,
        "b waits before it is tried again: at 9:00",
        "  no more today",
    ]
    assert next(next_steps(view)) == "hive mission approve fix-1 --gate ok"


def test_why_shows_what_the_set_up_said_that_a_person_is_asked_about() -> None:
    failure = plan_pb2.Failure(detail="no", set_up="status 1", tail="no such package: left-pad")
    task = mission_pb2.TaskView(name="base", status="awaiting-approval", failure=failure)
    asked = mission_pb2.PendingApproval(gate="set-up", text="try it again?")
    view = mission("waiting", tasks=[task], approvals=[asked])
    assert list(why(view))[:2] == [
        "it waits for a person: try it again?",
        "  no such package: left-pad",
    ]
    assert "hive mission approve fix-1 --gate set-up" in list(next_steps(view))


@pytest.mark.parametrize(
    ("view", "first"),
    [
        (mission("succeeded", tip=plan_pb2.Tip(chain="c")), "hive diff fix-1"),
        (mission("succeeded"), None),
        (mission("failed"), "hive retry fix-1"),
        (mission("failed", tip=plan_pb2.Tip(chain="c")), "hive diff fix-1"),
        (mission("refused"), "hive retry fix-1"),
        (mission("running"), "hive watch fix-1"),
        (mission("cancelled"), "hive retry fix-1"),
    ],
)
def test_the_next_step_is_a_command_that_exists(
    view: mission_pb2.Mission, first: str | None
) -> None:
    steps = list(next_steps(view))
    assert (steps[0] if steps else None) == first
    assert all(step.split()[1] in VERBS for step in steps)


def test_a_taken_task_says_who_has_it_and_how_it_is_given_back() -> None:
    taken = mission_pb2.TakenView(by="ann", lost="it was away")
    task = mission_pb2.TaskView(name="limiter", phase="build", status="taken", taken=taken)
    view = mission("running", tasks=[task])
    assert any(
        line.startswith("build/limiter is taken by ann since ")
        and line.endswith("nothing was handed over: it was away")
        for line in why(view)
    )
    assert next(next_steps(view)) == "hive give fix-1/build/limiter"
