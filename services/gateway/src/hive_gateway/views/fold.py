"""Events folded into rows: pure, and tolerant of rows that were never made.

    needed(events)  which rows the events are about
    fold            the rows after one more event

A mission's row holds counters of its tasks, kept by comparing each task's row before and after.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Generic, TypeVar, assert_never

import msgspec
from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.envelope import Recorded
from hive_contracts.mission import (
    AnyMissionEvent,
    BranchAdvanced,
    ItemsFound,
    MergeConflicted,
    MissionCancelled,
    MissionEvent,
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
from hive_contracts.plan import Listed
from hive_contracts.runner import RunnerEvent, SessionClosed, SessionOpened
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    ItemsReported,
    LeaseLost,
    LeaseWithdrawn,
    ReportIgnored,
    RetryScheduled,
    TaskCancelled,
    TaskEvent,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
)
from hive_gateway.views.rows import (
    Approval,
    MissionDetailRow,
    MissionRow,
    MissionStatus,
    PhaseRow,
    PhaseStatus,
    RunnerRow,
    TaskRow,
)

K = TypeVar("K")
R = TypeVar("R")


class Table(Generic[K, R]):
    """Rows by key: those that were loaded, and what became of them."""

    def __init__(self) -> None:
        self._rows: dict[K, R] = {}
        self._changed: set[K] = set()

    def load(self, key: K, row: R) -> None:
        self._rows[key] = row

    def get(self, key: K) -> R | None:
        return self._rows.get(key)

    def put(self, key: K, row: R) -> None:
        self._rows[key] = row
        self._changed.add(key)

    def changed(self) -> list[R]:
        return [self._rows[key] for key in self._changed]


class Views:
    """The rows that one batch of events is about."""

    def __init__(self) -> None:
        self.missions: Table[str, MissionRow] = Table()
        self.details: Table[str, MissionDetailRow] = Table()
        self.phases: Table[tuple[str, str], PhaseRow] = Table()
        self.tasks: Table[str, TaskRow] = Table()
        self.runners: Table[str, RunnerRow] = Table()


class Needed(msgspec.Struct):
    """Keys of rows to load before a batch is folded; the missions of its tasks come on top."""

    missions: set[str] = msgspec.field(default_factory=set)
    phases: set[str] = msgspec.field(default_factory=set)
    """Missions of which phases are needed."""
    tasks: set[str] = msgspec.field(default_factory=set)
    runners: set[str] = msgspec.field(default_factory=set)


def needed(events: Iterable[AnyEvent]) -> Needed:
    keys = Needed()
    for event in events:
        match event:
            case TaskEvent(task_id=id):
                keys.tasks.add(id)
                if isinstance(event, TaskPlanned):
                    keys.missions.add(event.mission_id)
            case MissionEvent(mission_id=id):
                keys.missions.add(id)
                if isinstance(event, PhaseStarted | PhaseCompleted):
                    keys.phases.add(id)
                elif isinstance(event, BranchAdvanced):
                    keys.tasks.add(event.task_id)
            case RunnerEvent(runner_id=id):
                keys.runners.add(id)
    return keys


def fold(views: Views, event: AnyEvent, recorded: Recorded) -> None:
    match event:
        case TaskEvent():
            _fold_task(views, event, recorded)
        case MissionEvent():
            _fold_mission(views, event, recorded)
        case RunnerEvent():
            _fold_runner(views, event, recorded)


# --- missions -------------------------------------------------------------------------------------


def _fold_mission(  # one case for each event
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
            _put_mission(views, replace(mission, unmet=unmet))
        case PhaseStarted(phase=phase):
            _phase_is(views, mission, phase, "running")
        case PhaseCompleted(phase=phase):
            _phase_is(views, mission, phase, "completed")
        case ItemsFound(items=items):
            _put_mission(views, replace(mission, tasks=mission.tasks + len(items)))
        case BranchAdvanced(new=tip, task_id=task_id):
            _put_mission(views, replace(mission, tip=tip))
            if (task := views.tasks.get(task_id)) is not None:
                views.tasks.put(task_id, replace(task, merged=True))
        case MissionSucceeded():
            _end(views, mission, "succeeded", "", recorded.recorded_at)
        case MissionFailed(reason=reason):
            _end(views, mission, "failed", reason, recorded.recorded_at)
        case MissionRefused(reason=reason):
            _end(views, mission, "refused", reason, recorded.recorded_at)
        case MissionCancelled(reason=reason):
            _end(views, mission, "cancelled", reason, recorded.recorded_at)
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
    )
    _put_mission(views, mission)
    detail = MissionDetailRow(
        event.mission_id,
        event.objective,
        event.repository,
        recorded.meta.traceparent,
        recorded.meta.causation,
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
        _put_mission(views, replace(mission, tasks=mission.tasks + known))


def _phase_is(views: Views, mission: MissionRow, name: str, status: PhaseStatus) -> None:
    key = (mission.mission_id, name)
    if (phase := views.phases.get(key)) is not None:
        views.phases.put(key, replace(phase, status=status))


def _end(
    views: Views, mission: MissionRow, status: MissionStatus, reason: str, at: datetime
) -> None:
    _put_mission(views, replace(mission, status=status, reason=reason, ended_at=at))


def _put_mission(views: Views, mission: MissionRow) -> None:
    if mission.ended_at is None:
        waits = mission.pending > 0 or bool(mission.unmet)
        status: MissionStatus = "waiting" if waits else "running"
        if status != mission.status:
            mission = replace(mission, status=status)
    views.missions.put(mission.mission_id, mission)


# --- tasks ----------------------------------------------------------------------------------------


def _fold_task(views: Views, event: TaskEvent, recorded: Recorded) -> None:
    if isinstance(event, TaskPlanned):
        before, after = None, _planned(event, recorded)
    else:
        before = views.tasks.get(event.task_id)
        if before is None:
            return
        after = _after(before, event, recorded)  # type: ignore[arg-type]  # no other member is left
    views.tasks.put(event.task_id, after)
    _count(views, before, after)


def _planned(event: TaskPlanned, recorded: Recorded) -> TaskRow:
    return TaskRow(
        task_id=event.task_id,
        mission_id=event.mission_id,
        name=event.spec.name,
        phase=event.phase,
        kind=event.kind,
        attempts=event.spec.retry.attempts,
        planned_at=recorded.recorded_at,
        changed_at=recorded.recorded_at,
        position=recorded.position,
    )


def _count(views: Views, before: TaskRow | None, after: TaskRow) -> None:
    """Keep the counters of the task's mission."""
    pending = _pending(after) - (_pending(before) if before else 0)
    done = _done(after) - (_done(before) if before else 0)
    if not pending and not done:
        return
    mission = views.missions.get(after.mission_id)
    if mission is not None:
        mission = replace(
            mission, pending=mission.pending + pending, tasks_done=mission.tasks_done + done
        )
        _put_mission(views, mission)


def _pending(task: TaskRow) -> int:
    return sum(not approval.answer for approval in task.approvals)


def _done(task: TaskRow) -> int:
    return int(task.kind == "work" and task.status == "succeeded")


_TaskChange = (
    TaskLeased
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
    | TaskReopened
    | TaskSucceeded
    | TaskFailed
    | TaskCancelled
)


def _after(  # one case for each event
    task: TaskRow, event: _TaskChange, recorded: Recorded
) -> TaskRow:
    at = recorded.recorded_at
    match event:
        case TaskLeased(epoch=epoch, step=step, runner_id=runner):
            return replace(
                task,
                status="leased",
                epoch=epoch,
                step=step,
                runner_id=runner,
                attempt=task.counted + 1,
                changed_at=at,
            )
        case AttemptStarted(epoch=epoch):
            return replace(task, status="running", epoch=epoch, changed_at=at)
        case LeaseLost() | LeaseWithdrawn() | TaskRequeued():
            return replace(task, status="queued", changed_at=at)
        case AttemptSucceeded(epoch=epoch, result=result):
            return replace(task, status="queued", epoch=epoch, result=result, changed_at=at)
        case AttemptFailed(epoch=epoch, failure=failure):
            return replace(task, status="backing-off", epoch=epoch, failure=failure, changed_at=at)
        case GatesJudged(epoch=epoch, results=results):
            return replace(task, status="queued", epoch=epoch, gates=results, changed_at=at)
        case RetryScheduled(counted=counted):
            return replace(
                task, status="backing-off", counted=task.counted + counted, changed_at=at
            )
        case ApprovalRequested():
            return _asked(task, event, at)
        case ApprovalGiven(gate=gate):
            return _answered(task, gate, "given", recorded)
        case ApprovalRefused(gate=gate):
            return _answered(task, gate, "refused", recorded)
        case TaskReopened(failure=failure):
            return replace(
                task,
                status="queued",
                counted=task.counted + 1,
                failure=failure,
                result=None,
                gates=(),
                merged=False,
                changed_at=at,
            )
        case TaskSucceeded(result=result):
            return replace(
                _closed(task),
                status="succeeded",
                result=result or task.result,
                failure=None,
                changed_at=at,
            )
        case TaskFailed(failure=failure):
            return replace(_closed(task), status="failed", failure=failure, changed_at=at)
        case TaskCancelled():
            return replace(_closed(task), status="cancelled", changed_at=at)
        case ItemsReported() | ReportIgnored():
            return task
    assert_never(event)


def _asked(task: TaskRow, event: ApprovalRequested, at: datetime) -> TaskRow:
    # Work that was done again asks again: the new question takes the place of the old one.
    others = tuple(approval for approval in task.approvals if approval.gate != event.gate)
    asked = Approval(event.gate, event.text, at)
    return replace(
        task,
        status="awaiting-approval",
        approvals=(*others, asked),
        asks=True,
        changed_at=at,
    )


def _answered(task: TaskRow, gate: str, answer: str, recorded: Recorded) -> TaskRow:
    approvals = tuple(
        replace(approval, answer=answer, command_id=recorded.meta.causation)
        if approval.gate == gate
        else approval
        for approval in task.approvals
    )
    return replace(task, approvals=approvals, changed_at=recorded.recorded_at)


def _closed(task: TaskRow) -> TaskRow:
    """The end of a task takes back what it still asks."""
    if all(approval.answer for approval in task.approvals):
        return task
    approvals = tuple(
        approval if approval.answer else replace(approval, answer="void")
        for approval in task.approvals
    )
    return replace(task, approvals=approvals)


# --- runners --------------------------------------------------------------------------------------


def _fold_runner(views: Views, event: RunnerEvent, recorded: Recorded) -> None:
    match event:
        case SessionOpened():
            row = RunnerRow(
                event.runner_id,
                event.name,
                event.session_id,
                event.slots,
                event.agents,
                recorded.recorded_at,
            )
            views.runners.put(event.runner_id, row)
        case SessionClosed():
            runner = views.runners.get(event.runner_id)
            if runner is not None and runner.session_id == event.session_id:
                closed = replace(runner, status="closed", changed_at=recorded.recorded_at)
                views.runners.put(event.runner_id, closed)
