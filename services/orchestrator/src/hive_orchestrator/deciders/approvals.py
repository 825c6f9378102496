"""What people are asked about a task, and whose answer counts."""

from typing import Final

from hive_contracts.outcome import MAX_DETAIL, Failure, MergeDone, WorkDone
from hive_contracts.plan import POLICY_GATE, PROTECTED_GATE, SETUP_GATE, ApprovalGate
from hive_contracts.task import (
    AnyTaskEvent,
    ApprovalRequested,
    ApproveGate,
    RejectGate,
    TaskPlanned,
    TaskSucceeded,
)
from hive_orchestrator.deciders import questions
from hive_orchestrator.deciders.baselines import by_gate, news
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.task_state import Facts

MAX_SETUPS: Final = 3
"""Set-ups in a row that may end in the same way before a person is asked."""


def passed(
    facts: Facts, epoch: int, result: WorkDone | MergeDone | None, consent: str = ""
) -> list[AnyTaskEvent]:
    """All checks are green: approvals follow, or the end.

    `consent`: why a person has to agree before work is merged; empty where nobody has to.
    """
    planned = facts.planned
    asked = (*approvals(planned), *protection(planned, result), *caution(planned, result, consent))
    if asked:
        return [requested(planned, gate) for gate in asked]
    return [succeeded(facts, epoch, result)]


def succeeded(facts: Facts, epoch: int, result: WorkDone | MergeDone | None) -> TaskSucceeded:
    planned = facts.planned
    found = news(planned.baselines, by_gate(facts.baselines))
    return TaskSucceeded(planned.task_id, planned.mission_id, epoch, result, found)


def requested(planned: TaskPlanned, gate: ApprovalGate) -> ApprovalRequested:
    return ApprovalRequested(
        planned.task_id, planned.mission_id, gate.name, gate.text, gate.timeout, gate.by
    )


def approvals(planned: TaskPlanned) -> tuple[ApprovalGate, ...]:
    return tuple(gate for gate in planned.spec.gates if isinstance(gate, ApprovalGate))


def protection(
    planned: TaskPlanned, result: WorkDone | MergeDone | None
) -> tuple[ApprovalGate, ...]:
    """What a person is asked where work changes what the base commit protects, or its tests."""
    if not isinstance(result, WorkDone) or not result.protected_files:
        return ()
    paths = ", ".join(result.protected)
    more = result.protected_files - len(result.protected)
    named = f"{paths} and {more} more" if more > 0 else paths
    text = f"{planned.phase}/{planned.spec.name} changed {protected_in(result)}: {named}"
    return (ApprovalGate(PROTECTED_GATE, text[:MAX_DETAIL]),)


def protected_in(result: WorkDone) -> str:
    """What it is that waits, by the paths that are named."""
    tests = {file.path for file in result.tests}
    if tests.issuperset(result.protected):
        return "tests"
    return "protected paths" if tests.isdisjoint(result.protected) else "protected paths and tests"


def caution(
    planned: TaskPlanned, result: WorkDone | MergeDone | None, consent: str
) -> tuple[ApprovalGate, ...]:
    """What a person is asked where the error-budget policy lets nothing be merged by itself."""
    if not consent or not isinstance(result, WorkDone) or not result.commit:
        return ()
    text = f"May {planned.phase}/{planned.spec.name} be merged? {consent}"
    return (ApprovalGate(POLICY_GATE, text[:MAX_DETAIL]),)


def setup_question(failure: Failure) -> ApprovalGate:
    """Asked where trying again by itself does not help; the last failure has the output."""
    text = f"{failure.detail}, {MAX_SETUPS} times in a row. Once its cause is gone: try it again?"
    return ApprovalGate(SETUP_GATE, text)


def check_may(planned: TaskPlanned, command: ApproveGate | RejectGate) -> None:
    """A gate may say whose answer counts; the hive's own, when nobody answered, always does."""
    by = next((gate.by for gate in approvals(planned) if gate.name == command.gate), ())
    if by and command.by != questions.HIVE and not {command.by, command.role} & {*by}:
        who = f"{command.by} ({command.role})" if command.role else command.by
        raise Rejected(
            "not-allowed", f"gate {command.gate!r} is for {' or '.join(by)}, not for {who}", "gate",
            "let one of them answer",
        )  # fmt: skip
