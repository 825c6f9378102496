"""A task's epochs, as its own stream tells them."""

from hive_contracts.outcome import AgentRun, Failure, GateResult, HandedOver, WorkDone
from hive_contracts.plan import ApprovalGate, ArtifactRef, CommandGate, TaskSpec
from hive_contracts.task import (
    AnyTaskEvent,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    HandoverLost,
    LeaseLost,
    RetryScheduled,
    TaskCancelled,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskSucceeded,
    TaskTaken,
    WorkHandedOver,
)
from hive_gateway.logs.history import History, history

TASK, MISSION = "1" * 32, "2" * 32
ONE, TWO = ArtifactRef("a" * 64, 5), ArtifactRef("b" * 64, 6)
GATES = (ApprovalGate("look", "?"), CommandGate("lint", "x"), CommandGate("tests", "x"))
PLANNED = TaskPlanned(TASK, MISSION, "fix-1", "main", "work", TaskSpec("fix", gates=GATES))


def leased(epoch: int, step: str = "work") -> TaskLeased:
    return TaskLeased(TASK, epoch, step, "r", "s", 60)  # type: ignore[arg-type]  # a step's name


def of(*events: AnyTaskEvent) -> History:
    return history([PLANNED, *events])


def test_an_attempt_has_the_epochs_of_its_work_and_its_gates() -> None:
    tests, lint = GateResult("tests", False, "x", output=ONE), GateResult("lint", True, "x")
    told = of(
        leased(1),
        AttemptStarted(TASK, 1),
        AttemptSucceeded(TASK, 1, WorkDone(output=TWO)),
        leased(2, "gates"),
        GatesJudged(TASK, 2, "c", (tests, lint)),
        AttemptFailed(TASK, 2, Failure("gate", "tests failed")),
        RetryScheduled(TASK, 1, True),
        leased(3),
    )
    assert [(e.epoch, e.attempt, e.step, e.outcome, e.kept) for e in told.epochs] == [
        (1, 1, "work", "succeeded", (("output", TWO),)),
        (2, 1, "gates", "failed", (("gate-1", ONE),)),
        (3, 2, "work", "", ()),
    ]
    assert not told.over


def test_an_epoch_that_nobody_is_to_blame_for_keeps_its_number() -> None:
    told = of(leased(1), LeaseLost(TASK, 1, "gone"), RetryScheduled(TASK, 1, False), leased(2))
    assert [(e.attempt, e.outcome, e.detail) for e in told.epochs] == [
        (1, "lost", "gone"),
        (1, "", ""),
    ]


def test_a_failed_set_up_leaves_its_own_output() -> None:
    infrastructure = Failure("infrastructure", "no", output=ONE)
    assert of(leased(1), AttemptFailed(TASK, 1, infrastructure)).epochs[0].kept[0][0] == "setup"
    failed = Failure("agent", "no", output=ONE)
    assert of(leased(1), AttemptFailed(TASK, 1, failed)).epochs[0].kept[0][0] == "output"
    assert of(leased(1, "gates"), AttemptFailed(TASK, 1, failed)).epochs[0].kept[0][0] == "setup"
    assert of(leased(1, "expand"), AttemptFailed(TASK, 1, failed)).epochs[0].kept[0][0] == "expand"
    at_login = Failure("infrastructure", "no", output=ONE, agent=AgentRun("claude"))
    assert of(leased(1), AttemptFailed(TASK, 1, at_login)).epochs[0].kept[0][0] == "output"


def test_a_task_is_over_until_it_is_opened_again() -> None:
    done = (leased(1), AttemptSucceeded(TASK, 1), TaskSucceeded(TASK, MISSION, 1))
    assert of(*done).over
    from_conflict = TaskReopened(TASK, PLANNED.tip, Failure("conflict", "x"))  # type: ignore[arg-type]
    assert not of(*done, from_conflict).over
    assert of(*done, from_conflict, leased(2)).epochs[-1].attempt == 2


def test_a_cancelled_task_leaves_no_epoch_open() -> None:
    told = of(leased(1), TaskCancelled(TASK, MISSION))
    assert told.over
    assert told.epochs[0].outcome == "lost"


def test_an_attempt_that_a_person_takes_over_ends_with_its_handover() -> None:
    begun: list[AnyTaskEvent] = [leased(1), AttemptStarted(TASK, 1)]
    begun.append(TaskTaken(TASK, 2, "ann", None, interrupted=1))
    assert of(*begun).epochs[0].outcome == ""
    left = of(*begun, WorkHandedOver(TASK, 1, HandedOver(output=ONE))).epochs[0]
    assert (left.outcome, left.detail) == ("lost", "a person took it over")
    assert left.kept == (("output", ONE),)
    lost = of(*begun, HandoverLost(TASK, 1, "it was away")).epochs[0]
    assert (lost.outcome, lost.detail) == ("lost", "it was away")
    judging = of(leased(1), TaskTaken(TASK, 2, "ann", None)).epochs[0]
    assert (judging.outcome, judging.detail) == ("lost", "the task was taken by ann")
