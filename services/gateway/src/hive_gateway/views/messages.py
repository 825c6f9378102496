"""Rows as messages of the gRPC interface."""

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from hive_contracts.budget import Purse
from hive_contracts.outcome import WorkDone
from hive_contracts.v1 import mission_pb2, operations_pb2, plan_pb2
from hive_contracts.wire import fill, to_proto
from hive_gateway.views.reader import MissionView
from hive_gateway.views.rows import (
    Approval,
    Asking,
    MissionRow,
    Pause,
    PhaseRow,
    RunnerRow,
    Taken,
    TaskRow,
)


def mission_message(view: MissionView) -> mission_pb2.Mission:
    message = mission_pb2.Mission(
        summary=summary_message(view.mission),
        objective=view.detail.objective,
        phases=[_phase(phase) for phase in view.phases],
        tasks=[task_message(task) for task in view.tasks],
        approvals=_approvals(view.tasks),
        questions=_questions(view.tasks),
        unmet_prerequisites=view.mission.unmet,
        traceparent=view.detail.traceparent,
        again_as=view.mission.again_as,
        pause=_pause(view.mission.pause),
        budget=_budget(view.mission.purse),
    )
    if view.detail.repository is not None:
        fill(view.detail.repository, message.repository)
    if view.detail.origin is not None:
        fill(view.detail.origin, message.origin)
    if view.mission.tip is not None:
        fill(view.mission.tip, message.tip)
    if (landed := view.mission.landed) is not None:
        message.landed.CopyFrom(
            mission_pb2.Landing(
                commit=landed.commit, branch=landed.branch, by=landed.by, at=moment(landed.at)
            )
        )
    if (released := view.mission.released) is not None:
        message.released.CopyFrom(
            mission_pb2.Release(by=released.by, reason=released.reason, at=moment(released.at))
        )
    return message


def summary_message(mission: MissionRow) -> mission_pb2.MissionSummary:
    return mission_pb2.MissionSummary(
        mission_id=mission.mission_id,
        name=mission.name,
        type=mission.agent_type,
        status=mission.status,
        reason=mission.pause.reason if mission.pause else mission.reason,
        launched_at=moment(mission.launched_at),
        ended_at=None if mission.ended_at is None else moment(mission.ended_at),
        tasks=mission.tasks,
        tasks_done=mission.tasks_done,
        deadline=mission.deadline,
    )


def task_message(task: TaskRow) -> mission_pb2.TaskView:
    message = mission_pb2.TaskView(
        task_id=task.task_id,
        name=task.name,
        phase=task.phase,
        kind=task.kind,
        status=task.status,
        epoch=task.epoch,
        attempt=task.attempt,
        attempts=task.attempts,
        step=task.step,
        runner_id=task.runner_id,
        planned_at=moment(task.planned_at),
        changed_at=moment(task.changed_at),
        merged=task.merged,
    )
    if task.failure is not None:
        fill(task.failure, message.failure)
    for gate in task.gates:
        fill(gate, message.gates.add())
    if isinstance(task.result, WorkDone):
        fill(task.result, message.result)
    if task.usage is not None:
        fill(task.usage, message.usage)
    if task.taken is not None:
        message.taken.CopyFrom(_taken(task.taken))
    return message


def _taken(taken: Taken) -> mission_pb2.TakenView:
    message = mission_pb2.TakenView(
        by=taken.by,
        since=moment(taken.since),
        epoch=taken.epoch,
        awaited=taken.awaited,
        lost=taken.lost,
    )
    if taken.tip is not None:
        fill(taken.tip, message.tip)
    if taken.found is not None:
        fill(taken.found, message.found)
    return message


def runner_message(runner: RunnerRow) -> operations_pb2.RunnerView:
    return operations_pb2.RunnerView(
        runner_id=runner.runner_id,
        name=runner.name,
        session_id=runner.session_id,
        status=runner.status,
        slots=runner.slots,
        agents=runner.agents,
        changed_at=moment(runner.changed_at),
    )


def _pause(pause: Pause | None) -> mission_pb2.Pause | None:
    if pause is None:
        return None
    at = moment(pause.paused_at)
    return mission_pb2.Pause(reason=pause.reason, by=pause.by, cap=pause.cap, paused_at=at)


def _budget(purse: Purse | None) -> mission_pb2.BudgetView | None:
    if purse is None:
        return None
    known = purse.billed_usd + purse.estimated_usd
    return mission_pb2.BudgetView(
        caps=to_proto(purse.budget, plan_pb2.Budget),
        billed_usd=purse.billed_usd,
        estimated_usd=purse.estimated_usd,
        unknown_usd=round(purse.used("usd") - known, 6),
        tokens=purse.tokens,
        unknown_tokens=int(purse.used("tokens")) - purse.tokens,
        reserved_usd=purse.held("usd"),
        reserved_tokens=int(purse.held("tokens")),
    )


def _phase(phase: PhaseRow) -> mission_pb2.PhaseView:
    return mission_pb2.PhaseView(name=phase.name, status=phase.status, needs=phase.needs)


def _approvals(tasks: Iterable[TaskRow]) -> list[mission_pb2.PendingApproval]:
    return [
        _approval(task, approval)
        for task in tasks
        for approval in task.approvals
        if not approval.answer
    ]


def _approval(task: TaskRow, approval: Approval) -> mission_pb2.PendingApproval:
    return mission_pb2.PendingApproval(
        task_id=task.task_id,
        gate=approval.gate,
        text=approval.text,
        requested_at=moment(approval.requested_at),
        by=approval.by,
    )


def _questions(tasks: Iterable[TaskRow]) -> list[mission_pb2.PendingQuestion]:
    return [
        _question(task, task.question)
        for task in tasks
        if task.question is not None and not task.question.over
    ]


def _question(task: TaskRow, asking: Asking) -> mission_pb2.PendingQuestion:
    return mission_pb2.PendingQuestion(
        task_id=task.task_id,
        id=asking.id,
        text=asking.text,
        options=asking.options,
        asked_at=moment(asking.asked_at),
        at_work=asking.at_work,
    )


def moment(at: datetime) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(at)
    return moment
