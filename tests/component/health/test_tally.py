"""What is counted, exactly once, whatever comes in."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hive_contracts.heartbeat import Counted, Heartbeat
from hive_health.tally import (
    FRESH_SECONDS,
    MAX_SERIES,
    Done,
    GatewayCounts,
    Series,
    series_of,
    tallied,
)

MINUTE = datetime(2026, 11, 28, 20, 30, tzinfo=UTC)
BEAT = Heartbeat("gateway", "one", "1", "ready", 1.0, 2.0)
OK = (("method", "/a"), ("code", "OK"), ("le", "0.1"))
CALLS = Series("hive_gateway_calls", OK)


def beat(value: float, *, up: float = 1.0, whole: bool = False, name: str = "/a") -> Heartbeat:
    labels = (("method", name), *OK[1:])
    counted = (Counted("hive_gateway_calls", value, labels),)
    return replace(BEAT, uptime_s=up, counters=counted, counters_whole=whole)


def test_rows_of_the_record_become_series() -> None:
    rows = [
        Done("mission", MINUTE, "MissionSucceeded", 400.0, 1),
        Done("mission", MINUTE, "late", 500.0, 1),
        Done("mission", MINUTE, "MissionFailed", 1e9, 1),
        Done("work", MINUTE, "TaskSucceeded", None, 3),
        Done("work", MINUTE, "gate", None, 2),
        Done("work", MINUTE, "agent", None, 1),
        Done("work", MINUTE, "limit", None, 4),
        Done("work", MINUTE, "TaskReopened", None, 1),
        Done("change", MINUTE, "", 0.3, 1),
        Done("change", MINUTE, "", None, 1),
    ]
    found = {(s.family, s.labels): value for (s, _), value in tallied(rows).items()}
    assert found == {
        ("hive_missions", (("outcome", "succeeded"), ("le", "900.0"))): 1,
        ("hive_missions", (("outcome", "late"), ("le", "900.0"))): 1,
        ("hive_missions", (("outcome", "failed"), ("le", "+Inf"))): 1,
        ("hive_work", (("outcome", "accepted"),)): 3,
        ("hive_work", (("outcome", "failed"),)): 3,
        ("hive_work", (("outcome", "excused"),)): 4,
        ("hive_work", (("outcome", "reopened"),)): 1,
        ("hive_landed_changes", (("le", "0.5"),)): 1,
        ("hive_landed_changes", (("le", ""),)): 1,
    }
    assert series_of(CALLS.key()) == CALLS


def test_what_a_process_adds_is_counted_once_though_beats_get_lost() -> None:
    counts = GatewayCounts()
    for value in (3, 3, 9):
        counts.hear(beat(value))
    assert counts.take(MINUTE) == {(CALLS, MINUTE): 9}
    assert counts.take(MINUTE) == {}
    counts.hear(beat(10, up=600))
    assert counts.take(MINUTE) == {(CALLS, MINUTE): 1}


def test_of_a_process_that_was_there_before_only_what_comes_is_counted() -> None:
    counts, old = GatewayCounts(), FRESH_SECONDS + 1
    counts.hear(beat(500, up=old))
    counts.hear(beat(700, up=old, whole=True))
    counts.hear(beat(701, up=old))
    counts.hear(beat(2, up=old, name="/new"))
    told = {dict(s.labels)["method"]: value for (s, _), value in counts.take(MINUTE).items()}
    assert told == {"/a": 1, "/new": 2}


@pytest.mark.parametrize("value", [-1.0, 0.0, math.nan, math.inf])
def test_what_is_no_counter_is_not_counted(value: float) -> None:
    counts = GatewayCounts()
    counts.hear(beat(5))
    counts.take(MINUTE)
    counts.hear(beat(value))
    assert counts.take(MINUTE) == {}


def test_a_label_that_explodes_is_cut_off_and_the_rest_goes_on() -> None:
    counts = GatewayCounts()
    counts.hear(beat(1))
    many = tuple(
        Counted("hive_gateway_calls", 1, (("method", str(n)), *OK[1:]))
        for n in range(MAX_SERIES * 2)
    )
    counts.hear(replace(BEAT, counters=many))
    counts.hear(beat(2))
    taken = counts.take(MINUTE)
    assert len(taken) == MAX_SERIES
    assert taken[CALLS, MINUTE] == 2
    counts.hear(replace(BEAT, counters=(Counted("made_up_total", 9),)))
    assert counts.take(MINUTE) == {}
    counts.forget(set())
    assert counts._last == {}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30))
def test_the_sum_of_what_is_counted_is_what_was_told_last(steps: list[tuple[int, bool]]) -> None:
    counts, value, told, heard = GatewayCounts(), 0, 0.0, 0
    for added, lost in steps:
        value += added
        if not lost:
            counts.hear(beat(value))
            heard = value
        told += sum(counts.take(MINUTE).values())
    assert told == heard
