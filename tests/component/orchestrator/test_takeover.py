"""A task that a person takes and gives: given its history, when a command comes, then these events
(or a refusal) follow."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hive_contracts.codec import AnyEvent, stream_of
from hive_contracts.envelope import Meta, Recorded
from hive_contracts.outcome import (
    AgentRun,
    Failure,
    GateResult,
    GatesRun,
    HandedOver,
    Start,
    WorkDone,
)
from hive_contracts.plan import (
    ApprovalGate,
    ArtifactRef,
    CommandGate,
    Gate,
    Repository,
    TaskKind,
    TaskSpec,
    Tip,
)
from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.task import (
    AnyTaskCommand,
    AnyTaskEvent,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CancelTask,
    GatesJudged,
    GiveTask,
    HandoverLost,
    LeaseTask,
    LoseLease,
    ReportAttempt,
    ReportIgnored,
    RequeueTask,
    RetryScheduled,
    StartAttempt,
    TakeTask,
    TaskCancelled,
    TaskGiven,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TaskTaken,
    TellTask,
    TimeOutTask,
    WorkHandedOver,
)
from hive_orchestrator.board import Board
from hive_orchestrator.deciders import task, task_state
from hive_orchestrator.deciders.hints import MAX_HINT
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.policy import react
from hive_orchestrator.scheduling import assign
from tests.component.orchestrator.test_task_decider import state_after

T, M = "0" * 31 + "1", "0" * 31 + "2"
TIP = Tip("a" * 40)
BUNDLE = ArtifactRef("d" * 64, 10)
DONE = WorkDone("b" * 40, BUNDLE)
AGENT = AgentRun("codex", "s-1")
LEFT = HandedOver("c" * 40, BUNDLE, agent=AGENT)
TESTS = CommandGate("tests", "make test")
RED = GatesRun("b" * 40, (GateResult("tests", False, "make test", 1),))
TAKE = TakeTask(T, "ann")
GIVE = GiveTask(T, "ann")
MINE = replace(GIVE, commit="e" * 40, bundle=BUNDLE)


def planned(*gates: Gate, kind: TaskKind = "work", repository: bool = True) -> TaskPlanned:
    spec = TaskSpec("fix", prompt="Fix it.", agent="codex", gates=gates)
    source = Repository("/repo", "a" * 40) if repository else None
    return TaskPlanned(T, M, "fix-1", "main", kind, spec, repository=source, tip=TIP)


def begun(epoch: int, step: str = "work") -> list[AnyTaskEvent]:
    return [TaskLeased(T, epoch, step, "r", "s", 60), AttemptStarted(T, epoch)]  # type: ignore[arg-type]


def taken(epoch: int = 2, interrupted: int = 1) -> TaskTaken:
    return TaskTaken(T, epoch, "ann", TIP, interrupted)


AT_WORK: list[AnyTaskEvent] = [planned(), *begun(1)]
TAKEN: list[AnyTaskEvent] = [*AT_WORK, taken()]
ALONE: list[AnyTaskEvent] = [planned(), taken(1, 0)]
GIVEN = TaskGiven(T, 2, "ann", "e" * 40, BUNDLE)


@dataclass
class Case:
    title: str
    given: list[AnyTaskEvent]
    when: AnyTaskCommand
    then: list[AnyTaskEvent] | str


CASES = [
    Case("a task that waits is taken at once", [planned()], TAKE, [taken(1, 0)]),
    Case("what is at work is to be handed over", AT_WORK, TAKE, [taken()]),
    Case("what is leased is to be handed over, too", AT_WORK[:2], TAKE, [taken()]),
    Case("a task in its back-off is taken",
         [*AT_WORK, AttemptFailed(T, 1, Failure("agent", "no")), RetryScheduled(T, 1, True)],
         TAKE, [taken(2, 0)]),
    Case("work that waits for its gates is where the person starts",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE)], TAKE,
         [replace(taken(2, 0), found=HandedOver("b" * 40, BUNDLE))]),
    Case("gates that are run are stopped, and not waited for",
         [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE), *begun(2, "gates")], TAKE,
         [replace(taken(3, 0), found=HandedOver("b" * 40, BUNDLE))]),
    Case("taking twice is taking once", TAKEN, TAKE, []),
    Case("what another has is not taken", TAKEN, TakeTask(T, "bob"), "conflict"),
    Case("what is no work is not taken", [planned(kind="merge")], TAKE, "invalid"),
    Case("what has no repository is not taken", [planned(repository=False)], TAKE, "invalid"),
    Case("what waits for an answer is not taken",
         [planned(ApprovalGate("ok", "?")), *begun(1), AttemptSucceeded(T, 1, DONE),
          ApprovalRequested(T, M, "ok", "?")], TAKE, "conflict"),
    Case("what has ended is not taken", [planned(), TaskCancelled(T, M)], TAKE, "conflict"),
    Case("what is taken is not leased", TAKEN, LeaseTask(T, "r", "s"), "stale"),
    Case("a start that comes late is no mistake", TAKEN, StartAttempt(T, 1), []),
    Case("an older one is", TAKEN, StartAttempt(T, 2), "stale"),
    Case("a taken task has no time-out", TAKEN, TimeOutTask(T, "queue", 2), []),
    Case("nor has its lease", TAKEN, TimeOutTask(T, "start", 1), []),
    Case("nor a back-off", TAKEN, RequeueTask(T), []),
    Case("what the agent left is recorded", TAKEN, ReportAttempt(T, 1, LEFT),
         [WorkHandedOver(T, 1, LEFT)]),
    Case("work that was done by itself is handed over as well", TAKEN, ReportAttempt(T, 1, DONE),
         [WorkHandedOver(T, 1, HandedOver("b" * 40, BUNDLE))]),
    Case("work that failed by itself is not", TAKEN,
         ReportAttempt(T, 1, Failure("agent", "exit 1")),
         [HandoverLost(T, 1, "the attempt had failed: exit 1")]),
    Case("a runner that declines hands nothing over", TAKEN, LoseLease(T, 1, "it was away"),
         [HandoverLost(T, 1, "it was away")]),
    Case("a second handover changes nothing", [*TAKEN, WorkHandedOver(T, 1, LEFT)],
         ReportAttempt(T, 1, LEFT), []),
    Case("a late handover is recorded and changes nothing", [*TAKEN, HandoverLost(T, 1, "gone")],
         ReportAttempt(T, 1, LEFT), [ReportIgnored(T, 1, "the task was taken by ann")]),
    Case("a handover after the task was given changes nothing", [*TAKEN, GIVEN],
         ReportAttempt(T, 1, LEFT), [ReportIgnored(T, 1, "a later epoch has begun")]),
    Case("a session that ends after the handover says nothing",
         [*TAKEN, WorkHandedOver(T, 1, LEFT)], LoseLease(T, 1, "expired"), []),
    Case("a handover of what nobody took counts against nobody", AT_WORK,
         ReportAttempt(T, 1, LEFT),
         [AttemptFailed(T, 1, Failure("infrastructure", "it was handed over")),
          RetryScheduled(T, 2.0, False)]),
    Case("what was made by hand is given", TAKEN, MINE, [GIVEN]),
    Case("giving with nothing changed is fine", ALONE, GIVE, [TaskGiven(T, 1, "ann")]),
    Case("but not as done", ALONE, replace(GIVE, done=True), "invalid"),
    Case("a commit needs its bundle", ALONE, replace(MINE, bundle=None), "invalid"),
    Case("what is dropped brings no work", ALONE, replace(MINE, drop=True), "invalid"),
    Case("what is dropped is dropped", ALONE, replace(GIVE, drop=True, note=" no time\n"),
         [TaskGiven(T, 1, "ann", note="no time", dropped=True)]),
    Case("a note has its limit", ALONE, replace(GIVE, note="x" * (MAX_HINT + 1)), "invalid"),
    Case("another does not give it", TAKEN, replace(GIVE, by="bob"), "conflict"),
    Case("but by force, which is recorded", TAKEN, replace(GIVE, by="bob", force=True),
         [TaskGiven(T, 2, "bob", taken_by="ann")]),
    Case("what is not taken is not given", AT_WORK, GIVE, "conflict"),
    Case("what was taken again since is not given", TAKEN, replace(GIVE, epoch=1), "stale"),
    Case("what was cancelled meanwhile is not given", [*TAKEN, TaskCancelled(T, M)], MINE,
         "conflict"),
    Case("what is taken is cancelled with its mission", TAKEN, CancelTask(T, "stop"),
         [TaskCancelled(T, M, "stop")]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_task_is_taken_and_given(case: Case) -> None:
    state = state_after(*case.given)
    if isinstance(case.then, str):
        with pytest.raises(Rejected) as refusal:
            task.decide(state, case.when)
        assert refusal.value.code == case.then
    else:
        assert task.decide(state, case.when) == case.then


def test_who_is_refused_is_told_who_has_it() -> None:
    with pytest.raises(Rejected, match="was taken by ann"):
        task.decide(state_after(*TAKEN), TakeTask(T, "bob"))


def facts_after(*events: AnyTaskEvent) -> task_state.Facts:
    state = state_after(*events)
    assert not isinstance(state, task_state.Unplanned)
    return state.facts


def test_the_next_attempt_goes_on_from_what_was_given_and_counts_no_more() -> None:
    given = replace(GIVEN, note="mind the clock")
    facts = facts_after(*TAKEN, WorkHandedOver(T, 1, LEFT), given)
    assert facts.start == Start("e" * 40, BUNDLE)
    assert (facts.failed, facts.uncounted, facts.step) == (0, 0, "work")
    assert facts.hints == ("mind the clock",)
    assert facts.session == "s-1"
    [leased] = task.decide(state_after(*TAKEN, given), LeaseTask(T, "r", "s"))
    assert isinstance(leased, TaskLeased) and leased.epoch == 3


def test_what_is_done_is_handed_in_once_and_what_then_fails_is_gone_on_from() -> None:
    done = replace(GIVEN, done=True)
    before = [planned(TESTS), *begun(1), taken(), done]
    facts = facts_after(*before)
    assert facts.start == Start("e" * 40, BUNDLE, finished=True)
    lost = [*before, *begun(3), AttemptFailed(T, 3, Failure("infrastructure", "no disk"))]
    assert facts_after(*lost).start == Start("e" * 40, BUNDLE, finished=True)
    handed_in = [*before, *begun(3), AttemptSucceeded(T, 3, DONE), *begun(4, "gates")]
    red = [*handed_in, GatesJudged(T, 4, "b" * 40, RED.results)]
    failed = facts_after(*red, AttemptFailed(T, 4, Failure("gate", "red")))
    assert failed.start == Start("e" * 40, BUNDLE)
    assert isinstance(failed.feedback, GatesRun)


def test_what_is_dropped_goes_on_where_it_stood() -> None:
    judging = [planned(TESTS), *begun(1), AttemptSucceeded(T, 1, DONE)]
    facts = facts_after(*judging, taken(2, 0), TaskGiven(T, 2, "ann", dropped=True))
    assert (facts.step, facts.result, facts.start) == ("gates", DONE, None)


def test_work_that_does_not_merge_is_done_again_from_the_newer_tip() -> None:
    merged = [*TAKEN, GIVEN, *begun(3), AttemptSucceeded(T, 3, DONE), TaskSucceeded(T, M, 3, DONE)]
    facts = facts_after(*merged, TaskReopened(T, Tip("f" * 40), Failure("conflict", "a.py")))
    assert (facts.tip, facts.start) == (Tip("f" * 40), None)


COMMANDS: list[AnyTaskCommand] = [
    LeaseTask(T, "r", "s"),
    RequeueTask(T),
    TakeTask(T, "ann"),
    TakeTask(T, "bob"),
    GIVE,
    MINE,
    replace(MINE, done=True),
    replace(GIVE, drop=True),
    replace(GIVE, by="bob", force=True),
    TellTask(T, "a hint", "ann"),
    *(StartAttempt(T, epoch) for epoch in range(1, 6)),
    *(LoseLease(T, epoch, "gone") for epoch in range(1, 6)),
    *(TimeOutTask(T, "start", epoch) for epoch in range(1, 6)),
    *(
        ReportAttempt(T, epoch, outcome)
        for epoch in range(1, 6)
        for outcome in (LEFT, DONE, RED, Failure("agent", "no"), Failure("infrastructure", "no"))
    ),
]


@given(st.lists(st.sampled_from(COMMANDS), max_size=30))
def test_whatever_comes_nobody_else_gets_at_what_a_person_has(
    commands: list[AnyTaskCommand],
) -> None:
    state: task_state.Task = state_after(planned(TESTS))
    for command in commands:
        before = state
        try:
            events = task.decide(state, command)
        except Rejected:
            continue
        for event in events:
            state = task_state.evolve(state, event)
        if not isinstance(before, task_state.Taken) or isinstance(command, GiveTask):
            continue
        assert isinstance(state, task_state.Taken)
        assert (state.by, state.facts.minted) == (before.by, before.facts.minted)
        assert state.facts.begun == state.facts.minted
        assert (state.facts.result, state.facts.failed) == (
            before.facts.result,
            before.facts.failed,
        )
        assert state.interrupted in (0, before.interrupted)


def board_after(*events: AnyEvent) -> Board:
    board = Board()
    for position, event in enumerate((SessionOpened("r", "s", "anvil", 1), *events), start=1):
        meta = Meta(M, "c", "ann")
        at = datetime(2026, 1, 1, tzinfo=UTC)
        stream = stream_of(event)
        board.apply(
            Recorded(position, stream, position, "e" * 32, type(event).__name__, b"", meta, at),
            event,
        )
    return board


def test_the_end_of_a_session_ends_the_wait_for_its_handover() -> None:
    board = board_after(*TAKEN)
    closed = SessionClosed("r", "s", "expired")
    assert react(closed, board) == [LoseLease(T, 1, "its runner's session was expired")]
    assert board.cards.load("s") == 1, "its slot is taken until the agent has ended"
    assert board_after(*TAKEN, WorkHandedOver(T, 1, LEFT)).cards.load("s") == 0
    assert react(closed, board_after(*TAKEN, HandoverLost(T, 1, "gone"))) == []


def test_a_session_that_was_over_before_is_not_waited_for() -> None:
    assert react(taken(), board_after(*TAKEN)) == []
    closed = board_after(SessionClosed("r", "s", "expired"), *TAKEN)
    assert react(taken(), closed) == [LoseLease(T, 1, "its runner's session was over")]


def test_nothing_runs_out_while_a_person_has_it() -> None:
    assert board_after(planned()).timers.of
    assert not board_after(*TAKEN).timers.of
    assert not board_after(*ALONE).timers.of
    [timers] = board_after(*TAKEN, GIVEN).timers.of.values()
    [timer] = timers.values()
    assert timer.command == TimeOutTask(T, "queue", 2)


def test_what_is_done_waits_for_no_agent() -> None:
    nobody_has_the_agent = board_after(*TAKEN, replace(GIVEN, done=True))
    leases = assign(nobody_has_the_agent, ())
    assert [lease.task_id for lease in leases if isinstance(lease, LeaseTask)] == [T]
    assert assign(board_after(*TAKEN, GIVEN), ()) == []
    done = [planned(TESTS), *begun(1), taken(), replace(GIVEN, done=True)]
    judged = [*begun(3), AttemptSucceeded(T, 3, DONE), *begun(4, "gates")]
    judged += [GatesJudged(T, 4, "b" * 40, RED.results)]
    judged += [AttemptFailed(T, 4, Failure("gate", "red")), RetryScheduled(T, 1, True)]
    red = [*done, *judged, TaskRequeued(T, 60)]
    assert assign(board_after(*red), ()) == [], "what comes after it is an agent's"
