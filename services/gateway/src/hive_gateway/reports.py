"""Reports of a runner, as commands; and what the runner is told of them."""

from collections.abc import Mapping
from typing import Final

import msgspec
from google.protobuf.message import Message

from hive_contracts.dialogue import Question
from hive_contracts.ids import is_id
from hive_contracts.outcome import (
    Asked,
    Failure,
    GatesRun,
    HandedOver,
    ItemsListed,
    MergeDone,
    Outcome,
    Usage,
    WorkDone,
)
from hive_contracts.submit import Accepted, Answer, Refused, Submittable
from hive_contracts.task import (
    AskQuestion,
    Fault,
    LoseLease,
    ReportAttempt,
    ReportUsage,
    StartAttempt,
)
from hive_contracts.v1 import runner_pb2
from hive_contracts.wire import from_proto
from hive_gateway.refusals import Refusal, refusal_of

_OUTCOMES: Final[Mapping[str, type[msgspec.Struct]]] = {
    "work": WorkDone,
    "merge": MergeDone,
    "items": ItemsListed,
    "gates": GatesRun,
    "failure": Failure,
    "handover": HandedOver,
    "asked": Asked,
}


def command_of(report: runner_pb2.Report) -> Submittable:
    """Raises Misfit, Refusal."""
    if not is_id(report.command_id) or not is_id(report.task_id):
        raise Refusal("invalid", "the command id or the task id is no id")
    match report.WhichOneof("report"):
        case None:
            raise Refusal("invalid", "the report says nothing that this gateway knows")
        case "started":
            return StartAttempt(report.task_id, report.epoch)
        case "declined":
            declined = report.declined
            fault: Fault = "" if declined.begun else "declined"
            return LoseLease(report.task_id, report.epoch, declined.reason, fault)
        case "asks":
            question = from_proto(report.asks.question, Question)
            return AskQuestion(report.task_id, report.epoch, report.asks.id, question)
        case "usage":
            used = from_proto(report.usage.usage, Usage)
            return ReportUsage(report.task_id, report.epoch, used)
        case kind:
            return ReportAttempt(report.task_id, report.epoch, _outcome(report, kind))


def _outcome(report: runner_pb2.Report, kind: str) -> Outcome:
    message: Message = getattr(report, kind)
    outcome = from_proto(message, _OUTCOMES[kind])
    assert isinstance(outcome, Outcome)
    return outcome


def by_task(reports: list[runner_pb2.Report]) -> list[list[runner_pb2.Report]]:
    """Reports of one task belong in their order; those of different tasks are independent."""
    tasks: dict[str, list[runner_pb2.Report]] = {}
    for report in reports:
        tasks.setdefault(report.task_id, []).append(report)
    return list(tasks.values())


def receipt_of(report: runner_pb2.Report, answer: Answer) -> runner_pb2.Receipt | None:
    """None where the hive did not answer: the runner sends it again."""
    match answer:
        case Accepted():
            return runner_pb2.Receipt(command_id=report.command_id)
        case Refused():
            return refused(report, refusal_of(answer))


def refused(report: runner_pb2.Report, why: Refusal) -> runner_pb2.Receipt | None:
    """The receipt of a report that was refused for good; None where it is to be sent again."""
    if why.code == "unavailable":
        return None
    return runner_pb2.Receipt(command_id=report.command_id, refused=why.code, message=why.message)
