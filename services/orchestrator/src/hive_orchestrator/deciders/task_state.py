"""What a task remembers, and how its events change that."""

from collections.abc import Iterable
from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from hive_contracts.budget import AttemptCap
from hive_contracts.dialogue import Answered, Question
from hive_contracts.outcome import (
    AgentRun,
    Baseline,
    Failure,
    GateResult,
    GatesRun,
    MergeDone,
    Start,
    WorkDone,
)
from hive_contracts.plan import SETUP_GATE, Check, Step, Tip
from hive_contracts.task import (
    AnyTaskEvent,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CheckAwaited,
    GatesJudged,
    HandoverLost,
    ItemsReported,
    LeaseLost,
    LeaseWithdrawn,
    QuestionAnswered,
    QuestionAsked,
    ReportIgnored,
    RetryScheduled,
    TaskCancelled,
    TaskFailed,
    TaskGiven,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TaskTaken,
    TaskTold,
    UsageReported,
    WorkHandedOver,
)
from hive_orchestrator.deciders import baselines


class Pending(Struct, frozen=True):
    """A question that waits for its answer."""

    id: str
    question: Question


class Replied(Struct, frozen=True):
    """The last answer to a question for which the attempt waited at work."""

    id: str
    text: str


class Facts(Struct, frozen=True):
    """What a task remembers in every state."""

    planned: TaskPlanned
    step: Step
    """What it is, or will next be, leased for."""
    tip: Tip | None
    """Where work starts: the planned tip, or a newer one after a conflict."""
    minted: int = 0
    """The last epoch that was leased."""
    begun: int = 0
    """The last epoch that has begun."""
    reported: int = 0
    """The last epoch of which a report was taken."""
    failed: int = 0
    """Attempts that failed by the agent's or a gate's fault."""
    uncounted: int = 0
    """Epochs in a row that failed by nobody's fault."""
    setups: tuple[str, int] = ("", 0)
    """How the set-up ended last, and how often in a row it has ended so."""
    feedback: Failure | GatesRun | None = None
    result: WorkDone | MergeDone | None = None
    approved: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    """What people told it."""
    baselines: tuple[Baseline, ...] = ()
    """What its gates found on the base, and their flaky tests."""
    session: str = ""
    """Of the agent that was at work last."""
    start: Start | None = None
    """What a person left to go on from."""
    pending: Pending | None = None
    """What its agent asks, and nobody has answered yet."""
    replied: Replied | None = None
    """Of the epoch that is at work."""
    answers: tuple[Answered, ...] = ()
    """Questions with which its turns ended, and their answers."""
    cap: AttemptCap | None = None
    """What the last epoch that was leased may use."""
    model: str | None = None
    """To which the policy has pinned the last epoch that was leased."""

    def at_tip(self) -> TaskPlanned:
        """What was planned, to be started from the newest tip with what is known by now."""
        spec = self.planned.spec
        if self.model is not None:
            spec = replace(spec, model=self.model)
        return replace(self.planned, spec=spec, tip=self.tip, baselines=self.baselines)

    def judged(self, results: Iterable[GateResult]) -> "Facts":
        """With what its gates have found."""
        known = baselines.learned(baselines.by_gate(self.baselines), results)
        return replace(self, baselines=tuple(known.values()))


class Unplanned(Struct, frozen=True):
    """Nothing is known of it yet."""


class Queued(Struct, frozen=True):
    facts: Facts


class Leased(Struct, frozen=True):
    facts: Facts
    runner_id: str
    session_id: str


class Running(Struct, frozen=True):
    facts: Facts
    runner_id: str
    session_id: str


class BackingOff(Struct, frozen=True):
    facts: Facts


class AwaitingApproval(Struct, frozen=True):
    facts: Facts
    pending: tuple[str, ...]


class Taken(Struct, frozen=True):
    """A person has it."""

    facts: Facts
    by: str
    runner_id: str = ""
    session_id: str = ""
    interrupted: int = 0
    """The epoch of which a handover is awaited; 0 if none is."""


class AwaitingAnswer(Struct, frozen=True):
    """Its agent ended a turn with a question."""

    facts: Facts


class Succeeded(Struct, frozen=True):
    facts: Facts


class Failed(Struct, frozen=True):
    facts: Facts


class Cancelled(Struct, frozen=True):
    facts: Facts


Open = Queued | Leased | Running | BackingOff | AwaitingApproval | AwaitingAnswer | Taken
Ended = Succeeded | Failed | Cancelled
Task = Unplanned | Open | Ended

INITIAL: Final = Unplanned()


def evolve(task: Task, event: AnyTaskEvent) -> Task:
    """The task after an event."""
    if isinstance(event, TaskPlanned):
        step = first_step(event)
        facts = Facts(
            event, step or "gates", event.tip, baselines=event.baselines, session=event.session
        )
        return AwaitingApproval(facts, ()) if step is None else Queued(facts)
    if isinstance(task, Unplanned):
        raise ValueError(f"{type(event).__name__} before TaskPlanned in task {event.task_id}")
    facts = task.facts
    match event:
        case TaskLeased(epoch=epoch, runner_id=runner, session_id=session, cap=cap, model=model):
            facts = replace(facts, minted=epoch, cap=cap, model=model, replied=None)
            return Leased(facts, runner, session)
        case AttemptStarted(epoch=epoch):
            assert isinstance(task, Leased)
            return Running(replace(facts, begun=epoch), task.runner_id, task.session_id)
        case LeaseLost(fault="paused"):
            return Queued(facts)
        case LeaseLost():
            return Queued(replace(facts, uncounted=facts.uncounted + 1, pending=None))
        case LeaseWithdrawn():
            return Queued(facts)
        case AttemptSucceeded(epoch=epoch, result=result):
            agent = result.agent if isinstance(result, WorkDone) else None
            facts = replace(facts, reported=epoch, result=result, session=_session(facts, agent))
            start = _unfinished(facts.start)
            facts = replace(facts, start=start, pending=None, setups=("", 0))
            return Queued(replace(facts, uncounted=0, step=_next_step(facts)))
        case AttemptFailed(epoch=epoch, failure=failure):
            facts = replace(facts, reported=epoch, session=_session(facts, failure.agent))
            facts = replace(facts, pending=None)
            return BackingOff(_after_failure(facts, failure))
        case GatesJudged(epoch=epoch, commit=commit, results=results):
            if isinstance(task, AwaitingApproval):  # GitHub's check was completed
                said = {result.name for result in results}
                return AwaitingApproval(facts, tuple(g for g in task.pending if g not in said))
            red = not all(result.passed for result in results)
            feedback = GatesRun(commit, results) if red else facts.feedback
            after = replace(facts, reported=epoch, feedback=feedback, uncounted=0, setups=("", 0))
            return Queued(after.judged(results))
        case RetryScheduled():
            return BackingOff(facts)
        case TaskRequeued():
            return Queued(facts)
        case TaskTold(text=text):
            return replace(task, facts=replace(facts, hints=(*facts.hints, text)))
        case ApprovalRequested(gate=gate) | CheckAwaited(gate=gate):
            pending = task.pending if isinstance(task, AwaitingApproval) else ()
            return AwaitingApproval(facts, (*pending, gate))
        case ApprovalGiven(gate=gate):
            assert isinstance(task, AwaitingApproval)
            left = tuple(name for name in task.pending if name != gate)
            if gate == SETUP_GATE:  # it may be asked again, after as many failures as before
                return AwaitingApproval(replace(facts, uncounted=0, setups=("", 0)), left)
            return AwaitingApproval(replace(facts, approved=(*facts.approved, gate)), left)
        case QuestionAsked(epoch=epoch, work=work) if work is not None:
            facts = replace(facts, reported=epoch, session=_session(facts, work.agent), uncounted=0)
            asked = Pending(event.id, event.question)
            made = work if work.commit else facts.result
            return AwaitingAnswer(replace(facts, pending=asked, result=made))
        case QuestionAsked():
            return replace(task, facts=replace(facts, pending=Pending(event.id, event.question)))
        case QuestionAnswered():
            return _answered(task, event)
        case TaskReopened(tip=tip, failure=failure):
            # What a person left is of the older tip, as the work is that did not merge.
            return Queued(_after_failure(replace(facts, tip=tip, start=None), failure))
        case TaskTaken():
            return _taken(task, event)
        case WorkHandedOver(epoch=epoch, handover=left):
            assert isinstance(task, Taken)
            facts = replace(facts, reported=epoch, session=_session(facts, left.agent))
            return Taken(facts, task.by)
        case HandoverLost():
            assert isinstance(task, Taken)
            return Taken(facts, task.by)
        case TaskGiven():
            return Queued(_given(facts, event))
        case TaskSucceeded():
            return Succeeded(facts)
        case TaskFailed():
            return Failed(facts)
        case TaskCancelled():
            return Cancelled(facts)
        case ItemsReported() | ReportIgnored() | UsageReported() | ApprovalRefused():
            return task
    assert_never(event)


def _taken(task: Open | Ended, event: TaskTaken) -> Taken:
    assert not isinstance(task, Ended)
    facts = replace(task.facts, minted=event.epoch, begun=event.epoch, pending=None, replied=None)
    if event.interrupted and isinstance(task, Leased | Running):
        return Taken(facts, event.by, task.runner_id, task.session_id, event.interrupted)
    return Taken(facts, event.by)


def _given(facts: Facts, event: TaskGiven) -> Facts:
    hints = (*facts.hints, event.note) if event.note else facts.hints
    facts = replace(facts, uncounted=0, hints=hints)
    if event.dropped:
        return facts
    start = None
    if event.commit and event.bundle is not None:
        start = Start(event.commit, event.bundle, event.done)
    step = first_step(facts.planned) or facts.step
    return replace(facts, step=step, start=start, result=None, approved=())


def _unfinished(start: Start | None) -> Start | None:
    """What a person had finished is handed in once; what comes after it is an agent's."""
    return None if start is None else replace(start, finished=False)


def _answered(task: Open | Ended, event: QuestionAnswered) -> Task:
    facts = task.facts
    if not isinstance(task, AwaitingAnswer):
        replied = Replied(event.id, event.text)
        return replace(task, facts=replace(facts, pending=None, replied=replied))
    asked = facts.pending.question.text if facts.pending else ""
    answers = (*facts.answers, Answered(asked, event.text, event.by))
    return Queued(replace(facts, pending=None, answers=answers))


def _session(facts: Facts, agent: AgentRun | None) -> str:
    return facts.session if agent is None else agent.session


def _after_failure(facts: Facts, failure: Failure) -> Facts:
    """Work is done again from its first step; what nobody is to blame for, from where it stood."""
    if failure.kind in ("infrastructure", "limit"):
        setups = _setups(facts, failure) if failure.set_up else facts.setups
        return replace(facts, uncounted=facts.uncounted + 1, setups=setups)
    if failure.kind == "budget" and (facts.cap is None or facts.cap.last):
        return facts
    step = first_step(facts.planned) or facts.step
    feedback = facts.feedback if failure.kind == "gate" else failure
    return replace(
        facts,
        failed=facts.failed + 1,
        uncounted=0,
        setups=("", 0),
        step=step,
        start=_unfinished(facts.start),
        feedback=feedback,
        result=None,
        approved=(),
    )


def _setups(facts: Facts, failure: Failure) -> tuple[str, int]:
    how, often = facts.setups
    return (failure.set_up, often + 1 if failure.set_up == how else 1)


def setups_failed(facts: Facts, failure: Failure) -> int:
    """How often in a row the set-up has ended in the same way, this failure included."""
    return _setups(facts, failure)[1] if failure.set_up else 0


def first_step(planned: TaskPlanned) -> Step | None:
    """What the first lease is for; None where only people are asked."""
    match planned.kind:
        case "gate":
            return "gates" if checks(planned) else None
        case kind:
            return kind


def _next_step(facts: Facts) -> Step:
    return "gates" if facts.step == "work" else facts.step


def checks(planned: TaskPlanned) -> tuple[Check, ...]:
    """The gates that a runner judges."""
    return tuple(gate for gate in planned.spec.gates if isinstance(gate, Check))
