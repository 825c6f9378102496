"""What an active mission does next, by itself.

`advance` repeats one question, "what may begin now?", until the answer is nothing or the append is
full. Each answer is folded into the mission before the question is asked again.
"""

from typing import Final

from hive_contracts.ids import derived_id
from hive_contracts.mission import (
    AnyMissionEvent,
    MissionEvent,
    MissionFailed,
    MissionSucceeded,
    PhaseCompleted,
    PhaseStarted,
    PlannedTask,
    TasksPlanned,
)
from hive_contracts.plan import (
    ApprovalGate,
    CommandGate,
    Globbed,
    MergeOf,
    Retry,
    TaskKind,
    TaskSpec,
)
from hive_contracts.task import AnyTaskEvent, TaskPlanned
from hive_contracts.template import UnknownPlaceholder, render_task
from hive_orchestrator.deciders import task as tasks
from hive_orchestrator.deciders.items import task_name
from hive_orchestrator.deciders.mission_state import (
    Active,
    Mission,
    PhaseProgress,
    evolve,
)

Events = list[AnyMissionEvent | AnyTaskEvent]

FULL: Final = 200
"""Events after which an append is full; the last step may still pass it by a few."""

BASE: Final = "base"


def advance(mission: Mission, before: int = 0) -> Events:
    """All that may begin now; `before` events are in the append already."""
    events: Events = []
    while isinstance(mission, Active):
        room = FULL - before - len(events)
        if room <= 0:
            events.append(TasksPlanned(mission.launched.mission_id, "", (), more=True))
            break
        step = _next(mission, room)
        if not step:
            break
        for event in step:
            if isinstance(event, MissionEvent):
                mission = evolve(mission, event)
        events += step
    return events


def _next(mission: Active, room: int) -> Events:
    if (opening := _opening(mission)) is not None:
        return opening
    for progress in mission.phases.values():
        if events := _phase(mission, progress, room):
            return events
    if mission.to_merge and mission.merging is None:
        return _merge(mission)
    if all(progress.status == "completed" for progress in mission.phases.values()):
        return _closing(mission)
    return []


def _opening(mission: Active) -> Events | None:
    """What stands before the first phase; None once all of it is settled."""
    launched = mission.launched
    commands = tuple(gate for gate in launched.criteria if isinstance(gate, CommandGate))
    if commands:
        if BASE not in mission.checks:
            return _own(mission, [TaskSpec(BASE, gates=commands, retry=Retry(attempts=1))])
        if not mission.checks[BASE]:
            return []
    missing = [gate for gate in launched.approvals if gate.name not in mission.checks]
    if missing:
        return _own(mission, [_asking(gate.name, gate) for gate in missing])
    if mission.unmet or not all(mission.checks[gate.name] for gate in launched.approvals):
        return []
    return None


def _closing(mission: Active) -> Events:
    """The criteria, judged on the merged branch: first the commands, then people."""
    launched = mission.launched
    commands = tuple(gate for gate in launched.criteria if isinstance(gate, CommandGate))
    name = _this_time(mission, "gates")
    if commands and name not in mission.checks:
        return _own(mission, [TaskSpec(name, gates=commands, retry=Retry(attempts=1))])
    if commands and not mission.checks[name]:
        return []
    approvals = {
        _this_time(mission, gate.name): gate
        for gate in launched.criteria
        if isinstance(gate, ApprovalGate)
    }
    missing = [(name, gate) for name, gate in approvals.items() if name not in mission.checks]
    if missing:
        return _own(mission, [_asking(name, gate) for name, gate in missing])
    if not all(mission.checks[name] for name in approvals):
        return []
    return [MissionSucceeded(launched.mission_id, launched.series, mission.tip)]


def _this_time(mission: Active, name: str) -> str:
    """Criteria are judged anew after an extension, under another name."""
    return f"{name}-{mission.extensions + 1}" if mission.extensions else name


def _asking(name: str, gate: ApprovalGate) -> TaskSpec:
    return TaskSpec(name, gates=(gate,))


def _own(mission: Active, specs: list[TaskSpec]) -> Events:
    """The mission's own gates, on the tip."""
    return _planned(mission, "", [(spec, "gate") for spec in specs])


def _phase(mission: Active, progress: PhaseProgress, room: int) -> Events:
    id, name = mission.launched.mission_id, progress.phase.name
    match progress.status:
        case "waiting":
            needs = [mission.phases[other] for other in progress.phase.needs]
            if all(need.status == "completed" for need in needs):
                return [PhaseStarted(id, name)]
        case "running" if not progress.expanded:
            waits = any(t.phase == name and t.kind == "expand" for t in mission.open.values())
            return [] if waits else _expand(mission, progress)
        case "running":
            return _tasks(mission, progress, room)
    return []


def _tasks(mission: Active, progress: PhaseProgress, room: int) -> Events:
    id, name = mission.launched.mission_id, progress.phase.name
    try:
        ready, total = _ready(progress, room)
    except UnknownPlaceholder as problem:
        return [MissionFailed(id, f"phase {name}: {problem}")]
    if ready:
        return _planned(mission, name, [(spec, "work") for spec in ready])
    if len(progress.done) == total:
        return [PhaseCompleted(id, name)]
    return []


def _ready(progress: PhaseProgress, most: int) -> tuple[list[TaskSpec], int]:
    """Tasks that may begin, at most so many, and how many the phase has in all."""
    for_each = progress.phase.for_each
    if for_each is None:
        specs = progress.phase.tasks
        ready = [s for s in specs if s.name not in progress.names and set(s.needs) <= progress.done]
        return ready[:most], len(specs)
    begun = len(progress.names)
    if begun == len(progress.items):
        return [], begun
    rendered: list[TaskSpec] = []
    taken = set(progress.names)
    for item in progress.items[begun : begun + most]:
        name = task_name(item, taken)
        taken.add(name)
        rendered.append(render_task(for_each.template, name, item))
    return rendered, len(progress.items)


def _expand(mission: Active, progress: PhaseProgress) -> Events:
    assert progress.phase.for_each is not None
    source = progress.phase.for_each.source
    assert isinstance(source, Globbed)
    spec = TaskSpec("expand", timeouts=progress.phase.for_each.template.timeouts)
    return _planned(mission, progress.phase.name, [(spec, "expand")], expand=source)


def _merge(mission: Active) -> Events:
    work_id = mission.to_merge[0]
    work = mission.open[work_id]
    assert work.done is not None and work.done.bundle is not None
    merge = MergeOf(
        work_id, f"{work.phase}/{work.name}", work.epoch, work.done.commit, work.done.bundle
    )
    spec = TaskSpec(f"merge-{work.name}"[:40].rstrip("-"))
    return _planned(mission, work.phase, [(spec, "merge")], merge=merge)


def _planned(
    mission: Active,
    phase: str,
    specs: list[tuple[TaskSpec, TaskKind]],
    *,
    merge: MergeOf | None = None,
    expand: Globbed | None = None,
) -> Events:
    """The mission's fact that tasks were planned, and the beginning of each task's stream."""
    launched = mission.launched
    events: Events = []
    named: list[PlannedTask] = []
    for number, (spec, kind) in enumerate(specs, start=mission.planned + 1):
        id = derived_id(launched.mission_id, phase, spec.name, kind, number)
        named.append(PlannedTask(id, spec.name, kind))
        events += tasks.plan(
            TaskPlanned(
                id,
                launched.mission_id,
                launched.name,
                phase,
                kind,
                spec,
                launched.objective,
                launched.repository,
                mission.tip,
                merge,
                expand,
            )
        )
    return [TasksPlanned(launched.mission_id, phase, tuple(named)), *events]
