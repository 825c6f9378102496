"""Events and commands of a mission: its stream is `mission-<mission_id>`."""

from typing import Literal

import msgspec

from hive_contracts.budget import AttemptCap, Budget, Cap, Purse, Spent
from hive_contracts.outcome import Baseline, Failure, MergeDone, WorkDone
from hive_contracts.plan import (
    ApprovalGate,
    Gate,
    Item,
    MergeOf,
    Notify,
    Origin,
    Phase,
    Plan,
    PullRequestWish,
    Repository,
    TaskKind,
    Tip,
)
from hive_contracts.task import LeaseTask


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
    budget: Budget | None = None
    pull_request: PullRequestWish | None = None
    origin: Origin | None = None
    deadline: float = 0
    """Seconds from here until it is to have succeeded; 0 is without one."""


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


class MissionPaused(MissionEvent, frozen=True):
    """Nothing more is begun; what is at work goes on to its end, unless `now`."""

    reason: str
    by: str
    """Who did it; the hive itself at a cap."""
    now: bool = False
    """Whether attempts are stopped, as nobody's fault."""
    cap: Literal["", "usd", "tokens", "wall"] = ""
    """The cap that was reached."""


class MissionResumed(MissionEvent, frozen=True):
    by: str


class BudgetRaised(MissionEvent, frozen=True):
    budget: Budget
    """All caps, as they are from here on."""
    by: str


class BudgetWarned(MissionEvent, frozen=True):
    """A cap comes near: told once, and again once it was raised."""

    cap: Cap
    used: float
    """Seconds for `wall`."""
    limit: float
    """The cap itself."""


class ReservationMade(MissionEvent, frozen=True):
    """Recorded together with the lease of the epoch: what it may use is taken from the budget."""

    task_id: str
    epoch: int
    cap: AttemptCap


class ReservationSettled(MissionEvent, frozen=True):
    """What was reserved is free again, and what was used is counted in its place."""

    task_id: str
    epoch: int
    spent: Spent | None = None
    """None where the attempt vanished: all that it had counts as used until it tells."""
    stopped: bool = False
    """Whether it was stopped at its own cap."""


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


class MissionRevised(MissionEvent, frozen=True):
    """Something came back of its pull request: it goes on, with one more phase."""

    round: int
    """Of the pull request, from 1."""
    phase: str
    """The one that it is mended in; its definition follows."""
    revises: str = ""
    """The phase and task of the plan that are done once more, as `phase/task`."""
    title: str = ""
    """What came back, in one line for people."""
    by: str = ""
    """Who said it: a login; empty where nobody did."""
    merge: MergeOf | None = None
    """What is to be merged into the branch, where that is what it is about."""
    purse: Purse | None = None
    """Where its budget stands."""
    session: str = ""
    """Of the agent that made the change; empty where it told none."""


class RevisionDeclined(MissionEvent, frozen=True):
    """Something came back of its pull request, and the mission cannot go on with it."""

    round: int
    reason: str


class Earlier(msgspec.Struct, frozen=True):
    """A mission whose branch another one went on from."""

    mission_id: str
    commit: str
    """Its tip."""


class MissionLanded(MissionEvent, frozen=True):
    """A person has the branch of a mission that has ended in a branch of their own."""

    commit: str
    """The mission's tip that was landed."""
    branch: str = ""
    """Theirs, that it was landed into; empty where HEAD was detached."""
    by: str = ""
    earlier: Earlier | None = None
    """Whose failed tasks it did again: the work of that one is landed with it."""


class MissionReleased(MissionEvent, frozen=True):
    """A person says of a mission that has ended: its work may go, what was not landed, too."""

    by: str
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
    | MissionPaused
    | MissionResumed
    | BudgetRaised
    | BudgetWarned
    | ReservationMade
    | ReservationSettled
    | MissionSucceeded
    | MissionFailed
    | MissionRefused
    | MissionCancelled
    | MissionRevised
    | RevisionDeclined
    | MissionLanded
    | MissionReleased
)


class MissionCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    mission_id: str


class LaunchMission(MissionCommand, frozen=True):
    """`mission_id` and `number` are given by the orchestrator; callers leave them empty."""

    plan: Plan
    number: int = 0
    origin: Origin | None = None
    """Where it came from, beside a person of the hive; not part of what a client may say."""


class ExtendMission(MissionCommand, frozen=True):
    """Add phases to a mission that is still open; they start after all that it has."""

    phases: tuple[Phase, ...]


class CancelMission(MissionCommand, frozen=True):
    reason: str = ""


class RecordLanding(MissionCommand, frozen=True):
    commit: str
    branch: str
    by: str


class ReleaseMission(MissionCommand, frozen=True):
    by: str
    reason: str = ""


class ReviseMission(MissionCommand, frozen=True):
    """Go on after the end: what came back of the pull request is mended on the tip."""

    round: int
    title: str
    finding: str
    """What came back, in the words of others: data, never an instruction of the hive's."""
    by: str = ""
    task: str = ""
    """The phase and task that made the change, as `phase/task`; empty is the last that was merged.
    """
    merge: MergeOf | None = None


class PauseMission(MissionCommand, frozen=True):
    by: str
    reason: str = ""
    now: bool = False


class ResumeMission(MissionCommand, frozen=True):
    by: str
    add: Budget | None = None
    """What each cap is raised by, before it goes on."""


class RaiseBudget(MissionCommand, frozen=True):
    """A mission that is paused at a cap goes on once that is raised."""

    add: Budget
    by: str


class SpendWall(MissionCommand, frozen=True):
    """So much of the mission's own time has passed; it says something of a cap that stands."""

    limit: float
    """The cap that it was counted for, in seconds."""
    spent: float


class ReserveLease(MissionCommand, frozen=True):
    """Lease a task, and take what its attempt may use from the mission's budget, or neither."""

    lease: LeaseTask
    among: int
    """How many tasks of the mission could begin now, it among them."""


class SettleReservation(MissionCommand, frozen=True):
    task_id: str
    epoch: int
    spent: Spent | None = None
    stopped: bool = False


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
    | RecordLanding
    | ReleaseMission
    | PauseMission
    | ResumeMission
    | RaiseBudget
    | SpendWall
    | ReserveLease
    | SettleReservation
    | AdvanceMission
    | MeetPrerequisite
    | AddItems
    | SettleTask
    | ReviseMission
)
