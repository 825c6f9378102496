"""Events and commands of a task, its attempts and gates: its stream is `task-<task_id>`."""

from typing import Literal

import msgspec

from hive_contracts.budget import AttemptCap
from hive_contracts.dialogue import Question
from hive_contracts.outcome import (
    Baseline,
    Failure,
    GateResult,
    HandedOver,
    MergeDone,
    Outcome,
    Usage,
    WorkDone,
)
from hive_contracts.plan import (
    ArtifactRef,
    Given,
    Globbed,
    Item,
    MergeOf,
    Repository,
    Step,
    TaskKind,
    TaskSpec,
    Tip,
)

Fault = Literal["", "declined", "paused"]
"""Why a lease was lost, where nobody is to blame: `declined` was given back before anything of it
had begun, `paused` was stopped with its mission."""


class TaskEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    task_id: str


class TaskPlanned(TaskEvent, frozen=True):
    """A task that may run now, with all that a runner needs to know of it."""

    mission_id: str
    mission: str
    """The mission's short name."""
    phase: str
    kind: TaskKind
    spec: TaskSpec
    objective: str = ""
    repository: Repository | None = None
    tip: Tip | None = None
    """Where it starts; None without a repository."""
    merge: MergeOf | None = None
    expand: Globbed | None = None
    baselines: tuple[Baseline, ...] = ()
    """What its gates found on the base commit, as far as the mission knows."""
    given: tuple[Given, ...] = ()
    """Without a repository: what the tasks before it made."""
    session: str = ""
    """Of the agent whose work is done once more, to be gone on with."""


class TaskLeased(TaskEvent, frozen=True):
    """Mints an epoch."""

    epoch: int
    step: Step
    runner_id: str
    session_id: str
    start_timeout: float
    """Seconds until it must have begun."""
    cap: AttemptCap | None = None
    """What it may use of the mission's budget; None without one."""
    model: str | None = None
    """The model that the error-budget policy has pinned; empty is the agent's own default, None
    leaves it to the mission."""


class AttemptStarted(TaskEvent, frozen=True):
    """The epoch has begun: no report of an earlier one takes effect from here on."""

    epoch: int


class LeaseLost(TaskEvent, frozen=True):
    """The epoch's runner declined, vanished or did not begin in time."""

    epoch: int
    reason: str
    fault: Fault = ""


class LeaseWithdrawn(TaskEvent, frozen=True):
    """A report of an earlier epoch arrived before this one had begun."""

    epoch: int


class AttemptSucceeded(TaskEvent, frozen=True):
    """The epoch's step was done; gates or approvals may follow."""

    epoch: int
    result: WorkDone | MergeDone | None = None


class ItemsReported(TaskEvent, frozen=True):
    """What an `expand` task found; a long list comes in several."""

    mission_id: str
    phase: str
    items: tuple[Item, ...]


class AttemptFailed(TaskEvent, frozen=True):
    epoch: int
    failure: Failure


class GatesJudged(TaskEvent, frozen=True):
    """All command gates were run by the hive on one commit, or a check on GitHub is completed."""

    epoch: int
    """0 where nothing was leased: a check on GitHub."""
    commit: str
    results: tuple[GateResult, ...]


class ReportIgnored(TaskEvent, frozen=True):
    """A report came too late; it is kept, and changes nothing."""

    epoch: int
    reason: str
    mission_id: str = ""
    usage: Usage | None = None
    """What the agent had used by then, where it told."""


class UsageReported(TaskEvent, frozen=True):
    """What the agent of an attempt had used that was stopped before it could report."""

    epoch: int
    mission_id: str
    usage: Usage


class RetryScheduled(TaskEvent, frozen=True):
    delay: float
    """Seconds."""
    counted: bool
    """Whether an attempt was used up."""


class TaskRequeued(TaskEvent, frozen=True):
    queue_timeout: float


class ApprovalRequested(TaskEvent, frozen=True):
    mission_id: str
    gate: str
    text: str
    timeout: float = 0
    by: tuple[str, ...] = ()
    """Who may answer; empty is anybody."""


class CheckAwaited(TaskEvent, frozen=True):
    """A check on GitHub is to say whether the commit is good; GatesJudged tells what it said."""

    mission_id: str
    gate: str
    check: str
    """Its name on GitHub."""
    commit: str
    timeout: float = 0


class ApprovalGiven(TaskEvent, frozen=True):
    gate: str
    by: str
    note: str = ""


class ApprovalRefused(TaskEvent, frozen=True):
    gate: str
    by: str
    note: str = ""


class TaskTold(TaskEvent, frozen=True):
    """A person's hint: every attempt that begins after it is given it."""

    text: str
    by: str


class TaskTaken(TaskEvent, frozen=True):
    """A person has it. Mints an epoch that has begun, so that no earlier one's report counts."""

    epoch: int
    by: str
    tip: Tip | None
    """Where its work starts."""
    interrupted: int = 0
    """The epoch that was at work, of which a handover is awaited; 0 if none."""
    found: HandedOver | None = None
    """What the person starts from, where that is known at once: work that waited for its gates, or
    what a person left before."""


class WorkHandedOver(TaskEvent, frozen=True):
    """The epoch's agent was ended, and this is what it left."""

    epoch: int
    handover: HandedOver


class HandoverLost(TaskEvent, frozen=True):
    """Nothing will come of the epoch that was at work: the person goes on from the tip."""

    epoch: int
    reason: str


class TaskGiven(TaskEvent, frozen=True):
    """The person gave it back, under the epoch that was minted for it."""

    epoch: int
    by: str
    commit: str = ""
    """What the work goes on from; empty where nothing is to be added to the tip."""
    bundle: ArtifactRef | None = None
    """The git bundle `tip..commit`."""
    note: str = ""
    """For the attempts that come after."""
    done: bool = False
    """The commit is the result; nothing is left for an agent."""
    dropped: bool = False
    """As if it had never been taken."""
    taken_by: str = ""
    """Who had it, where it was another."""


class QuestionAsked(TaskEvent, frozen=True):
    """The task's agent asks a person."""

    mission_id: str
    epoch: int
    id: str
    """Of the question, unlike that of any other of this task."""
    question: Question
    work: WorkDone | None = None
    """What was made so far, where the turn ended with the question; None where the attempt waits
    for the answer at work."""
    timeout: float = 0
    """Seconds; 0 waits for ever."""


class QuestionAnswered(TaskEvent, frozen=True):
    id: str
    text: str
    by: str


class TaskReopened(TaskEvent, frozen=True):
    """Its result did not merge: it is to be done again on a newer tip."""

    tip: Tip
    failure: Failure


class TaskSucceeded(TaskEvent, frozen=True):
    mission_id: str
    epoch: int
    result: WorkDone | MergeDone | None = None
    baselines: tuple[Baseline, ...] = ()
    """What its gates were compared with, and tests that turned out flaky."""


class TaskFailed(TaskEvent, frozen=True):
    mission_id: str
    epoch: int
    failure: Failure


class TaskCancelled(TaskEvent, frozen=True):
    mission_id: str
    reason: str = ""


AnyTaskEvent = (
    TaskPlanned
    | TaskLeased
    | AttemptStarted
    | LeaseLost
    | LeaseWithdrawn
    | AttemptSucceeded
    | ItemsReported
    | AttemptFailed
    | GatesJudged
    | ReportIgnored
    | UsageReported
    | RetryScheduled
    | TaskRequeued
    | ApprovalRequested
    | CheckAwaited
    | ApprovalGiven
    | ApprovalRefused
    | TaskTold
    | TaskTaken
    | WorkHandedOver
    | HandoverLost
    | TaskGiven
    | QuestionAsked
    | QuestionAnswered
    | TaskReopened
    | TaskSucceeded
    | TaskFailed
    | TaskCancelled
)


class TaskCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    task_id: str


class LeaseTask(TaskCommand, frozen=True):
    runner_id: str
    session_id: str
    cap: AttemptCap | None = None


class StartAttempt(TaskCommand, frozen=True):
    epoch: int


class ReportAttempt(TaskCommand, frozen=True):
    epoch: int
    outcome: Outcome


class LoseLease(TaskCommand, frozen=True):
    epoch: int
    reason: str
    fault: Fault = ""


class ReportUsage(TaskCommand, frozen=True):
    """What an attempt used that the hive stopped."""

    epoch: int
    usage: Usage


class RequeueTask(TaskCommand, frozen=True):
    """The back-off is over."""


class TimeOutTask(TaskCommand, frozen=True):
    what: Literal["queue", "start", "approval", "check", "answer"]
    epoch: int = 0
    gate: str = ""
    question: str = ""


class ApproveGate(TaskCommand, frozen=True):
    gate: str
    by: str
    note: str = ""
    role: str = ""
    """Of whoever answers."""


class RejectGate(TaskCommand, frozen=True):
    gate: str
    by: str
    note: str = ""
    role: str = ""
    """Of whoever answers."""


class ConcludeCheck(TaskCommand, frozen=True):
    """What a check on GitHub said of the commit; the result is named like the gate."""

    commit: str
    result: GateResult


class TellTask(TaskCommand, frozen=True):
    text: str
    by: str


class TakeTask(TaskCommand, frozen=True):
    by: str


class GiveTask(TaskCommand, frozen=True):
    by: str
    epoch: int = 0
    """Under which it was taken; 0 is whichever it is."""
    commit: str = ""
    bundle: ArtifactRef | None = None
    note: str = ""
    done: bool = False
    drop: bool = False
    force: bool = False
    """Although another has it."""


class AskQuestion(TaskCommand, frozen=True):
    """An attempt at work asks, and waits."""

    epoch: int
    id: str
    question: Question


class AnswerQuestion(TaskCommand, frozen=True):
    text: str
    by: str
    id: str = ""
    """Empty is the one that waits."""


class ReopenTask(TaskCommand, frozen=True):
    tip: Tip
    failure: Failure


class CancelTask(TaskCommand, frozen=True):
    reason: str = ""


AnyTaskCommand = (
    LeaseTask
    | StartAttempt
    | ReportAttempt
    | LoseLease
    | ReportUsage
    | RequeueTask
    | TimeOutTask
    | ApproveGate
    | RejectGate
    | ConcludeCheck
    | TellTask
    | TakeTask
    | GiveTask
    | AskQuestion
    | AnswerQuestion
    | ReopenTask
    | CancelTask
)
