"""Events of a mission, folded into its rows."""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from hive_contracts.budget import Purse, attempt_key
from hive_contracts.envelope import Recorded
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
    PrerequisiteMet,
    ReservationMade,
    ReservationSettled,
    RevisionDeclined,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.plan import Listed
from hive_gateway.views.rows import (
    Landing,
    MissionDetailRow,
    MissionRow,
    MissionStatus,
    Pause,
    PhaseRow,
    PhaseStatus,
    Release,
)
from hive_gateway.views.tables import Views


def fold_mission(  # one case for each event
    views: Views, event: AnyMissionEvent, recorded: Recorded
) -> None:
    if isinstance(event, MissionLaunched):
        _launched(views, event, recorded)
        return
    mission = views.missions.get(event.mission_id)
    if mission is None:
        return
    match event:
        case PhaseDefined():
            _phase_defined(views, mission, event, recorded)
        case PrerequisiteMet(series=series):
            unmet = tuple(name for name in mission.unmet if name != series)
            views.put_mission(replace(mission, unmet=unmet))
        case PhaseStarted(phase=phase):
            _phase_is(views, mission, phase, "running")
        case PhaseCompleted(phase=phase, skipped=skipped):
            _phase_is(views, mission, phase, "completed")
            if skipped:
                views.put_mission(replace(mission, tasks=mission.tasks - skipped))
        case PhaseSentBack(phases=phases):
            for phase in phases:
                _phase_is(views, mission, phase, "waiting")
        case ItemsFound(items=items):
            views.put_mission(replace(mission, tasks=mission.tasks + len(items)))
        case BranchAdvanced(new=tip, task_id=task_id):
            views.put_mission(replace(mission, tip=tip))
            if (task := views.tasks.get(task_id)) is not None:
                views.tasks.put(task_id, replace(task, merged=True))
        case MissionPaused(reason=reason, by=by, cap=cap):
            pause = Pause(reason, by, cap, recorded.recorded_at)
            views.put_mission(replace(mission, pause=pause))
        case MissionResumed():
            views.put_mission(replace(mission, pause=None))
        case BudgetRaised() | ReservationMade() | ReservationSettled():
            if mission.purse is not None:
                views.put_mission(replace(mission, purse=_accounted(mission.purse, event)))
        case BudgetWarned():
            pass
        case MissionSucceeded():
            _end(views, mission, "succeeded", "", recorded.recorded_at)
        case MissionFailed(reason=reason):
            _end(views, mission, "failed", reason, recorded.recorded_at)
        case MissionRefused(reason=reason):
            _end(views, mission, "refused", reason, recorded.recorded_at)
        case MissionCancelled(reason=reason):
            _end(views, mission, "cancelled", reason, recorded.recorded_at)
        case MissionRevised(purse=purse):
            _revised(views, mission, purse)
        case RevisionDeclined():
            pass
        case MissionLanded(commit=commit, branch=branch, by=by):
            landing = Landing(commit, branch, by, recorded.recorded_at)
            views.put_mission(replace(mission, landed=landing))
        case MissionReleased(by=by, reason=reason):
            release = Release(by, reason, recorded.recorded_at)
            views.put_mission(replace(mission, released=release))
        case TasksPlanned(tasks=tasks) if again := sum(bool(task.again) for task in tasks):
            views.put_mission(replace(mission, tasks=mission.tasks + again))
        case TasksPlanned() | TaskSettled() | MergeConflicted():
            # The tasks' own streams say the same.
            pass
        case _:
            assert_never(event)


def _launched(views: Views, event: MissionLaunched, recorded: Recorded) -> None:
    mission = MissionRow(
        mission_id=event.mission_id,
        name=event.name,
        series=event.series,
        agent_type=event.agent_type,
        launched_at=recorded.recorded_at,
        position=recorded.position,
        unmet=event.prerequisites,
        purse=Purse(event.budget) if event.budget else None,
        tip=event.repository.start if event.repository else None,
        deadline=event.deadline or None,
    )
    views.put_mission(mission)
    if event.repository and (earlier := views.missions.get(event.repository.start_of)) is not None:
        views.put_mission(replace(earlier, again_as=event.name))
    detail = MissionDetailRow(
        event.mission_id,
        event.objective,
        event.repository,
        recorded.meta.traceparent,
        recorded.meta.causation,
        event.origin,
    )
    views.details.put(event.mission_id, detail)


def _phase_defined(
    views: Views, mission: MissionRow, event: PhaseDefined, recorded: Recorded
) -> None:
    phase = event.phase
    row = PhaseRow(
        mission.mission_id,
        phase.name,
        phase.needs,
        recorded.position,
        recorded.meta.causation,
    )
    views.phases.put((mission.mission_id, phase.name), row)
    known = len(phase.tasks)
    if phase.for_each is not None and isinstance(phase.for_each.source, Listed):
        known += len(phase.for_each.source.items)
    if known:
        views.put_mission(replace(mission, tasks=mission.tasks + known))


def _revised(views: Views, mission: MissionRow, purse: Purse | None) -> None:
    """It is open again; what was begun in it and did not end well is left."""
    goes_on = replace(
        mission, status="running", reason="", ended_at=None, purse=purse, deadline=None
    )
    views.put_mission(goes_on)


def _accounted(purse: Purse, event: BudgetRaised | ReservationMade | ReservationSettled) -> Purse:
    match event:
        case BudgetRaised(budget=budget):
            return purse.raised(budget)
        case ReservationMade(task_id=id, epoch=epoch, cap=share):
            return purse.reserve(attempt_key(id, epoch), share)
        case ReservationSettled(task_id=id, epoch=epoch, spent=spent):
            key = attempt_key(id, epoch)
            return purse.settle(key, spent) if spent else purse.lose(key)


def _phase_is(views: Views, mission: MissionRow, name: str, status: PhaseStatus) -> None:
    key = (mission.mission_id, name)
    if (phase := views.phases.get(key)) is not None:
        views.phases.put(key, replace(phase, status=status))


def _end(
    views: Views, mission: MissionRow, status: MissionStatus, reason: str, at: datetime
) -> None:
    ended = replace(mission, status=status, reason=reason, ended_at=at, pause=None)
    views.put_mission(ended)
