"""A mission: what commands bring about.

    LaunchMission ─▶ base check ─▶ prerequisites, approvals ─▶ phases (a DAG) ─▶ criteria ─▶ success
                     red: refused                              a task failed for good: failed

A mission plans a task, that is, begins its stream, when the task may run; so decisions here also
return the first events of task streams. Work that was committed is merged one at a time, each merge
a task of its own on the tip that it names; the tip moves only by `BranchAdvanced`, and only from
where the merge started. Work that conflicts is sent back to be done again on the tip. A review that
finds defects sends the phases from the one it names back, to be done once more. What comes back of
its pull request opens a mission again (`revising`).
"""

from msgspec.structs import replace

from hive_contracts.mission import (
    AddItems,
    AdvanceMission,
    AnyMissionCommand,
    AnyMissionEvent,
    BranchAdvanced,
    CancelMission,
    Earlier,
    ExtendMission,
    ItemsFound,
    LaunchMission,
    MeetPrerequisite,
    MergeConflicted,
    MissionCancelled,
    MissionEvent,
    MissionFailed,
    MissionLanded,
    MissionLaunched,
    MissionRefused,
    MissionReleased,
    PauseMission,
    PhaseDefined,
    PrerequisiteMet,
    RaiseBudget,
    RecordLanding,
    ReleaseMission,
    ReserveLease,
    ResumeMission,
    ReviseMission,
    SettleReservation,
    SettleTask,
    SpendWall,
    TaskSettled,
)
from hive_contracts.outcome import Failure, MergeDone
from hive_contracts.plan import (
    MAX_PHASES,
    CommandGate,
    Gate,
    Listed,
    Phase,
    Repository,
)
from hive_contracts.task import AnyTaskEvent
from hive_orchestrator.deciders.budget import settle, spend_wall
from hive_orchestrator.deciders.items import in_chunks
from hive_orchestrator.deciders.mission_state import (
    Active,
    Ended,
    Mission,
    OpenTask,
    Unlaunched,
    evolve,
)
from hive_orchestrator.deciders.pause import pause, raise_budget, resume
from hive_orchestrator.deciders.plan import (
    check,
    check_phases,
    without_items,
)
from hive_orchestrator.deciders.planning import BASE, advance, is_outdated
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.revising import revise

Events = list[AnyMissionEvent | AnyTaskEvent]


def decide(mission: Mission, command: AnyMissionCommand) -> Events:
    """Events of the mission, and the first events of the tasks that it plans. Raises Rejected."""
    match command, mission:
        case LaunchMission(), Unlaunched():
            return _launch(command)
        case LaunchMission(), _:
            return []
        case _, Unlaunched():
            raise Rejected("not-found", f"there is no mission {command.mission_id}")
        case ExtendMission(), Ended(outcome=outcome):
            raise Rejected("conflict", f"the mission has ended: {outcome}", "mission")
        case ExtendMission(phases=phases), Active():
            return _extend(mission, phases)
        case CancelMission(), Ended(outcome="cancelled"):
            return []
        case (
            CancelMission() | PauseMission() | ResumeMission() | RaiseBudget() | ReserveLease(),
            Ended(outcome=outcome),
        ):
            raise Rejected("conflict", f"the mission has ended: {outcome}", "mission")
        case ReviseMission(), Active() | Ended():
            return _and_on(mission, [*revise(mission, command)])
        case ((RecordLanding() | ReleaseMission()), Ended()):
            return _take_care(mission, command)
        case ((RecordLanding() | ReleaseMission()), Active()):
            name = mission.launched.name
            raise Rejected("conflict", f"{name} has not ended", "mission", f"hive cancel {name}")
        case _, Ended():
            return []
        case CancelMission(reason=reason), Active():
            return [MissionCancelled(command.mission_id, reason)]
        case PauseMission(), Active():
            return [*pause(mission, command)]
        case ResumeMission(), Active():
            return [*resume(mission, command)]
        case RaiseBudget(), Active():
            return [*raise_budget(mission, command)]
        case SpendWall(), Active():
            return [*spend_wall(mission, command)]
        case SettleReservation(), Active():
            return [*settle(mission, command)]
        case AdvanceMission(), Active():
            return advance(mission)
        case MeetPrerequisite(series=series), Active():
            if series not in mission.unmet:
                return []
            return _and_on(mission, [PrerequisiteMet(command.mission_id, series)])
        case AddItems(phase=phase, items=items), Active():
            return [ItemsFound(command.mission_id, phase, items)]
        case SettleTask(), Active():
            return _settle(mission, command)
    raise AssertionError(f"{type(command).__name__} is not handled")


def _take_care(mission: Ended, command: RecordLanding | ReleaseMission) -> Events:
    """What a person did with the work of a mission that has ended; said twice, done once."""
    match command:
        case RecordLanding(commit=commit, branch=branch, by=by):
            if mission.landed == (commit, branch):
                return []
            earlier = _earlier(mission.launched.repository)
            return [MissionLanded(command.mission_id, commit, branch, by, earlier)]
        case ReleaseMission(by=by, reason=reason):
            if mission.released:
                return []
            return [MissionReleased(command.mission_id, by, reason)]


def _earlier(repository: Repository | None) -> Earlier | None:
    if repository is None or repository.start is None or not repository.start_of:
        return None
    return Earlier(repository.start_of, repository.start.commit)


def _and_on(mission: Mission, events: Events) -> Events:
    """These events, and what may begin after them."""
    for event in events:
        if isinstance(event, MissionEvent):
            mission = evolve(mission, event)
    return [*events, *advance(mission, before=len(events))]


def _launch(command: LaunchMission) -> Events:
    plan = command.plan
    check(plan)
    launched = MissionLaunched(
        command.mission_id,
        name=f"{plan.name}-{command.number}",
        series=plan.name,
        agent_type=plan.type,
        objective=plan.objective,
        repository=plan.repository,
        prerequisites=plan.prerequisites,
        approvals=plan.approvals,
        criteria=plan.criteria,
        notify=plan.notify,
        budget=plan.budget,
        pull_request=plan.pull_request,
        origin=command.origin,
        deadline=plan.deadline,
    )
    return _and_on(Unlaunched(), [launched, *_define(command.mission_id, plan.phases)])


def _define(mission_id: str, phases: tuple[Phase, ...]) -> Events:
    events: Events = []
    for phase in phases:
        events.append(PhaseDefined(mission_id, without_items(phase)))
        if phase.for_each is not None and isinstance(phase.for_each.source, Listed):
            for items in in_chunks(phase.for_each.source.items):
                events.append(ItemsFound(mission_id, phase.name, items))
    return events


def _extend(mission: Active, phases: tuple[Phase, ...]) -> Events:
    """New phases start after all that the mission has; a name that is taken gets a number."""
    known = set(mission.phases)
    if len(known) + len(phases) > MAX_PHASES:
        raise Rejected("invalid", f"a mission has at most {MAX_PHASES} phases", "phases")
    check_phases(
        phases,
        mission.launched.objective,
        {name: progress.phase for name, progress in mission.phases.items()},
    )
    names = {phase.name: _free_name(phase.name, known) for phase in phases}
    after = tuple(mission.phases)
    added = tuple(
        replace(
            phase,
            name=names[phase.name],
            needs=tuple(names.get(need, need) for need in phase.needs) or after,
            sends_back_to=names.get(phase.sends_back_to, phase.sends_back_to),
        )
        for phase in phases
    )
    return _and_on(mission, _define(mission.launched.mission_id, added))


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        ending = f"-{number}"
        free = name[: 40 - len(ending)].rstrip("-") + ending
    return free


def _settle(mission: Active, command: SettleTask) -> Events:
    task = mission.open.get(command.task_id)
    if task is None or task.done is not None:
        return []
    settled = TaskSettled(
        command.mission_id,
        command.task_id,
        command.outcome,
        command.epoch,
        command.result,
        command.failure,
        command.baselines,
    )
    if command.outcome != "succeeded":
        return _settle_badly(mission, task, command, settled)
    match task.kind, command.result:
        case "merge", MergeDone(old=old, new=new) if mission.tip and old == mission.tip.commit:
            assert mission.merging is not None
            _, work_id = mission.merging
            epoch = mission.open[work_id].epoch
            moved = BranchAdvanced(command.mission_id, old, new, work_id, epoch)
            return _and_on(mission, [settled, moved])
        case "expand", _:
            return _settle_expansion(mission, task, settled)
    return _and_on(mission, [settled])


def _settle_expansion(mission: Active, task: OpenTask, settled: TaskSettled) -> Events:
    progress = mission.phases[task.phase]
    for_each = progress.phase.for_each
    assert for_each is not None
    found = len(progress.items)
    if for_each.min <= found <= for_each.max:
        return _and_on(mission, [settled])
    reason = (
        f"phase {task.phase} found {found} items, and {for_each.min} to {for_each.max} are allowed"
    )
    return [settled, MissionFailed(mission.launched.mission_id, reason)]


def _settle_badly(
    mission: Active, task: OpenTask, command: SettleTask, settled: TaskSettled
) -> Events:
    id, failure = command.mission_id, command.failure
    why = failure.detail if failure else command.outcome
    if task.kind == "merge" and failure is not None and failure.kind == "conflict":
        assert mission.merging is not None and mission.tip is not None
        _, work_id = mission.merging
        return _and_on(mission, [settled, MergeConflicted(id, work_id, mission.tip, failure)])
    if task.kind == "work" and _goes_on_without(mission.phases[task.phase].phase, task):
        return _and_on(mission, [settled])
    if task.phase:
        return [settled, MissionFailed(id, f"{task.phase}/{task.name}: {why}")]
    if is_outdated(mission, task.name):
        return _and_on(mission, [settled])
    if task.name == BASE:
        return [settled, MissionRefused(id, _on_the_base(failure, why, mission.launched.criteria))]
    if any(gate.name == task.name for gate in mission.launched.approvals):
        return [settled, MissionRefused(id, why)]
    return [settled, MissionFailed(id, f"{task.name}: {why}")]


def _goes_on_without(phase: Phase, task: OpenTask) -> bool:
    own = next((spec.on_failure for spec in phase.tasks if spec.name == task.planned_as), "")
    return (own or phase.on_failure) == "continue"


def _on_the_base(failure: Failure | None, why: str, criteria: tuple[Gate, ...]) -> str:
    if failure is None or failure.kind != "gate":
        return why
    said = f"the base does not pass: {why}"
    if not any(isinstance(gate, CommandGate) and gate.compare for gate in criteria):
        said += "; a gate with `compare: base` takes the base as it is"
    return said
