"""What a task remembers, and how its events change that."""

from collections.abc import Iterable
from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from hive_contracts.plan import (
    AgentRun,
    Baseline,
    Check,
    Failure,
    GateResult,
    GatesRun,
    MergeDone,
    Step,
    Tip,
    WorkDone,
)
from hive_contracts.task import (
    AnyTaskEvent,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    ItemsReported,
    LeaseLost,
    LeaseWithdrawn,
    ReportIgnored,
    RetryScheduled,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TaskTold,
)
from hive_orchestrator.deciders import baselines


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
    feedback: Failure | GatesRun | None = None
    result: WorkDone | MergeDone | None = None
    approved: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    """What people told it."""
    baselines: tuple[Baseline, ...] = ()
    """What its gates found on the base, and their flaky tests."""
    session: str = ""
    """Of the agent that was at work last."""

    def at_tip(self) -> TaskPlanned:
        """What was planned, to be started from the newest tip with what is known by now."""
        return replace(self.planned, tip=self.tip, baselines=self.baselines)

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


class Succeeded(Struct, frozen=True):
    facts: Facts


class Failed(Struct, frozen=True):
    facts: Facts


class Cancelled(Struct, frozen=True):
    facts: Facts


Open = Queued | Leased | Running | BackingOff | AwaitingApproval
Ended = Succeeded | Failed | Cancelled
Task = Unplanned | Open | Ended

INITIAL: Final = Unplanned()


def evolve(task: Task, event: AnyTaskEvent) -> Task:
    """The task after an event."""
    if isinstance(event, TaskPlanned):
        step = first_step(event)
        facts = Facts(event, step or "gates", event.tip, baselines=event.baselines)
        return AwaitingApproval(facts, ()) if step is None else Queued(facts)
    if isinstance(task, Unplanned):
        raise ValueError(f"{type(event).__name__} before TaskPlanned in task {event.task_id}")
    facts = task.facts
    match event:
        case TaskLeased(epoch=epoch, runner_id=runner, session_id=session):
            return Leased(replace(facts, minted=epoch), runner, session)
        case AttemptStarted(epoch=epoch):
            assert isinstance(task, Leased)
            return Running(replace(facts, begun=epoch), task.runner_id, task.session_id)
        case LeaseLost():
            return Queued(replace(facts, uncounted=facts.uncounted + 1))
        case LeaseWithdrawn():
            return Queued(facts)
        case AttemptSucceeded(epoch=epoch, result=result):
            agent = result.agent if isinstance(result, WorkDone) else None
            facts = replace(facts, reported=epoch, result=result, session=_session(facts, agent))
            return Queued(replace(facts, uncounted=0, step=_next_step(facts)))
        case AttemptFailed(epoch=epoch, failure=failure):
            facts = replace(facts, reported=epoch, session=_session(facts, failure.agent))
            return BackingOff(_after_failure(facts, failure))
        case GatesJudged(epoch=epoch, commit=commit, results=results):
            red = not all(result.passed for result in results)
            feedback = GatesRun(commit, results) if red else facts.feedback
            after = replace(facts, reported=epoch, feedback=feedback, uncounted=0)
            return Queued(after.judged(results))
        case RetryScheduled():
            return BackingOff(facts)
        case TaskRequeued():
            return Queued(facts)
        case TaskTold(text=text):
            return replace(task, facts=replace(facts, hints=(*facts.hints, text)))
        case ApprovalRequested(gate=gate):
            pending = task.pending if isinstance(task, AwaitingApproval) else ()
            return AwaitingApproval(facts, (*pending, gate))
        case ApprovalGiven(gate=gate):
            assert isinstance(task, AwaitingApproval)
            left = tuple(name for name in task.pending if name != gate)
            return AwaitingApproval(replace(facts, approved=(*facts.approved, gate)), left)
        case TaskReopened(tip=tip, failure=failure):
            return Queued(_after_failure(replace(facts, tip=tip), failure))
        case TaskSucceeded():
            return Succeeded(facts)
        case TaskFailed():
            return Failed(facts)
        case TaskCancelled():
            return Cancelled(facts)
        case ItemsReported() | ReportIgnored() | ApprovalRefused():
            return task
    assert_never(event)


def _session(facts: Facts, agent: AgentRun | None) -> str:
    return facts.session if agent is None else agent.session


def _after_failure(facts: Facts, failure: Failure) -> Facts:
    """Work is done again from its first step; what nobody is to blame for, from where it stood."""
    if failure.kind in ("infrastructure", "limit"):
        return replace(facts, uncounted=facts.uncounted + 1)
    step = first_step(facts.planned) or facts.step
    feedback = facts.feedback if failure.kind == "gate" else failure
    return replace(
        facts,
        failed=facts.failed + 1,
        uncounted=0,
        step=step,
        feedback=feedback,
        result=None,
        approved=(),
    )


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
