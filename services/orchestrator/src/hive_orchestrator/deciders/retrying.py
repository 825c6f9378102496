"""Work that failed: tried again as the kind of its failure allows, or given up."""

from typing import Final

from hive_contracts.outcome import MAX_DETAIL, Failure, GateResult
from hive_contracts.task import AnyTaskEvent, AttemptFailed, RetryScheduled, TaskFailed
from hive_orchestrator.deciders.approvals import MAX_SETUPS, requested, setup_question
from hive_orchestrator.deciders.task_state import Facts, setups_failed

MAX_UNCOUNTED: Final = 20
"""Epochs that may be lost by nobody's fault before the task is given up."""
INFRASTRUCTURE_BACKOFF: Final = 2.0
"""Seconds before the second try after an infrastructure failure; doubles each time."""
INFRASTRUCTURE_BACKOFF_MAX: Final = 60.0
PROMPT_LOSSES: Final = 3
"""Leases that may be lost in a row before the next one waits."""


def failed(facts: Facts, epoch: int, failure: Failure, jitter: float) -> list[AnyTaskEvent]:
    """Try again as its kind allows, or give up."""
    id = facts.planned.task_id
    fact = AttemptFailed(id, epoch, failure)
    match failure.kind:
        case "permanent" | "conflict":
            return [fact, gave_up(facts, epoch, failure)]
        case "infrastructure" | "limit":
            if setups_failed(facts, failure) >= MAX_SETUPS:
                return [fact, requested(facts.planned, setup_question(failure))]
            if facts.uncounted + 1 >= MAX_UNCOUNTED:
                return [fact, gave_up(facts, epoch, failure)]
            delay = failure.retry_after or infrastructure_delay(facts, jitter)
            return [fact, RetryScheduled(id, delay, counted=False)]
        case "budget" if facts.cap is None or facts.cap.last:
            # The mission has reached its cap: that is no fault of this task.
            return [fact, RetryScheduled(id, 0, counted=False)]
        case "budget" | "agent" | "gate" | "no-change" | "timeout":
            retry = facts.planned.spec.retry
            if facts.failed + 1 >= retry.attempts:
                return [fact, gave_up(facts, epoch, failure)]
            delay = _doubling(retry.backoff, retry.backoff_max, facts.failed, jitter)
            return [fact, RetryScheduled(id, delay, counted=True)]


def gave_up(facts: Facts, epoch: int, failure: Failure) -> TaskFailed:
    return TaskFailed(facts.planned.task_id, facts.planned.mission_id, epoch, failure)


def gate_failure(red: list[GateResult]) -> Failure:
    first = red[0]
    names = ", ".join(result.name for result in red)
    status = f" (exit {first.exit_code})" if first.exit_code is not None else ""
    reason = first.reason or ("" if status else "it did not end by itself")
    return Failure(
        "gate",
        f"gate {names} failed{status}{f': {reason}' if reason else ''}"[:MAX_DETAIL],
        tail=first.tail,
        output=first.output,
    )


def infrastructure_delay(facts: Facts, jitter: float) -> float:
    return _doubling(INFRASTRUCTURE_BACKOFF, INFRASTRUCTURE_BACKOFF_MAX, facts.uncounted, jitter)


def _doubling(first: float, most: float, before: int, jitter: float) -> float:
    return round(min(most, first * 2.0**before) * (1 + 0.2 * jitter), 3)
