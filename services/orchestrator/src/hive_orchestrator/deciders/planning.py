"""What an active mission does next, by itself.

`advance` repeats one question, "what may begin now?", until the answer is nothing or the append is
full. Each answer is folded into the mission before the question is asked again.
"""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from hive_contracts.ids import derived_id
from hive_contracts.mission import (
    AnyMissionEvent,
    MissionEvent,
    MissionFailed,
    MissionSucceeded,
    PhaseCompleted,
    PhaseSentBack,
    PhaseStarted,
    PlannedTask,
    TasksPlanned,
)
from hive_contracts.outcome import MAX_DETAIL
from hive_contracts.plan import (
    ApprovalGate,
    Check,
    Commanded,
    CommandGate,
    Gate,
    GithubCheckGate,
    Given,
    Globbed,
    MergeOf,
    Retry,
    TaskKind,
    TaskSpec,
    Tip,
)
from hive_contracts.task import AnyTaskEvent, TaskPlanned
from hive_contracts.template import UnfitItem
from hive_orchestrator.deciders import task as tasks
from hive_orchestrator.deciders.baselines import of_gates
from hive_orchestrator.deciders.mission_state import (
    Active,
    Mission,
    PhaseProgress,
    evolve,
)
from hive_orchestrator.deciders.plan import MAX_CARRIED, carried
from hive_orchestrator.deciders.readiness import (
    asking,
    canaries_are_back,
    is_over,
    ready,
    skipped,
)

Events = list[AnyMissionEvent | AnyTaskEvent]

FULL: Final = 200
"""Events after which an append is full; the last step may still pass it by a few."""

BASE: Final = "base"
MAX_GIVEN: Final = 50
"""Files that a task is given."""
MAX_DEFECTS: Final = 8_192
"""Characters of all that the reviews of one phase found."""


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
            return _base_check(mission, commands)
        if not mission.checks[BASE]:
            return []
    missing = [gate for gate in launched.approvals if gate.name not in mission.checks]
    if missing:
        return _own(mission, [_asking(gate.name, gate) for gate in missing])
    if mission.unmet or not all(mission.checks[gate.name] for gate in launched.approvals):
        return []
    return None


def _closing(mission: Active) -> Events:
    """The criteria, judged on the merged branch: by runners, then by GitHub, then by people."""
    launched = mission.launched
    checks = tuple(gate for gate in launched.criteria if isinstance(gate, Check))
    name = _this_time(mission, "gates")
    if checks and name not in mission.checks:
        return _own(mission, [TaskSpec(name, gates=checks, retry=Retry(attempts=1))])
    if checks and not mission.checks[name]:
        return []
    for kind in (GithubCheckGate, ApprovalGate):
        asked = {
            _this_time(mission, gate.name): gate
            for gate in launched.criteria
            if isinstance(gate, kind)
        }
        missing = [(name, gate) for name, gate in asked.items() if name not in mission.checks]
        if missing:
            return _own(mission, [_asking(name, gate) for name, gate in missing])
        if not all(mission.checks[name] for name in asked):
            return []
    return [MissionSucceeded(launched.mission_id, launched.series, mission.tip)]


def _this_time(mission: Active, name: str) -> str:
    """Criteria are judged anew after an extension, under another name."""
    return f"{name}-{mission.extensions + 1}" if mission.extensions else name


def _base_check(mission: Active, commands: tuple[Gate, ...]) -> Events:
    """On the base itself, also where the branch goes on from what was merged on it before: gates
    that compare would else excuse what that broke."""
    repository = mission.launched.repository
    at_base = replace(mission, tip=Tip(repository.base)) if repository else mission
    return _own(at_base, [TaskSpec(BASE, gates=commands, retry=Retry(attempts=1))])


def is_outdated(mission: Active, name: str) -> bool:
    """Whether it is a check on GitHub that was awaited before the mission went on: whatever comes
    of it, it is judged anew on the tip that follows."""
    checks = [gate.name for gate in mission.launched.criteria if isinstance(gate, GithubCheckGate)]
    times = [replace(mission, extensions=before) for before in range(mission.extensions)]
    earlier = {_this_time(each, check) for check in checks for each in times}
    return name in earlier - {_this_time(mission, check) for check in checks}


def _asking(name: str, gate: Gate) -> TaskSpec:
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
        begin = ready(mission, progress, room)
    except UnfitItem as problem:
        return [MissionFailed(id, f"phase {name}: {problem}")]
    if begin:
        again = {task.spec.name: task.again for task in begin if task.again}
        revised = mission.revised.get(name)
        merge, session = (revised.merge, revised.session) if revised else (None, "")
        specs: list[tuple[TaskSpec, TaskKind]] = [(task.spec, "work") for task in begin]
        return _planned(mission, name, specs, merge=merge, again=again, session=session)
    if canaries_are_back(progress) and progress.done:
        return _planned(mission, name, [(asking(mission.launched.name, progress), "gate")])
    if canaries_are_back(progress) or (progress.failed and is_over(progress) and not progress.done):
        return [MissionFailed(id, f"phase {name}: none of its tasks succeeded")]
    return _end(mission, progress) if is_over(progress) else []


def _end(mission: Active, progress: PhaseProgress) -> Events:
    """The phase is over: it is completed, or what was made before it is to be mended."""
    id, phase = mission.launched.mission_id, progress.phase
    if phase.sends_back_to and progress.defects:
        defects = "\n\n".join(progress.defects)[:MAX_DEFECTS]
        if progress.round < phase.rounds:
            to, round = phase.sends_back_to, progress.round + 1
            anew = _between(mission, to, phase.name)
            return [PhaseSentBack(id, phase.name, to, round, defects, anew)]
        reason = f"phase {phase.name} still finds defects after {phase.rounds} rounds: {defects}"
        return [MissionFailed(id, reason[:MAX_DETAIL])]
    return [PhaseCompleted(id, phase.name, len(progress.failed), len(skipped(progress)))]


def _given(mission: Active, phase: str) -> tuple[Given, ...]:
    """Without a repository: what was made by this phase so far, and by those that it needs."""
    if mission.launched.repository is not None:
        return ()
    reached: dict[str, None] = {}
    open = [phase]
    while open:
        name = open.pop()
        if name not in reached:
            reached[name] = None
            open += mission.phases[name].phase.needs
    made = {given.name: given for name in reversed(reached) for given in mission.phases[name].made}
    return tuple(made.values())[:MAX_GIVEN]


def _between(mission: Active, first: str, last: str) -> tuple[str, ...]:
    """Both phases, and those between them: `last` needs them, and they need `first`."""

    @functools.cache
    def before(name: str) -> frozenset[str]:
        needs = mission.phases[name].phase.needs
        return frozenset(needs).union(*map(before, needs))

    reached = before(last) | {last}
    return tuple(
        name for name in mission.phases if name in reached and first in before(name) | {name}
    )


def _expand(mission: Active, progress: PhaseProgress) -> Events:
    assert progress.phase.for_each is not None
    source = progress.phase.for_each.source
    timeouts = progress.phase.for_each.template.timeouts
    match source:
        case Commanded(run=run):
            spec, globbed = TaskSpec("expand", run=run, timeouts=timeouts), None
        case _:
            assert isinstance(source, Globbed)
            spec, globbed = TaskSpec("expand", timeouts=timeouts), source
    return _planned(mission, progress.phase.name, [(spec, "expand")], expand=globbed)


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
    again: Mapping[str, str] = MappingProxyType({}),
    session: str = "",
) -> Events:
    """The mission's fact that tasks were planned, and the beginning of each task's stream.

    `again` names the task of the plan that a task does once more.
    """
    launched = mission.launched
    events: Events = []
    named: list[PlannedTask] = []
    for number, (spec, kind) in enumerate(specs, start=mission.planned + 1):
        if (size := carried(spec, launched.objective)) > MAX_CARRIED:
            reason = f"task {spec.name} carries {size:,} bytes, {MAX_CARRIED:,} are allowed"
            return [MissionFailed(launched.mission_id, reason)]
        id = derived_id(launched.mission_id, phase, spec.name, kind, number)
        named.append(PlannedTask(id, spec.name, kind, again.get(spec.name, "")))
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
                of_gates(mission.baselines, spec.gates, MAX_CARRIED - size),
                _given(mission, phase) if kind == "work" else (),
                session,
            )
        )
    return [TasksPlanned(launched.mission_id, phase, tuple(named)), *events]
