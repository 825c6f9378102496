"""Events and commands of a mission: its stream is `mission-<mission_id>`."""

from typing import Literal

import msgspec

from hive_contracts.plan import (
    ApprovalGate,
    Baseline,
    Failure,
    Gate,
    Item,
    MergeDone,
    Notify,
    Phase,
    Plan,
    Repository,
    TaskKind,
    Tip,
    WorkDone,
)


class MissionEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    mission_id: str


class MissionLaunched(MissionEvent, frozen=True):
    name: str
    """The run's short name, such as `fix-upload-3`."""
    series: str
    """The name without the run's number: what prerequisites refer to."""
    agent_type: str = ""
    objective: str = ""
    repository: Repository | None = None
    prerequisites: tuple[str, ...] = ()
    approvals: tuple[ApprovalGate, ...] = ()
    criteria: tuple[Gate, ...] = ()
    notify: Notify | None = None


class PhaseDefined(MissionEvent, frozen=True):
    """A phase of the plan; the items of a written list follow in `ItemsFound`."""

    phase: Phase


class PrerequisiteMet(MissionEvent, frozen=True):
    series: str


class PhaseStarted(MissionEvent, frozen=True):
    phase: str


class ItemsFound(MissionEvent, frozen=True):
    """Items that a phase fans out over; a long list comes in several."""

    phase: str
    items: tuple[Item, ...]


class PlannedTask(msgspec.Struct, frozen=True, omit_defaults=True):
    task_id: str
    name: str
    kind: TaskKind
    again: str = ""
    """The task of the plan that it does once more; empty the first time."""


class TasksPlanned(MissionEvent, frozen=True):
    """Tasks whose streams begin in the same append."""

    phase: str
    """Empty for the mission's own: base check, approvals, merges, final gates."""
    tasks: tuple[PlannedTask, ...]
    more: bool = False
    """True where more may begin than fitted into this append: it follows in the next."""


class TaskSettled(MissionEvent, frozen=True):
    """A task has come to its end."""

    task_id: str
    outcome: Literal["succeeded", "failed", "cancelled"]
    epoch: int = 0
    """The epoch whose report settled it."""
    result: WorkDone | MergeDone | None = None
    failure: Failure | None = None
    baselines: tuple[Baseline, ...] = ()
    """What its gates were compared with: later tasks need not run them on the base again."""


class BranchAdvanced(MissionEvent, frozen=True):
    """The tip of `hive/<mission>` moved, by one merge."""

    old: str
    new: Tip
    task_id: str
    """The work that was merged."""
    epoch: int
    """Of that work."""


class MergeConflicted(MissionEvent, frozen=True):
    """Work did not merge; it is sent back to be done again on the tip."""

    task_id: str
    tip: Tip
    failure: Failure


class PhaseSentBack(MissionEvent, frozen=True):
    """A review listed defects: what it names, and what stands between, is done once more."""

    phase: str
    to: str
    round: int
    """From 1."""
    defects: str
    phases: tuple[str, ...]
    """All that begin anew, `to` and the review among them."""


class PhaseCompleted(MissionEvent, frozen=True):
    phase: str
    failed: int = 0
    """Tasks that failed for good, which the phase went on without."""
    skipped: int = 0
    """Tasks that were not begun, as they need one that failed."""


class MissionSucceeded(MissionEvent, frozen=True):
    series: str
    tip: Tip | None = None


class MissionFailed(MissionEvent, frozen=True):
    reason: str


class MissionRefused(MissionEvent, frozen=True):
    """The base itself does not pass: nothing was started."""

    reason: str


class MissionCancelled(MissionEvent, frozen=True):
    reason: str = ""


AnyMissionEvent = (
    MissionLaunched
    | PhaseDefined
    | PrerequisiteMet
    | PhaseStarted
    | ItemsFound
    | TasksPlanned
    | TaskSettled
    | BranchAdvanced
    | MergeConflicted
    | PhaseSentBack
    | PhaseCompleted
    | MissionSucceeded
    | MissionFailed
    | MissionRefused
    | MissionCancelled
)


class MissionCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    mission_id: str


class LaunchMission(MissionCommand, frozen=True):
    """`mission_id` and `number` are given by the orchestrator; callers leave them empty."""

    plan: Plan
    number: int = 0


class ExtendMission(MissionCommand, frozen=True):
    """Add phases to a mission that is still open; they start after all that it has."""

    phases: tuple[Phase, ...]


class CancelMission(MissionCommand, frozen=True):
    reason: str = ""


class AdvanceMission(MissionCommand, frozen=True):
    """Go on planning where an append was full."""


class MeetPrerequisite(MissionCommand, frozen=True):
    series: str


class AddItems(MissionCommand, frozen=True):
    phase: str
    items: tuple[Item, ...]


class SettleTask(MissionCommand, frozen=True):
    task_id: str
    outcome: Literal["succeeded", "failed", "cancelled"]
    epoch: int = 0
    result: WorkDone | MergeDone | None = None
    failure: Failure | None = None
    baselines: tuple[Baseline, ...] = ()


AnyMissionCommand = (
    LaunchMission
    | ExtendMission
    | CancelMission
    | AdvanceMission
    | MeetPrerequisite
    | AddItems
    | SettleTask
)
