"""Events of a task, folded into its row and the counters of its mission.

A mission's row holds counters of its tasks, kept by comparing each task's row before and after.
"""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from hive_contracts.envelope import Recorded
from hive_contracts.plan import AgentRun, Usage, WorkDone
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
    TaskTold,
)
from hive_gateway.views.rows import (
    Approval,
    TaskRow,
)
from hive_gateway.views.tables import Views


def fold_task(views: Views, event: TaskEvent, recorded: Recorded) -> None:
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
        views.put_mission(mission)


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
    | TaskTold
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
            used = result.agent if isinstance(result, WorkDone) else None
            return replace(
                _spent(task, used), status="queued", epoch=epoch, result=result, changed_at=at
            )
        case AttemptFailed(epoch=epoch, failure=failure):
            return replace(
                _spent(_closed(task), failure.agent),
                status="backing-off",
                epoch=epoch,
                failure=failure,
                changed_at=at,
            )
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
        case ItemsReported() | ReportIgnored() | TaskTold():
            return task
    assert_never(event)


def _spent(task: TaskRow, agent: AgentRun | None) -> TaskRow:
    if agent is None or agent.usage is None:
        return task
    return replace(task, usage=(task.usage or Usage()).plus(agent.usage))


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
    """The end of a task, or of an attempt, takes back what it still asks."""
    if all(approval.answer for approval in task.approvals):
        return task
    approvals = tuple(
        approval if approval.answer else replace(approval, answer="void")
        for approval in task.approvals
    )
    return replace(task, approvals=approvals)
