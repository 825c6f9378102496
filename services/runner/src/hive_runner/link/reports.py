"""What a runner tells the hive of an attempt, and how much of it fits into one event."""

from typing import Final, TypeVar

import msgspec

from hive_contracts.dialogue import Question
from hive_contracts.outcome import (
    Asked,
    Failure,
    GateResult,
    GatesRun,
    ItemsListed,
    MergeDone,
    Outcome,
    Usage,
    WorkDone,
)

T = TypeVar("T")

MAX_OUTCOME: Final = 48 * 1024
"""Bytes of an outcome as JSON: an event has at most 64 KiB, and more than the outcome is in it."""


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The epoch has begun."""


class Declined(msgspec.Struct, frozen=True, tag="declined"):
    """The lease is given back."""

    reason: str
    begun: bool = False
    """Whether anything of it had begun."""


class UsageTold(msgspec.Struct, frozen=True, tag="usage"):
    """What the agent of an attempt had used that the hive stopped."""

    usage: Usage


class Asks(msgspec.Struct, frozen=True, tag="asks"):
    """The attempt waits at work for a person's answer."""

    id: str
    question: Question


class Report(msgspec.Struct, frozen=True):
    command_id: str
    """UUIDv7: the report takes effect once under it."""
    task_id: str
    epoch: int
    report: Started | Declined | Asks | Outcome | UsageTold
    traceparent: str = ""

    @property
    def ends(self) -> bool:
        """Whether the attempt is over with it."""
        return not isinstance(self.report, Started | Asks)


def bounded(outcome: Outcome) -> Outcome:
    """An outcome that an event can carry: tails and lists of files are shortened until it fits.

    A list of items is split by the hive, and stays whole.
    """
    share = MAX_OUTCOME
    while not isinstance(outcome, ItemsListed | MergeDone) and _size(outcome) > MAX_OUTCOME:
        share //= 2
        outcome = _shortened(outcome, share)
    return outcome


def _shortened(outcome: Outcome, share: int) -> Outcome:
    """With at most `share` characters in all tails together, and in the names of files."""
    match outcome:
        case GatesRun(results=results):
            each = share // max(1, len(results))
            return msgspec.structs.replace(
                outcome, results=tuple(_short_result(result, each) for result in results)
            )
        case Failure(files=files, tail=tail):
            return msgspec.structs.replace(
                outcome, tail=_end(tail, share), files=files[: share // 256]
            )
        case Asked(work=work):
            shorter = _shortened(work, share)
            assert isinstance(shorter, WorkDone)
            return msgspec.structs.replace(outcome, work=shorter)
        case WorkDone(no_change=reason, defects=defects, protected=protected, tests=tests):
            return msgspec.structs.replace(
                outcome,
                no_change=reason[: share // 2],
                defects=defects[: share // 2],
                protected=_fitting(protected, share // 4),
                tests=_fitting(tests, share // 4),
            )
        case _:
            return outcome


def _short_result(result: GateResult, size: int) -> GateResult:
    baseline = result.baseline
    if baseline is not None:
        baseline = msgspec.structs.replace(baseline, flaky=_fitting(baseline.flaky, size))
    return msgspec.structs.replace(
        result,
        tail=result.tail[:size] if result.tally else _end(result.tail, size),
        command=result.command[: max(size, 200)],
        reason=result.reason[: max(size, 200)],
        flaky=_fitting(result.flaky, size),
        baseline=baseline,
    )


def _fitting(items: tuple[T, ...], size: int) -> tuple[T, ...]:
    """The first of them, as many as take no more than so many bytes together."""
    count = 0
    for item in items:
        size -= len(msgspec.json.encode(item))
        if size < 0:
            break
        count += 1
    return items[:count]


def _end(text: str, size: int) -> str:
    return text[max(0, len(text) - size) :]


def _size(outcome: Outcome) -> int:
    return len(msgspec.json.encode(outcome))
