"""What a mission remembers, and how its events change that."""

from typing import Final, Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from hive_contracts.mission import (
    AnyMissionEvent,
    BranchAdvanced,
    ItemsFound,
    MergeConflicted,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionRefused,
    MissionSucceeded,
    PhaseCompleted,
    PhaseDefined,
    PhaseStarted,
    PrerequisiteMet,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.plan import Globbed, Item, Phase, TaskKind, Tip, WorkDone


class PhaseProgress(Struct, frozen=True):
    phase: Phase
    status: Literal["waiting", "running", "completed"] = "waiting"
    items: tuple[Item, ...] = ()
    expanded: bool = True
    """Whether all items are known."""
    names: frozenset[str] = frozenset()
    """Tasks that were planned, by name."""
    done: frozenset[str] = frozenset()
    """Of those, the ones that have ended well and are merged."""


class OpenTask(Struct, frozen=True):
    """A task that the mission waits for."""

    phase: str
    name: str
    kind: TaskKind
    done: WorkDone | None = None
    """Work that waits to be merged, or is being merged."""
    epoch: int = 0
    """The epoch that did it."""


class Unlaunched(Struct, frozen=True):
    """Nothing is known of it yet."""


class Active(Struct, frozen=True):
    launched: MissionLaunched
    tip: Tip | None
    phases: dict[str, PhaseProgress] = {}
    unmet: frozenset[str] = frozenset()
    """Prerequisites that are waited for."""
    open: dict[str, OpenTask] = {}
    """By task id."""
    planned: int = 0
    """Tasks planned so far, of all kinds."""
    checks: dict[str, bool] = {}
    """The mission's own gates that were planned, by name: whether they passed."""
    to_merge: tuple[str, ...] = ()
    """Work in the order in which it ended, by task id."""
    merging: tuple[str, str] | None = None
    """The merge task that is under way, and the work that it merges."""
    extensions: int = 0
    """How many phases were added: the criteria are judged anew after each, under a new name."""


class Ended(Struct, frozen=True):
    launched: MissionLaunched
    outcome: Literal["succeeded", "failed", "refused", "cancelled"]


Mission = Unlaunched | Active | Ended
INITIAL: Final = Unlaunched()


def evolve(mission: Mission, event: AnyMissionEvent) -> Mission:
    """The mission after an event."""
    if isinstance(event, MissionLaunched):
        repository = event.repository
        tip = Tip(repository.base) if repository else None
        return Active(event, tip, unmet=frozenset(event.prerequisites))
    if isinstance(mission, Unlaunched):
        raise ValueError(f"{type(event).__name__} before MissionLaunched in {event.mission_id}")
    if isinstance(mission, Ended):
        return mission
    return _evolve(mission, event)


def _evolve(mission: Active, event: AnyMissionEvent) -> Mission:
    match event:
        case MissionLaunched():
            return mission
        case PhaseDefined(phase=phase):
            return _define(mission, phase)
        case PrerequisiteMet(series=series):
            return replace(mission, unmet=mission.unmet - {series})
        case PhaseStarted(phase=name):
            return _update(mission, name, status="running")
        case PhaseCompleted(phase=name):
            return _update(mission, name, status="completed")
        case ItemsFound(phase=name, items=items):
            return _update(mission, name, items=mission.phases[name].items + items)
        case TasksPlanned():
            return _plan(mission, event)
        case TaskSettled():
            return _settle(mission, event)
        case BranchAdvanced(new=new, task_id=id):
            return _finish(replace(mission, tip=new, merging=None), id)
        case MergeConflicted(task_id=id):
            again = replace(mission.open[id], done=None, epoch=0)
            waiting = tuple(other for other in mission.to_merge if other != id)
            return replace(mission, open={**mission.open, id: again}, to_merge=waiting)
        case MissionSucceeded():
            return Ended(mission.launched, "succeeded")
        case MissionFailed():
            return Ended(mission.launched, "failed")
        case MissionRefused():
            return Ended(mission.launched, "refused")
        case MissionCancelled():
            return Ended(mission.launched, "cancelled")
    assert_never(event)


def _define(mission: Active, phase: Phase) -> Active:
    globbed = phase.for_each is not None and isinstance(phase.for_each.source, Globbed)
    progress = PhaseProgress(phase, expanded=not globbed)
    extended = mission.extensions + (1 if mission.planned else 0)
    return replace(mission, phases={**mission.phases, phase.name: progress}, extensions=extended)


def _update(mission: Active, name: str, **changes: object) -> Active:
    phase = replace(mission.phases[name], **changes)
    return replace(mission, phases={**mission.phases, name: phase})


def _plan(mission: Active, event: TasksPlanned) -> Active:
    opened = {t.task_id: OpenTask(event.phase, t.name, t.kind) for t in event.tasks}
    planned = replace(
        mission,
        open={**mission.open, **opened},
        planned=mission.planned + len(event.tasks),
    )
    merges = [t for t in event.tasks if t.kind == "merge"]
    if merges:
        work, *rest = mission.to_merge
        return replace(planned, merging=(merges[0].task_id, work), to_merge=tuple(rest))
    if not event.phase:
        checks = {t.name: False for t in event.tasks}
        return replace(planned, checks={**mission.checks, **checks})
    names = frozenset(t.name for t in event.tasks if t.kind == "work")
    return _update(planned, event.phase, names=mission.phases[event.phase].names | names)


def _settle(mission: Active, event: TaskSettled) -> Active:
    task = mission.open[event.task_id]
    match task.kind, event.result:
        case "work", WorkDone(commit=commit) if commit and event.outcome == "succeeded":
            waiting = replace(task, done=event.result, epoch=event.epoch)
            return replace(
                mission,
                open={**mission.open, event.task_id: waiting},
                to_merge=(*mission.to_merge, event.task_id),
            )
        case "merge", _:
            return _settle_merge(mission, event)
        case "expand", _:
            return _finish(_update(mission, task.phase, expanded=True), event.task_id)
        case "gate", _:
            checks = {**mission.checks, task.name: event.outcome == "succeeded"}
            return _finish(replace(mission, checks=checks), event.task_id)
    return _finish(mission, event.task_id)


def _settle_merge(mission: Active, event: TaskSettled) -> Active:
    """Whether the branch advances is for the next event to say; else the work waits once more."""
    assert mission.merging is not None
    _, work = mission.merging
    left = replace(_finish(mission, event.task_id), merging=None)
    return replace(left, to_merge=(work, *left.to_merge))


def _finish(mission: Active, task_id: str) -> Active:
    """The mission waits for this task no more."""
    task = mission.open[task_id]
    rest = {id: other for id, other in mission.open.items() if id != task_id}
    waiting = tuple(id for id in mission.to_merge if id != task_id)
    left = replace(mission, open=rest, to_merge=waiting)
    if task.kind != "work":
        return left
    return _update(left, task.phase, done=mission.phases[task.phase].done | {task.name})
