"""What the benchmark of attempts reads from the record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from hive_bench.attempts import Told, between_of, note
from hive_contracts.envelope import Meta, Recorded

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def task(kind: str, **seconds: float) -> Told:
    """A task of whose events each was recorded so many seconds after the beginning."""
    told = Told()
    note(told, event("TaskPlanned", 0, {"kind": kind}))
    for type, at in seconds.items():
        note(told, event(type, at))
    return told


def event(type: str, seconds: float, data: Any = None) -> Recorded:
    at = BEGIN + timedelta(seconds=seconds)
    return Recorded(1, "task-1", 1, "e", type, msgspec.json.encode(data), Meta("c", "c", "a"), at)


def test_the_time_between_two_events_is_of_those_that_have_both() -> None:
    work = task("work", TaskLeased=1, AttemptStarted=3, AttemptSucceeded=4)
    merge = task("merge", TaskLeased=10, AttemptStarted=10.5)
    assert (work.kind, merge.kind) == ("work", "merge")
    assert between_of([work, merge], "TaskLeased", "AttemptStarted") == [2, 0.5]
    assert between_of([work, merge], "AttemptStarted", "AttemptSucceeded") == [1]


def test_a_task_that_was_leased_twice_counts_from_the_first() -> None:
    again = task("work", TaskLeased=1)
    note(again, event("TaskLeased", 5))
    assert between_of([again], "TaskPlanned", "TaskLeased") == [1]
