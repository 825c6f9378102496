"""Events of a task, folded into its row and the counters of its mission.

A mission's row holds counters of its tasks, kept by comparing each task's row before and after.
"""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from hive_contracts.envelope import Recorded
from hive_contracts.outcome import AgentRun, HandedOver, Usage, WorkDone
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CheckAwaited,
    GatesJudged,
    HandoverLost,
    ItemsReported,
    LeaseLost,
    LeaseWithdrawn,
    QuestionAnswered,
    QuestionAsked,
    ReportIgnored,
    RetryScheduled,
    TaskCancelled,
    TaskEvent,
    TaskFailed,
    TaskGiven,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TaskTaken,
    TaskTold,
    UsageReported,
    WorkHandedOver,
)
from hive_gateway.views.rows import Approval, Asking, Taken, TaskRow
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
    asks = task.question is not None and not task.question.over
    return sum(not approval.answer for approval in task.approvals) + asks


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
    | UsageReported
    | RetryScheduled
    | TaskRequeued
    | ApprovalRequested
    | CheckAwaited
    | ApprovalGiven
    | ApprovalRefused
    | TaskTold
    | TaskTaken
    | WorkHandedOver
    | HandoverLost
    | TaskGiven
    | QuestionAsked
    | QuestionAnswered
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
            return replace(_unasked(task), status="queued", changed_at=at)
        case AttemptSucceeded(epoch=epoch, result=result):
            used = result.agent if isinstance(result, WorkDone) else None
            return replace(
                _spent(_unasked(task), used),
                status="queued",
                epoch=epoch,
                result=result,
                changed_at=at,
            )
        case AttemptFailed(epoch=epoch, failure=failure):
            return replace(
                _spent(_closed(task), failure.agent),
                status="backing-off",
                epoch=epoch,
                failure=failure,
                changed_at=at,
            )
        case GatesJudged(results=results) if task.status == "awaiting-check":
            return replace(task, gates=(*task.gates, *results), changed_at=at)
        case GatesJudged(epoch=epoch, results=results):
            return replace(task, status="queued", epoch=epoch, gates=results, changed_at=at)
        case RetryScheduled(counted=counted):
            return replace(
                task, status="backing-off", counted=task.counted + counted, changed_at=at
            )
        case CheckAwaited():
            return replace(task, status="awaiting-check", changed_at=at)
        case ApprovalRequested():
            return _asked(task, event, at)
        case ApprovalGiven(gate=gate):
            return _answered(task, gate, "given", recorded)
        case ApprovalRefused(gate=gate):
            return _answered(task, gate, "refused", recorded)
        case QuestionAsked():
            return _questioned(task, event, at)
        case QuestionAnswered():
            return _replied(task, recorded)
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
        case TaskTaken(epoch=epoch, by=by, tip=tip, interrupted=interrupted, found=found):
            taken = Taken(by, at, epoch, tip, bool(interrupted), found=found)
            return replace(task, status="taken", epoch=epoch, taken=taken, changed_at=at)
        case WorkHandedOver(handover=left):
            return _found(_spent(task, left.agent), left)
        case HandoverLost(reason=reason):
            return _found(task, None, reason)
        case TaskGiven(dropped=dropped):
            given = replace(task, status="queued", taken=None, changed_at=at)
            return given if dropped else replace(given, result=None, gates=())
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
            # Who has it is still shown: what they made is in their worktree.
            return replace(_closed(task), status="cancelled", changed_at=at)
        case ReportIgnored(usage=usage) | UsageReported(usage=usage):
            return _added(task, usage)
        case ItemsReported() | TaskTold():
            return task
    assert_never(event)


def _found(task: TaskRow, found: HandedOver | None, lost: str = "") -> TaskRow:
    """What was awaited is there, or will not come."""
    if task.taken is None:
        return task
    return replace(task, taken=replace(task.taken, awaited=False, found=found, lost=lost))


def _spent(task: TaskRow, agent: AgentRun | None) -> TaskRow:
    return _added(task, agent.usage if agent else None)


def _added(task: TaskRow, usage: Usage | None) -> TaskRow:
    if usage is None or usage == Usage():
        return task
    return replace(task, usage=(task.usage or Usage()).plus(usage))


def _asked(task: TaskRow, event: ApprovalRequested, at: datetime) -> TaskRow:
    # Work that was done again asks again: the new question takes the place of the old one.
    others = tuple(approval for approval in task.approvals if approval.gate != event.gate)
    asked = Approval(event.gate, event.text, at, by=event.by)
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


def _questioned(task: TaskRow, event: QuestionAsked, at: datetime) -> TaskRow:
    at_work = event.work is None
    question = event.question
    asking = Asking(event.id, question.text, question.options, at, at_work)
    if event.work is not None:
        task = replace(_spent(task, event.work.agent), status="awaiting-answer", epoch=event.epoch)
    return replace(task, question=asking, asks=True, changed_at=at)


def _replied(task: TaskRow, recorded: Recorded) -> TaskRow:
    if task.question is None:
        return task
    question = replace(task.question, over=True, command_id=recorded.meta.causation)
    status = "queued" if task.status == "awaiting-answer" else task.status
    return replace(task, question=question, status=status, changed_at=recorded.recorded_at)


def _unasked(task: TaskRow) -> TaskRow:
    """The end of an attempt is the end of what it asked at work."""
    if task.question is None or task.question.over:
        return task
    return replace(task, question=replace(task.question, over=True))


def _closed(task: TaskRow) -> TaskRow:
    """The end of a task, or of an attempt, takes back what it still asks."""
    task = _unasked(task)
    if all(approval.answer for approval in task.approvals):
        return task
    approvals = tuple(
        approval if approval.answer else replace(approval, answer="void")
        for approval in task.approvals
    )
    return replace(task, approvals=approvals)
