"""What a forecast knows: missions, tasks and slots, folded from the record. Pure.

Times are seconds since 1970, of the database. A task's time is that for which it held a slot: its
attempts, its gates and its retries together, not what it waited.
"""

from typing import Final

from msgspec import Struct, field

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    BranchAdvanced,
    ItemsFound,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionSucceeded,
    PhaseCompleted,
    PhaseDefined,
    PhaseSentBack,
)
from hive_contracts.outcome import Failure, Usage, WorkDone
from hive_contracts.plan import Listed, Phase
from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.task import (
    ApprovalRequested,
    AttemptFailed,
    AttemptSucceeded,
    GatesJudged,
    LeaseLost,
    LeaseWithdrawn,
    QuestionAsked,
    ReportIgnored,
    TaskCancelled,
    TaskEvent,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskSucceeded,
    TaskTaken,
    UsageReported,
)

TYPES: Final = tuple(
    kind.__name__
    for kind in (
        ApprovalRequested, AttemptFailed, AttemptSucceeded, BranchAdvanced, GatesJudged, ItemsFound,
        LeaseLost, LeaseWithdrawn, MissionCancelled, MissionFailed, MissionLaunched, MissionPaused,
        MissionRefused, MissionSucceeded, PhaseCompleted, PhaseDefined, PhaseSentBack,
        QuestionAsked, ReportIgnored, SessionClosed, SessionOpened, TaskCancelled, TaskFailed,
        TaskLeased, TaskPlanned, TaskReopened, TaskSucceeded, TaskTaken, UsageReported,
    )
)  # fmt: skip
"""Of events that a forecast needs."""


class Task(Struct):
    task_id: str
    mission_id: str
    kind: str
    phase: str
    name: str
    agent: str
    repository: str
    planned_at: float
    busy: float = 0
    """Seconds for which it has held a slot, without the lease that it holds now."""
    leased_at: float | None = None
    done_at: float | None = None
    succeeded: bool = False
    usd: float = 0
    """Billed and estimated."""
    unpriced: bool = False
    """Whether an agent did not say what it cost."""
    with_person: bool = False
    """Whether a person has or had it."""

    def held(self, now: float) -> float:
        """Seconds for which it has held a slot."""
        return self.busy + (0.0 if self.leased_at is None else max(0.0, now - self.leased_at))


class Mission(Struct):
    mission_id: str
    name: str
    launched_at: float
    series: str = ""
    """Its name without the run's number."""
    repository: str = ""
    phases: dict[str, Phase] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    """By phase: how many were found."""
    completed: set[str] = field(default_factory=set)
    tasks: list[str] = field(default_factory=list)
    merged: set[str] = field(default_factory=set)
    """Tasks whose work is in its branch."""
    last_merge_at: float | None = None
    ended_at: float | None = None
    succeeded: bool = False
    asked_people: bool = False
    """Whether it waited for somebody, ever: that time is none of a runner's."""


class History:
    """Folded event by event, so that a forecast can be made as of any moment."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.missions: dict[str, Mission] = {}
        self.sessions: dict[str, int] = {}
        """Slots of those that are open."""
        self.began_at: float | None = None
        self.now = 0.0

    def apply(self, event: AnyEvent, at: float) -> None:
        self.began_at = at if self.began_at is None else self.began_at
        self.now = at
        match event:
            case SessionOpened(session_id=id, slots=slots):
                self.sessions[id] = slots
            case SessionClosed(session_id=id):
                self.sessions.pop(id, None)
            case TaskPlanned():
                self._planned(event, at)
            case TaskEvent(task_id=id):
                if (task := self.tasks.get(id)) is not None:
                    self._of_task(event, task, at)
            case MissionLaunched(mission_id=id, name=name, repository=repository):
                url = repository.url if repository else ""
                self.missions[id] = Mission(id, name, at, event.series, url)
            case _:
                mission = self.missions.get(getattr(event, "mission_id", ""))
                if mission is not None:
                    self._of_mission(event, mission, at)

    def _planned(self, event: TaskPlanned, at: float) -> None:
        agent = event.spec.agent if event.kind == "work" else ""
        url = event.repository.url if event.repository else ""
        self.tasks[event.task_id] = Task(
            event.task_id,
            event.mission_id,
            event.kind,
            event.phase,
            event.spec.name,
            agent,
            url,
            at,
        )
        if (mission := self.missions.get(event.mission_id)) is not None:
            mission.tasks.append(event.task_id)

    def _of_task(self, event: AnyEvent, task: Task, at: float) -> None:
        mission = self.missions.get(task.mission_id)
        match event:
            case TaskLeased():
                task.leased_at = at
            case AttemptSucceeded() | AttemptFailed() | GatesJudged():
                _stop(task, at)
            case LeaseLost() | LeaseWithdrawn():
                _stop(task, at)
            case TaskSucceeded():
                _stop(task, at)
                task.done_at, task.succeeded = at, True
            case TaskFailed() | TaskCancelled():
                _stop(task, at)
                task.done_at, task.succeeded = at, False
            case TaskReopened():
                task.done_at, task.succeeded = None, False
            case TaskTaken():
                _stop(task, at)
                task.with_person = True
                if mission is not None:
                    mission.asked_people = True
            case ApprovalRequested() | QuestionAsked():
                if mission is not None:
                    mission.asked_people = True
                if isinstance(event, QuestionAsked) and event.work is not None:
                    _stop(task, at)
            case _:
                pass
        usage = _usage(event)
        if usage is not None:
            task.usd += usage.billed_usd + usage.estimated_usd
            task.unpriced = task.unpriced or usage.unpriced > 0

    def _of_mission(self, event: AnyEvent, mission: Mission, at: float) -> None:
        match event:
            case PhaseDefined(phase=phase):
                mission.phases[phase.name] = phase
                if phase.for_each and isinstance(phase.for_each.source, Listed):
                    mission.items.setdefault(phase.name, len(phase.for_each.source.items))
            case ItemsFound(phase=name, items=items):
                mission.items[name] = mission.items.get(name, 0) + len(items)
            case PhaseCompleted(phase=name):
                mission.completed.add(name)
            case PhaseSentBack(phases=names):
                mission.completed -= set(names)
            case BranchAdvanced(task_id=task):
                mission.merged.add(task)
                mission.last_merge_at = at
            case MissionPaused():
                mission.asked_people = True
            case MissionSucceeded():
                mission.ended_at, mission.succeeded = at, True
            case MissionFailed() | MissionRefused() | MissionCancelled():
                mission.ended_at = at
            case _:
                pass


def _stop(task: Task, at: float) -> None:
    task.busy, task.leased_at = task.held(at), None


def _usage(event: AnyEvent) -> Usage | None:
    match event:
        case AttemptSucceeded(result=WorkDone(agent=agent)) if agent is not None:
            return agent.usage
        case AttemptFailed(failure=Failure(agent=agent)) if agent is not None:
            return agent.usage
        case UsageReported(usage=usage) | ReportIgnored(usage=usage):
            return usage
    return None
