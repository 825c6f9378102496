"""What a mission remembers, and how its events change that."""

from typing import Final, Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from hive_contracts.budget import CAPS, Purse, attempt_key
from hive_contracts.mission import (
    AnyMissionEvent,
    BranchAdvanced,
    BudgetRaised,
    BudgetWarned,
    ItemsFound,
    MergeConflicted,
    MissionCancelled,
    MissionFailed,
    MissionLanded,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionReleased,
    MissionResumed,
    MissionRevised,
    MissionSucceeded,
    PhaseCompleted,
    PhaseDefined,
    PhaseSentBack,
    PhaseStarted,
    PlannedTask,
    PrerequisiteMet,
    ReservationMade,
    ReservationSettled,
    RevisionDeclined,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import Baseline, WorkDone
from hive_contracts.plan import Given, Item, Listed, Phase, TaskKind, Tip
from hive_contracts.template import render_task
from hive_orchestrator.deciders.baselines import joined


class PhaseProgress(Struct, frozen=True):
    phase: Phase
    status: Literal["waiting", "running", "completed"] = "waiting"
    items: tuple[Item, ...] = ()
    expanded: bool = True
    """Whether all items are known."""
    names: frozenset[str] = frozenset()
    """Tasks that were planned, by their names in the plan."""
    taken: frozenset[str] = frozenset()
    """Names of all that was ever planned in it: what is done again has another one."""
    done: frozenset[str] = frozenset()
    """Of `names`, those that have ended well and are merged."""
    failed: frozenset[str] = frozenset()
    """Of `names`, those that have failed for good."""
    canary: Literal["", "asked", "passed"] = ""
    """Whether a person was asked about those that went first, and has agreed."""
    round: int = 0
    """How often it was sent back."""
    defects: tuple[str, ...] = ()
    """What its tasks, reviews, have found."""
    defects_to_mend: str = ""
    """What a review of it found."""
    made: tuple[Given, ...] = ()
    """Files that its tasks made; the newest of a name."""


class OpenTask(Struct, frozen=True):
    """A task that the mission waits for."""

    phase: str
    name: str
    kind: TaskKind
    again: str = ""
    """The task of the plan that it does once more."""
    paths: tuple[str, ...] = ()
    """Where it may change something; empty is anywhere."""
    done: WorkDone | None = None
    """Work that waits to be merged, or is being merged."""
    epoch: int = 0
    """The epoch that did it."""

    @property
    def planned_as(self) -> str:
        """Its name in the plan."""
        return self.again or self.name


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
    baselines: dict[str, Baseline] = {}
    """What gates found on the base, by their definitions."""
    extensions: int = 0
    """How many phases were added: the criteria are judged anew after each, under a new name."""
    paused: MissionPaused | None = None
    purse: Purse | None = None
    """Where its budget stands; None without one."""
    last: str = ""
    """What was merged last, as `phase/task`."""
    sessions: dict[str, str] = {}
    """Of the agents that told one and whose work was merged, by that work, as `phase/task`."""
    landed: tuple[str, str] | None = None
    """The commit that was landed last before it went on, and the branch into which."""
    succeeded: bool = False
    """Whether it has succeeded once, and goes on with what came back of its pull request."""
    heard: int = 0
    """The last round of its pull request that it was told of."""
    revised: dict[str, MissionRevised] = {}
    """The phases in which what came back is mended."""


class Ended(Struct, frozen=True):
    launched: MissionLaunched
    outcome: Literal["succeeded", "failed", "refused", "cancelled"]
    landed: tuple[str, str] | None = None
    """The commit that was landed last, and the branch into which."""
    released: bool = False
    heard: int = 0
    """The last round of its pull request that it was told of."""
    goes_on: Active | None = None
    """What it goes on from where something comes back; None where it cannot."""


Mission = Unlaunched | Active | Ended
INITIAL: Final = Unlaunched()


def evolve(mission: Mission, event: AnyMissionEvent) -> Mission:
    """The mission after an event."""
    if isinstance(event, MissionLaunched):
        repository = event.repository
        tip = (repository.start or Tip(repository.base)) if repository else None
        purse = Purse(event.budget) if event.budget else None
        return Active(event, tip, unmet=frozenset(event.prerequisites), purse=purse)
    if isinstance(mission, Unlaunched):
        raise ValueError(f"{type(event).__name__} before MissionLaunched in {event.mission_id}")
    if isinstance(mission, Ended):
        return _evolve_ended(mission, event)
    return _evolve(mission, event)


def _evolve_ended(mission: Ended, event: AnyMissionEvent) -> Mission:
    match event:
        case MissionRevised():
            assert mission.goes_on is not None
            return _revise(replace(mission.goes_on, landed=mission.landed), event)
        case RevisionDeclined(round=round):
            return replace(mission, heard=round)
        case MissionLanded(commit=commit, branch=branch):
            return replace(mission, landed=(commit, branch))
        case MissionReleased():
            return replace(mission, released=True)
    return mission


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
        case PhaseSentBack():
            return _send_back(mission, event)
        case PhaseCompleted(phase=name):
            return _update(mission, name, status="completed")
        case ItemsFound(phase=name, items=items):
            return _update(mission, name, items=mission.phases[name].items + items)
        case TasksPlanned():
            return _plan(mission, event)
        case TaskSettled(baselines=found):
            known = joined(mission.baselines, found) if found else mission.baselines
            return _settle(replace(mission, baselines=known), event)
        case BranchAdvanced(new=new, task_id=id):
            work = mission.open[id]
            last = f"{work.phase}/{work.name}"
            agent = work.done.agent if work.done is not None else None
            if agent is not None and agent.session:
                mission = replace(mission, sessions={**mission.sessions, last: agent.session})
            return _finish(replace(mission, tip=new, merging=None, last=last), id)
        case MergeConflicted(task_id=id):
            again = replace(mission.open[id], done=None, epoch=0)
            waiting = tuple(other for other in mission.to_merge if other != id)
            return replace(mission, open={**mission.open, id: again}, to_merge=waiting)
        case MissionPaused():
            return replace(mission, paused=event)
        case MissionResumed():
            return replace(mission, paused=None)
        case BudgetRaised():
            return _raise(mission, event)
        case BudgetWarned() | ReservationMade() | ReservationSettled():
            return replace(mission, purse=accounted(mission.purse, event))
        case MissionRevised():
            return _revise(mission, event)
        case RevisionDeclined(round=round):
            return replace(mission, heard=round)
        case MissionSucceeded():
            return _end(replace(mission, succeeded=True), "succeeded")
        case MissionFailed():
            return _end(mission, "failed")
        case MissionRefused():
            return _end(mission, "refused")
        case MissionCancelled():
            return Ended(mission.launched, "cancelled", mission.landed, heard=mission.heard)
        case MissionLanded() | MissionReleased():
            return mission  # only of missions that have ended
    assert_never(event)


def _end(mission: Active, outcome: Literal["succeeded", "failed", "refused"]) -> Ended:
    """It may go on only from where it has succeeded: what was begun since, and failed, is left."""
    goes_on = None
    if mission.succeeded and mission.tip is not None and mission.tip.chain:
        done = {name: each for name, each in mission.phases.items() if each.status == "completed"}
        goes_on = replace(mission, phases=done, open={}, to_merge=(), merging=None, paused=None)
    return Ended(mission.launched, outcome, mission.landed, heard=mission.heard, goes_on=goes_on)


def _revise(mission: Active, event: MissionRevised) -> Active:
    revised = {**mission.revised, event.phase: event}
    return replace(mission, heard=event.round, revised=revised, purse=event.purse)


def accounted(
    purse: Purse | None, event: BudgetWarned | ReservationMade | ReservationSettled
) -> Purse | None:
    """A budget after an event."""
    if purse is None:
        return None
    match event:
        case BudgetWarned(cap=cap):
            return purse.warn(cap)
        case ReservationMade(task_id=id, epoch=epoch, cap=share):
            return purse.reserve(attempt_key(id, epoch), share)
        case ReservationSettled(task_id=id, epoch=epoch, spent=spent):
            key = attempt_key(id, epoch)
            return purse.settle(key, spent, stopped=event.stopped) if spent else purse.lose(key)
    assert_never(event)


def _raise(mission: Active, event: BudgetRaised) -> Active:
    """A cap that was reached and is raised is none any more that holds the mission up."""
    if mission.purse is None:
        return mission
    before, paused = mission.purse.budget, mission.paused
    higher = [cap for cap in CAPS if event.budget.of(cap) > before.of(cap)]
    if paused is not None and paused.cap in higher:
        paused = replace(paused, cap="")
    return replace(mission, purse=mission.purse.raised(event.budget), paused=paused)


def _define(mission: Active, phase: Phase) -> Active:
    progress = PhaseProgress(phase, expanded=_is_written(phase))
    extended = mission.extensions + (1 if mission.planned else 0)
    return replace(mission, phases={**mission.phases, phase.name: progress}, extensions=extended)


def _is_written(phase: Phase) -> bool:
    """Whether its tasks stand in the plan; else their items are listed when it starts."""
    return phase.for_each is None or isinstance(phase.for_each.source, Listed)


def _update(mission: Active, name: str, **changes: object) -> Active:
    phase = replace(mission.phases[name], **changes)
    return replace(mission, phases={**mission.phases, name: phase})


def _plan(mission: Active, event: TasksPlanned) -> Active:
    opened = {
        t.task_id: OpenTask(event.phase, t.name, t.kind, t.again, paths)
        for t, paths in zip(event.tasks, _paths(mission, event), strict=True)
    }
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
    if any(t.kind == "gate" for t in event.tasks):
        return _update(planned, event.phase, canary="asked")
    work_tasks = [t for t in event.tasks if t.kind == "work"]
    phase = mission.phases[event.phase]
    return _update(
        planned,
        event.phase,
        names=phase.names | {t.again or t.name for t in work_tasks},
        taken=phase.taken | {t.name for t in work_tasks},
    )


def _paths(mission: Active, event: TasksPlanned) -> list[tuple[str, ...]]:
    """Where each planned task may change something: its part of the plan says it."""
    if not event.phase or any(t.kind != "work" for t in event.tasks):
        return [() for _ in event.tasks]
    progress = mission.phases[event.phase]
    for_each = progress.phase.for_each
    if for_each is None:
        known = {spec.name: spec.paths for spec in progress.phase.tasks}
        return [known[_planned_as(t)] for t in event.tasks]
    if not for_each.template.paths:
        return [() for _ in event.tasks]
    items = progress.items[len(progress.names) :]
    return [
        render_task(for_each.template, t.name, item).paths
        for t, item in zip(event.tasks, items, strict=False)
    ]


def _planned_as(task: PlannedTask) -> str:
    return task.again or task.name


def _send_back(mission: Active, event: PhaseSentBack) -> Active:
    phases = dict(mission.phases)
    for name in event.phases:
        old = phases[name]
        written = _is_written(old.phase)
        phases[name] = PhaseProgress(
            old.phase,
            items=old.items if written else (),
            expanded=written,
            taken=old.taken,
            canary=old.canary,
            round=event.round,
            defects_to_mend=event.defects if name == event.to else old.defects_to_mend,
        )
    return replace(mission, phases=phases)


def _settle(mission: Active, event: TaskSettled) -> Active:
    task = mission.open[event.task_id]
    if task.kind == "work" and event.outcome != "succeeded":
        return _finish(mission, event.task_id, failed=True)
    if isinstance(event.result, WorkDone) and event.result.defects:
        found = (*mission.phases[task.phase].defects, event.result.defects)
        mission = _update(mission, task.phase, defects=found)
    if isinstance(event.result, WorkDone) and (made := event.result.made) is not None:
        others = tuple(g for g in mission.phases[task.phase].made if g.name != made.name)
        mission = _update(mission, task.phase, made=(*others, made))
    match task.kind, event.result:
        case "work", WorkDone(commit=commit) if commit:
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
        case "gate", _ if task.phase:
            agreed: object = "passed" if event.outcome == "succeeded" else "asked"
            return _finish(_update(mission, task.phase, canary=agreed), event.task_id)
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


def _finish(mission: Active, task_id: str, *, failed: bool = False) -> Active:
    """The mission waits for this task no more."""
    task = mission.open[task_id]
    rest = {id: other for id, other in mission.open.items() if id != task_id}
    waiting = tuple(id for id in mission.to_merge if id != task_id)
    left = replace(mission, open=rest, to_merge=waiting)
    if task.kind != "work":
        return left
    phase = mission.phases[task.phase]
    if failed:
        return _update(left, task.phase, failed=phase.failed | {task.planned_as})
    return _update(left, task.phase, done=phase.done | {task.planned_as})
