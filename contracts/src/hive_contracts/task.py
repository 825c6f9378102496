"""Events and commands of a task, its attempts and gates: its stream is `task-<task_id>`."""

from typing import Literal

import msgspec

from hive_contracts.plan import (
    Baseline,
    Failure,
    GateResult,
    Globbed,
    Item,
    MergeDone,
    MergeOf,
    Outcome,
    Repository,
    Step,
    TaskKind,
    TaskSpec,
    Tip,
    WorkDone,
)


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


class TaskLeased(TaskEvent, frozen=True):
    """Mints an epoch."""

    epoch: int
    step: Step
    runner_id: str
    session_id: str
    start_timeout: float
    """Seconds until it must have begun."""


class AttemptStarted(TaskEvent, frozen=True):
    """The epoch has begun: no report of an earlier one takes effect from here on."""

    epoch: int


class LeaseLost(TaskEvent, frozen=True):
    """The epoch's runner declined, vanished or did not begin in time."""

    epoch: int
    reason: str


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
    """All command gates were run by the hive on one commit."""

    epoch: int
    commit: str
    results: tuple[GateResult, ...]


class ReportIgnored(TaskEvent, frozen=True):
    """A report came too late; it is kept, and changes nothing."""

    epoch: int
    reason: str


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
    | RetryScheduled
    | TaskRequeued
    | ApprovalRequested
    | ApprovalGiven
    | ApprovalRefused
    | TaskTold
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


class StartAttempt(TaskCommand, frozen=True):
    epoch: int


class ReportAttempt(TaskCommand, frozen=True):
    epoch: int
    outcome: Outcome


class LoseLease(TaskCommand, frozen=True):
    epoch: int
    reason: str


class RequeueTask(TaskCommand, frozen=True):
    """The back-off is over."""


class TimeOutTask(TaskCommand, frozen=True):
    what: Literal["queue", "start", "approval"]
    epoch: int = 0
    gate: str = ""


class ApproveGate(TaskCommand, frozen=True):
    gate: str
    by: str
    note: str = ""


class RejectGate(TaskCommand, frozen=True):
    gate: str
    by: str
    note: str = ""


class TellTask(TaskCommand, frozen=True):
    text: str
    by: str


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
    | RequeueTask
    | TimeOutTask
    | ApproveGate
    | RejectGate
    | TellTask
    | ReopenTask
    | CancelTask
)
