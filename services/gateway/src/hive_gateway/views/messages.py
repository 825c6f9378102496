"""Rows as messages of the gRPC interface."""

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from hive_contracts.plan import WorkDone
from hive_contracts.v1 import mission_pb2, operations_pb2
from hive_contracts.wire import fill
from hive_gateway.views.reader import MissionView
from hive_gateway.views.rows import Approval, MissionRow, PhaseRow, RunnerRow, TaskRow


def mission_message(view: MissionView) -> mission_pb2.Mission:
    message = mission_pb2.Mission(
        summary=summary_message(view.mission),
        objective=view.detail.objective,
        phases=[_phase(phase) for phase in view.phases],
        tasks=[task_message(task) for task in view.tasks],
        approvals=_approvals(view.tasks),
        unmet_prerequisites=view.mission.unmet,
        traceparent=view.detail.traceparent,
    )
    if view.detail.repository is not None:
        fill(view.detail.repository, message.repository)
    if view.mission.tip is not None:
        fill(view.mission.tip, message.tip)
    return message


def summary_message(mission: MissionRow) -> mission_pb2.MissionSummary:
    return mission_pb2.MissionSummary(
        mission_id=mission.mission_id,
        name=mission.name,
        type=mission.agent_type,
        status=mission.status,
        reason=mission.reason,
        launched_at=moment(mission.launched_at),
        ended_at=None if mission.ended_at is None else moment(mission.ended_at),
        tasks=mission.tasks,
        tasks_done=mission.tasks_done,
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
    )


def moment(at: datetime) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(at)
    return moment
