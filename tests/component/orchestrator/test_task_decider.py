"""Given what happened to a task, when a command comes, then these events (or a refusal) follow."""

from dataclasses import dataclass

import msgspec
import pytest
from msgspec.structs import replace

from hive_contracts.outcome import (
    AgentRun,
    Baseline,
    Failure,
    FileChange,
    GateResult,
    GatesRun,
    ItemsListed,
    MergeDone,
    WorkDone,
)
from hive_contracts.plan import (
    SETUP_GATE,
    ApprovalGate,
    ArtifactRef,
    CommandGate,
    Gate,
    Globbed,
    HttpGate,
    Item,
    Retry,
    TaskKind,
    TaskSpec,
    Tip,
)
from hive_contracts.task import (
    AnyTaskCommand,
    AnyTaskEvent,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    ApproveGate,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CancelTask,
    GatesJudged,
    ItemsReported,
    LeaseLost,
    LeaseTask,
    LeaseWithdrawn,
    LoseLease,
    RejectGate,
    ReopenTask,
    ReportAttempt,
    ReportIgnored,
    RequeueTask,
    RetryScheduled,
    StartAttempt,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TaskTold,
    TellTask,
    TimeOutTask,
)
from hive_orchestrator.deciders import hints, retrying, task, task_state
from hive_orchestrator.deciders.rejected import Rejected

T, M = "0" * 31 + "1", "0" * 31 + "2"
TESTS = CommandGate("tests", "make test")
ASK = ApprovalGate("ok", "Is it right?", timeout=60)
TIP = Tip("a" * 40)
DONE = WorkDone("b" * 40, ArtifactRef("d" * 64, 10))
BROKEN = Failure("agent", "exit 1")
LOST = Failure("infrastructure", "no disk")
GREEN = GatesRun("b" * 40, (GateResult("tests", True, "make test", 0),))
RED = GatesRun("b" * 40, (GateResult("tests", False, "make test", 1, tail="boom"),))

UP = HttpGate("up", "http://x/")
DOWN = GateResult("up", False, "GET http://x/", reason="http://x/ answers 503, not 200")
WORSE = GateResult("tests", False, "make test", 0, reason="1 test is gone: a")
COMPARED = CommandGate("tests", "make test", compare="base", report="junit.xml")
FOUND = Baseline(COMPARED.definition, 1, ArtifactRef("e" * 64, 5))
NO_WORSE = GatesRun("b" * 40, (GateResult("tests", True, flaky=("a",), baseline=FOUND),))
TOUCHING = replace(DONE, protected=(".github/ci.yml",), protected_files=3)
EASIER = replace(
    DONE, protected=("tests/t.py",), protected_files=1,
    tests=(FileChange("tests/t.py"),), test_files=1,
)  # fmt: skip
TO_EASIER = ApprovalRequested(T, M, "protected", "main/fix changed tests: tests/t.py")
HARDER = Failure("agent", "ann refused the change of tests: mend the code", files=("tests/t.py",))
CONSENT = ApprovalRequested(
    T, M, "protected", "main/fix changed protected paths: .github/ci.yml and 2 more"
)
UNWANTED = Failure(
    "agent", "ann refused the change of protected paths: leave CI alone", files=(".github/ci.yml",)
)


def planned(*gates: Gate, kind: TaskKind = "work", attempts: int = 2) -> TaskPlanned:
    spec = TaskSpec("fix", run="true", gates=gates, retry=Retry(attempts=attempts))
    return TaskPlanned(T, M, "fix-1", "main", kind, spec, tip=TIP)


def leased(epoch: int, step: str = "work") -> TaskLeased:
    return TaskLeased(T, epoch, step, "r", "s", 60)  # type: ignore[arg-type]


def begun(epoch: int, step: str = "work") -> list[AnyTaskEvent]:
    return [leased(epoch, step), AttemptStarted(T, epoch)]


def red_epoch(epoch: int) -> list[AnyTaskEvent]:
    failed = AttemptFailed(T, epoch, BROKEN)
    return [*begun(epoch), failed, RetryScheduled(T, 1, True), TaskRequeued(T, 3600)]


LEASE = LeaseTask(T, "r", "s")
GATE_FAILED = Failure("gate", "gate tests failed (exit 1)", tail="boom")


@dataclass
class Case:
    title: str
    given: list[AnyTaskEvent]
    when: AnyTaskCommand
    then: list[AnyTaskEvent] | str


CASES = [
    Case("a planned task is leased", [planned()], LEASE, [leased(1)]),
    Case("a leased task is not leased again", [planned(), leased(1)], LEASE, "stale"),
    Case("a leased task starts",
         [planned(), leased(1)], StartAttempt(T, 1), [AttemptStarted(T, 1)]),
    Case("a start said twice is done once", [planned(), *begun(1)], StartAttempt(T, 1), []),
    Case("a withdrawn lease cannot start", [planned(), leased(1), LeaseLost(T, 1, "gone")],
         StartAttempt(T, 1), "stale"),
    Case("work without gates succeeds", [planned(), *begun(1)], ReportAttempt(T, 1, DONE),
         [AttemptSucceeded(T, 1, DONE), TaskSucceeded(T, M, 1, DONE)]),
    Case("a report before its start is taken", [planned(), leased(1)], ReportAttempt(T, 1, DONE),
         [AttemptSucceeded(T, 1, DONE), TaskSucceeded(T, M, 1, DONE)]),
    Case("work with gates waits for them", [planned(TESTS), *begun(1)], ReportAttempt(T, 1, DONE),
         [AttemptSucceeded(T, 1, DONE)]),
    Case("gates are leased after the work",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE)],
         LEASE, [leased(2, "gates")]),
    Case("green gates end the task",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE), *begun(2, "gates")],
         ReportAttempt(T, 2, GREEN),
         [GatesJudged(T, 2, "b" * 40, GREEN.results), TaskSucceeded(T, M, 2, DONE)]),
    Case("red gates use up an attempt",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE), *begun(2, "gates")],
         ReportAttempt(T, 2, RED),
         [GatesJudged(T, 2, "b" * 40, RED.results), AttemptFailed(T, 2, GATE_FAILED),
          RetryScheduled(T, 1, True)]),
    Case("gates that were not run are nobody's fault",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE), *begun(2, "gates")],
         ReportAttempt(T, 2, GatesRun("b" * 40, ())),
         [AttemptFailed(T, 2, Failure("infrastructure", "gates were not run: tests")),
          RetryScheduled(T, 2, False)]),
    Case("after red gates the work is done again",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE), *begun(2, "gates"),
          GatesJudged(T, 2, "b" * 40, RED.results), AttemptFailed(T, 2, GATE_FAILED),
          RetryScheduled(T, 1, True), TaskRequeued(T, 3600)], LEASE, [leased(3, "work")]),
    Case("a red gate says why where its status does not",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE), *begun(2, "gates")],
         ReportAttempt(T, 2, GatesRun("b" * 40, (WORSE,))),
         [GatesJudged(T, 2, "b" * 40, (WORSE,)),
          AttemptFailed(T, 2, Failure("gate", "gate tests failed (exit 0): 1 test is gone: a")),
          RetryScheduled(T, 1, True)]),
    Case("a URL is asked by a runner, as a command is run", [planned(UP), *begun(1)],
         ReportAttempt(T, 1, DONE), [AttemptSucceeded(T, 1, DONE)]),
    Case("a URL that does not answer says so",
         [planned(UP), *begun(1), AttemptSucceeded(T, 1, DONE), *begun(2, "gates")],
         ReportAttempt(T, 2, GatesRun("b" * 40, (DOWN,))),
         [GatesJudged(T, 2, "b" * 40, (DOWN,)),
          AttemptFailed(T, 2, Failure("gate", "gate up failed: http://x/ answers 503, not 200")),
          RetryScheduled(T, 1, True)]),
    Case("what gates found on the base is told with the end",
         [planned(COMPARED), *begun(1), AttemptSucceeded(T, 1, DONE), *begun(2, "gates")],
         ReportAttempt(T, 2, NO_WORSE),
         [GatesJudged(T, 2, "b" * 40, NO_WORSE.results),
          TaskSucceeded(T, M, 2, DONE, (replace(FOUND, flaky=("a",)),))]),
    Case("what the mission knew of the base is not told again",
         [replace(planned(COMPARED), baselines=(replace(FOUND, flaky=("a",)),)), *begun(1),
          AttemptSucceeded(T, 1, DONE), *begun(2, "gates")],
         ReportAttempt(T, 2, NO_WORSE),
         [GatesJudged(T, 2, "b" * 40, NO_WORSE.results), TaskSucceeded(T, M, 2, DONE)]),
    Case("work on protected paths waits for a person", [planned(), *begun(1)],
         ReportAttempt(T, 1, TOUCHING), [AttemptSucceeded(T, 1, TOUCHING), CONSENT]),
    Case("work on tests waits for a person", [planned(), *begun(1)],
         ReportAttempt(T, 1, EASIER), [AttemptSucceeded(T, 1, EASIER), TO_EASIER]),
    Case("without consent tests are as they were, and the work is done again",
         [planned(), *begun(1), AttemptSucceeded(T, 1, EASIER), TO_EASIER],
         RejectGate(T, "protected", "ann", "mend the code"),
         [ApprovalRefused(T, "protected", "ann", "mend the code"),
          AttemptFailed(T, 1, HARDER), RetryScheduled(T, 1, True)]),
    Case("work on protected paths waits for its gates first", [planned(TESTS), *begun(1)],
         ReportAttempt(T, 1, TOUCHING), [AttemptSucceeded(T, 1, TOUCHING)]),
    Case("and then for a person",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, TOUCHING), *begun(2, "gates")],
         ReportAttempt(T, 2, GREEN), [GatesJudged(T, 2, "b" * 40, GREEN.results), CONSENT]),
    Case("with consent it goes on",
         [planned(), *begun(1), AttemptSucceeded(T, 1, TOUCHING), CONSENT],
         ApproveGate(T, "protected", "ann"),
         [ApprovalGiven(T, "protected", "ann"), TaskSucceeded(T, M, 1, TOUCHING)]),
    Case("without consent the work is done again, and is told why",
         [planned(), *begun(1), AttemptSucceeded(T, 1, TOUCHING), CONSENT],
         RejectGate(T, "protected", "ann", "leave CI alone"),
         [ApprovalRefused(T, "protected", "ann", "leave CI alone"),
          AttemptFailed(T, 1, UNWANTED), RetryScheduled(T, 1, True)]),
    Case("until no attempt is left",
         [planned(attempts=1), *begun(1), AttemptSucceeded(T, 1, TOUCHING), CONSENT],
         RejectGate(T, "protected", "ann", "leave CI alone"),
         [ApprovalRefused(T, "protected", "ann", "leave CI alone"),
          AttemptFailed(T, 1, UNWANTED), TaskFailed(T, M, 1, UNWANTED)]),
    Case("what was refused once is not held against the next attempt",
         [planned(), *begun(1), AttemptSucceeded(T, 1, TOUCHING), CONSENT,
          ApprovalRefused(T, "protected", "ann"), AttemptFailed(T, 1, UNWANTED),
          RetryScheduled(T, 1, True), TaskRequeued(T, 3600), *begun(2)],
         ReportAttempt(T, 2, DONE), [AttemptSucceeded(T, 2, DONE), TaskSucceeded(T, M, 2, DONE)]),
    Case("consent for one attempt is none for the next",
         [planned(), *begun(1), AttemptSucceeded(T, 1, TOUCHING), CONSENT,
          ApprovalGiven(T, "protected", "ann"), TaskSucceeded(T, M, 1, TOUCHING),
          TaskReopened(T, TIP, BROKEN), *begun(2)],
         ReportAttempt(T, 2, TOUCHING), [AttemptSucceeded(T, 2, TOUCHING), CONSENT]),
    Case("an approval is asked for after the gates", [planned(ASK), *begun(1)],
         ReportAttempt(T, 1, DONE),
         [AttemptSucceeded(T, 1, DONE), ApprovalRequested(T, M, "ok", "Is it right?", 60)]),
    Case("an approval ends the task",
         [planned(ASK), *begun(1), AttemptSucceeded(T, 1, DONE), ApprovalRequested(T, M, "ok",
         "?", 60)],
         ApproveGate(T, "ok", "ann"), [ApprovalGiven(T, "ok", "ann"), TaskSucceeded(T, M, 1,
         DONE)]),
    Case("a refusal fails the task for good",
         [planned(ASK), *begun(1), AttemptSucceeded(T, 1, DONE), ApprovalRequested(T, M, "ok",
         "?", 60)],
         RejectGate(T, "ok", "ann", "no"),
         [ApprovalRefused(T, "ok", "ann", "no"),
          TaskFailed(T, M, 1, Failure("permanent", "ann refused 'ok': no"))]),
    Case("an answer nobody waits for is refused",
         [planned(ASK)], ApproveGate(T, "ok", "ann"), "conflict"),
    Case("silence counts as refusal in the end",
         [planned(ASK, kind="gate"), ApprovalRequested(T, M, "ok", "?", 60)],
         TimeOutTask(T, "approval", gate="ok"),
         [ApprovalRefused(T, "ok", "hive", "nobody answered in time"),
          TaskFailed(T, M, 0, Failure("permanent", "hive refused 'ok': nobody answered in time"))]),
    Case("a failure is tried again after a while", [planned(), *begun(1)],
         ReportAttempt(T, 1, BROKEN), [AttemptFailed(T, 1, BROKEN), RetryScheduled(T, 1, True)]),
    Case("the back-off doubles", [planned(attempts=4), *red_epoch(1), *begun(2)],
         ReportAttempt(T, 2, BROKEN), [AttemptFailed(T, 2, BROKEN), RetryScheduled(T, 2, True)]),
    Case("the last attempt's failure is the task's", [planned(), *red_epoch(1), *begun(2)],
         ReportAttempt(T, 2, BROKEN), [AttemptFailed(T, 2, BROKEN), TaskFailed(T, M, 2, BROKEN)]),
    Case("an infrastructure failure uses up no attempt", [planned(attempts=1), *begun(1)],
         ReportAttempt(T, 1, LOST), [AttemptFailed(T, 1, LOST), RetryScheduled(T, 2, False)]),
    Case("a limit is waited for", [planned(attempts=1), *begun(1)],
         ReportAttempt(T, 1, Failure("limit", "429", retry_after=90)),
         [AttemptFailed(T, 1, Failure("limit", "429", retry_after=90)), RetryScheduled(T, 90,
         False)]),
    Case("a permanent failure is not tried again", [planned(attempts=5), *begun(1)],
         ReportAttempt(T, 1, Failure("permanent", "no such repository")),
         [AttemptFailed(T, 1, Failure("permanent", "no such repository")),
          TaskFailed(T, M, 1, Failure("permanent", "no such repository"))]),
    Case("the back-off ends",
         [planned(), *begun(1), AttemptFailed(T, 1, BROKEN), RetryScheduled(T, 1, True)],
         RequeueTask(T), [TaskRequeued(T, 3600)]),
    Case("an old timer changes nothing", [planned()], RequeueTask(T), []),
    Case("a lost lease is leased anew", [planned(), *begun(1)], LoseLease(T, 1, "gone"),
         [LeaseLost(T, 1, "gone")]),
    Case("the loss of an older lease changes nothing",
         [planned(), *begun(1), LeaseLost(T, 1, "gone"), leased(2)], LoseLease(T, 1, "gone"), []),
    Case("a late report is taken while no later epoch is leased",
         [planned(), *begun(1), LeaseLost(T, 1, "gone")], ReportAttempt(T, 1, DONE),
         [AttemptSucceeded(T, 1, DONE), TaskSucceeded(T, M, 1, DONE)]),
    Case("a late report withdraws a later lease that has not begun",
         [planned(), *begun(1), LeaseLost(T, 1, "gone"), leased(2)], ReportAttempt(T, 1, DONE),
         [LeaseWithdrawn(T, 2), AttemptSucceeded(T, 1, DONE), TaskSucceeded(T, M, 1, DONE)]),
    Case("a late report changes nothing once a later epoch has begun",
         [planned(), *begun(1), LeaseLost(T, 1, "gone"), *begun(2)], ReportAttempt(T, 1, DONE),
         [ReportIgnored(T, 1, "a later epoch has begun")]),
    Case("a report said twice is taken once",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE)], ReportAttempt(T, 1, DONE), []),
    Case("an epoch that was never leased cannot report", [planned(), leased(1)],
         ReportAttempt(T, 2, DONE), "invalid"),
    Case("a report of another step is refused",
         [planned(), *begun(1)], ReportAttempt(T, 1, GREEN), "invalid"),
    Case("a report after the end changes nothing",
         [planned(), *begun(1), TaskCancelled(T, M)], ReportAttempt(T, 1, DONE),
         [ReportIgnored(T, 1, "the task has ended")]),
    Case("a task that no runner takes fails", [planned()], TimeOutTask(T, "queue"),
         [TaskFailed(T, M, 0, Failure("permanent", "no runner took it within 3600 s"))]),
    Case("a lease that does not start is lost", [planned(), leased(1)], TimeOutTask(T, "start", 1),
         [LeaseLost(T, 1, "it did not start in time")]),
    Case("a started lease does not time out",
         [planned(), *begun(1)], TimeOutTask(T, "start", 1), []),
    Case("what does not merge is done again on the tip",
         [planned(), *begun(1), AttemptSucceeded(T, 1, DONE), TaskSucceeded(T, M, 1, DONE)],
         ReopenTask(T, Tip("c" * 40), Failure("conflict", "x", files=("a.py",))),
         [TaskReopened(T, Tip("c" * 40), Failure("conflict", "x", files=("a.py",)))]),
    Case("what does not merge at the last attempt has failed",
         [planned(attempts=1), *begun(1), AttemptSucceeded(T, 1, DONE), TaskSucceeded(T, M, 1,
         DONE)],
         ReopenTask(T, TIP, Failure("conflict", "x")), [TaskFailed(T, M, 1, Failure("conflict",
         "x"))]),
    Case("a merge's result is the task's", [planned(kind="merge"), *begun(1, "merge")],
         ReportAttempt(T, 1, MergeDone("a" * 40, Tip("c" * 40))),
         [AttemptSucceeded(T, 1, MergeDone("a" * 40, Tip("c" * 40))),
          TaskSucceeded(T, M, 1, MergeDone("a" * 40, Tip("c" * 40)))]),
    Case("items are reported before the end", [planned(kind="expand"), *begun(1, "expand")],
         ReportAttempt(T, 1, ItemsListed((Item("a"), Item("b")))),
         [ItemsReported(T, M, "main", (Item("a"), Item("b"))), AttemptSucceeded(T, 1),
          TaskSucceeded(T, M, 1)]),
    Case("a cancelled task ends", [planned(), *begun(1)], CancelTask(T, "enough"),
         [TaskCancelled(T, M, "enough")]),
    Case("an ended task is not cancelled",
         [planned(), TaskFailed(T, M, 1, BROKEN)], CancelTask(T), []),
    Case("a task that is not there is refused", [], CancelTask(T), "not-found"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_task(case: Case) -> None:
    state: task_state.Task = task_state.INITIAL
    for event in case.given:
        state = task_state.evolve(state, event)
    if isinstance(case.then, str):
        with pytest.raises(Rejected) as refusal:
            task.decide(state, case.when)
        assert refusal.value.code == case.then
        return
    events = task.decide(state, case.when)
    assert events == case.then
    for event in events:  # what was decided can be folded
        state = task_state.evolve(state, event)


def test_a_gate_for_people_alone_waits_for_them_from_the_start() -> None:
    events = task.plan(planned(ASK, kind="gate"))
    assert events == [planned(ASK, kind="gate"), ApprovalRequested(T, M, "ok", "Is it right?", 60)]


def test_a_failed_attempts_reason_is_the_next_ones_input() -> None:
    state: task_state.Task = task_state.INITIAL
    for event in [planned(), *red_epoch(1), leased(2)]:
        state = task_state.evolve(state, event)
    assert isinstance(state, task_state.Leased)
    assert state.facts.feedback == BROKEN


def test_the_session_of_the_agent_that_was_at_work_last_is_remembered() -> None:
    failed = Failure("agent", "x", agent=AgentRun("codex", "s-1"))
    made = msgspec.structs.replace(DONE, agent=AgentRun("codex", "s-2"))
    lost = LeaseLost(T, 3, "gone")
    state: task_state.Task = task_state.INITIAL
    for event, session in (
        (planned(TESTS), ""), (leased(1), ""), (AttemptFailed(T, 1, failed), "s-1"),
        (TaskRequeued(T, 60), "s-1"), (leased(2), "s-1"), (AttemptSucceeded(T, 2, made), "s-2"),
        (leased(3, "gates"), "s-2"), (lost, "s-2"),
    ):  # fmt: skip
        state = task_state.evolve(state, event)
        assert not isinstance(state, task_state.Unplanned)
        assert state.facts.session == session


NO_SETUP = Failure("infrastructure", "the set-up `make` ended with status 2", set_up="status 2")


def set_up_failed(epoch: int, failure: Failure = NO_SETUP) -> list[AnyTaskEvent]:
    failed = AttemptFailed(T, epoch, failure)
    return [*begun(epoch), failed, RetryScheduled(T, 1, False), TaskRequeued(T, 3600)]


def test_a_set_up_that_fails_in_the_same_way_again_and_again_asks_a_person() -> None:
    given = [planned(), *set_up_failed(1), *set_up_failed(2), *begun(3)]
    failed, asked = task.decide(state_after(*given), ReportAttempt(T, 3, NO_SETUP))
    assert failed == AttemptFailed(T, 3, NO_SETUP)
    assert isinstance(asked, ApprovalRequested)
    assert (asked.gate, asked.timeout) == (SETUP_GATE, 0)
    assert asked.text.startswith("the set-up `make` ended with status 2, 3 times in a row")
    waiting = [*given, failed, asked]
    approve, reject = ApproveGate(T, SETUP_GATE, "ann"), RejectGate(T, SETUP_GATE, "ann")
    given_up = task.decide(state_after(*waiting), reject)
    assert isinstance(given_up[-1], TaskFailed) and given_up[-1].failure.kind == "permanent"
    assert given_up[-1].failure.detail == "the set-up status 2, and ann would not try it again"
    again = task.decide(state_after(*waiting), approve)
    assert again == [ApprovalGiven(T, SETUP_GATE, "ann"), RetryScheduled(T, 0, False)]
    # As many tries as before, and then the same question once more.
    after = [*waiting, *again, TaskRequeued(T, 3600)]
    after += [*set_up_failed(4), *set_up_failed(5), *begun(6)]
    assert task.decide(state_after(*after), ReportAttempt(T, 6, NO_SETUP))[-1] == asked
    after += [failed, asked]
    assert task.decide(state_after(*after), approve) == again


def test_set_ups_that_fail_in_other_ways_or_not_in_a_row_are_tried_again() -> None:
    other = replace(NO_SETUP, set_up="status 1")
    for given in (
        [*set_up_failed(1), *set_up_failed(2, other)],
        [*set_up_failed(1), *red_epoch(2)],
        [*set_up_failed(1), *set_up_failed(2, replace(NO_SETUP, set_up=""))],
    ):
        state = state_after(planned(attempts=9), *given, *begun(3))
        assert isinstance(task.decide(state, ReportAttempt(T, 3, NO_SETUP))[-1], RetryScheduled)


def test_a_set_up_that_took_too_long_uses_up_no_attempt() -> None:
    late = Failure("infrastructure", "the set-up was ended after 900 s, its time-out", set_up="run")
    state = state_after(planned(attempts=1), *begun(1))
    again = task.decide(state, ReportAttempt(T, 1, late))[-1]
    assert isinstance(again, RetryScheduled)
    assert not again.counted


def test_too_many_losses_in_a_row_end_the_task() -> None:
    losses = [LeaseLost(T, epoch, "gone") for epoch in range(1, retrying.MAX_UNCOUNTED)]
    given: list[AnyTaskEvent] = [planned(), *losses, leased(99)]
    state: task_state.Task = task_state.INITIAL
    for event in given:
        state = task_state.evolve(state, event)
    lost, failed = task.decide(state, LoseLease(T, 99, "gone"))
    assert isinstance(lost, LeaseLost)
    assert isinstance(failed, TaskFailed) and failed.failure.kind == "infrastructure"


@pytest.mark.parametrize(("jitter", "delay"), [(-1, 0.8), (0, 1.0), (1, 1.2)])
def test_back_off_is_spread_by_a_fifth(jitter: float, delay: float) -> None:
    state: task_state.Task = task_state.INITIAL
    for event in [planned(), *begun(1)]:
        state = task_state.evolve(state, event)
    _, retry = task.decide(state, ReportAttempt(T, 1, BROKEN), jitter)
    assert retry == RetryScheduled(T, delay, True)


def prompted() -> TaskPlanned:
    return msgspec.structs.replace(planned(), spec=TaskSpec("fix", prompt="Fix it.", agent="a"))


def told(*texts: str) -> list[AnyTaskEvent]:
    return [TaskTold(T, text, "ann") for text in texts]


def state_after(*events: AnyTaskEvent) -> task_state.Task:
    state: task_state.Task = task_state.INITIAL
    for event in events:
        state = task_state.evolve(state, event)
    return state


@pytest.mark.parametrize("before", [[], begun(1), red_epoch(1)[:4]])
def test_a_hint_is_taken_in_every_open_state_and_changes_no_other(
    before: list[AnyTaskEvent],
) -> None:
    state = state_after(prompted(), *before)
    events = task.decide(state, TellTask(T, " read the RFC\n", "ann"))
    assert events == told("read the RFC")
    after = task_state.evolve(state, events[0])
    assert type(after) is type(state)
    assert not isinstance(after, task_state.Unplanned)
    assert after.facts.hints == ("read the RFC",)


def test_hints_outlive_a_failed_attempt() -> None:
    state = state_after(prompted(), *told("one"), *red_epoch(1), *told("two"))
    assert isinstance(state, task_state.Queued)
    assert state.facts.hints == ("one", "two")


@pytest.mark.parametrize(
    ("given", "text", "code"),
    [
        ([prompted()], " ", "invalid"),
        ([prompted()], "x" * (hints.MAX_HINT + 1), "invalid"),
        ([prompted(), *told(*"x" * hints.MAX_HINTS)], "one more", "conflict"),
        ([planned()], "a command hears nothing", "invalid"),
        ([prompted(), TaskCancelled(T, M)], "too late", "conflict"),
    ],
)
def test_a_hint_that_nobody_would_hear_is_refused(
    given: list[AnyTaskEvent], text: str, code: str
) -> None:
    with pytest.raises(Rejected) as refusal:
        task.decide(state_after(*given), TellTask(T, text, "ann"))
    assert refusal.value.code == code


def test_a_glob_is_carried_to_the_runner() -> None:
    expand = Globbed(("src/*/",))
    state = task_state.evolve(
        task_state.INITIAL,
        TaskPlanned(T, M, "m-1", "p", "expand", TaskSpec("expand"), expand=expand),
    )
    assert isinstance(state, task_state.Queued) and state.facts.step == "expand"
