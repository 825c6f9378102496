"""Availability by window, and which process goes when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hive_bench.uptime.kills import order
from hive_bench.uptime.windows import (
    COUNTED_SECONDS,
    Call,
    Counters,
    Kill,
    Killed,
    Outcome,
    Uptime,
    share,
    window,
    windows,
)
from hive_cli.validate import show

CALLS = (
    Call("get", 1, 0.1),
    Call("list", 59.9, 0.2, "Unreachable: nobody"),
    Call("get", 60, 3.0),
    Call("launch", 130, 0.1),
)
KILLS = (Kill("relay", 5, 0.3), Kill("gateway", 61, 0.4))


def test_a_call_counts_in_the_window_in_which_it_began() -> None:
    first, second, third = windows(CALLS, KILLS, (), 60)
    assert (first.calls, first.failed, first.availability) == (2, 1, 0.5)
    assert (second.calls, second.slow, second.longest_s) == (1, 1, 3.0)
    assert (first.killed, second.killed, third.killed) == (("relay",), ("gateway",), ())
    assert third.availability == 1.0
    assert third.slo is None


def test_the_objectives_counters_are_read_as_late_as_they_are_counted() -> None:
    late = COUNTED_SECONDS
    counters = [
        Counters(59, 0, 100),
        Counters(60 + late, 1, 500),
        Counters(110, 1, 800),
        Counters(120 + late, 3, 1000),
    ]
    first, second, third = windows(CALLS, KILLS, counters, 60)
    assert (first.slo_bad, first.slo_total, first.slo) == (1, 500, 0.998)
    assert (second.slo_bad, second.slo_total) == (2, 500)
    assert (third.slo_bad, third.slo_total) == (0, 0)
    whole = window(CALLS, KILLS, counters, 0, float("inf"))
    assert (whole.slo_bad, whole.slo_total) == (3, 1000)


def uptime(
    failed: int,
    *,
    missing: int = 0,
    counters: tuple[Counters, ...] = (Counters(2000, 0, 1000),),
    missions: tuple[Outcome, ...] = (),
    asked: bool = True,
) -> Uptime:
    calls = [Call("get", n, 0.1, "no" if n < failed else "") for n in range(1000)]
    whole, parts = window(calls, (), counters, 0, float("inf")), windows(calls, (), counters, 60)
    return Uptime(0.999, whole, parts, (), (), 9, missing, missions, asked)


def test_the_target_is_met_by_enough_answers_and_a_record_without_holes() -> None:
    assert uptime(0).met
    assert uptime(1).met
    assert not uptime(2).met
    assert not uptime(0, missing=1).met
    assert uptime(2).worst.begins == 0


def test_the_target_is_met_only_where_the_objective_reaches_it_too() -> None:
    assert uptime(0, counters=(Counters(2000, 1, 1000),)).met
    assert not uptime(0, counters=(Counters(2000, 2, 1000),)).met
    assert not uptime(0, counters=()).met, "what was not read is not known"
    assert not uptime(0, counters=(Counters(2000, 0, 0),)).met, "nothing was counted"
    assert uptime(0, counters=(), asked=False).met


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("b", "running"),
        Outcome("b", "failed"),
        Outcome("b", "lost"),
        Outcome("b", "succeeded", 0),
        Outcome("b", "succeeded", 2),
    ],
    ids=str,
)
def test_a_mission_that_was_not_done_exactly_once_is_named(outcome: Outcome) -> None:
    done = Outcome("a", "succeeded", 1)
    assert uptime(0, missions=(done,)).met
    measured = uptime(0, missions=(done, outcome))
    assert measured.undone == (outcome,)
    assert not measured.met


def test_where_nothing_was_called_nothing_was_met() -> None:
    nothing = window((), (), (), 0, 60)
    assert not Uptime(0.999, nothing, (nothing,), (), objective_asked=False).met
    assert share(0, 0) is None


@given(st.lists(st.tuples(st.floats(0, 600), st.booleans()), max_size=60), st.floats(1, 90))
def test_windows_part_the_calls_and_lose_none(some: list[tuple[float, bool]], long: float) -> None:
    calls = [Call("get", at, 0.1, "no" if bad else "") for at, bad in some]
    parts = windows(calls, (), (), long)
    assert sum(part.calls for part in parts) == len(calls)
    assert sum(part.failed for part in parts) == sum(bad for _, bad in some)


def test_servers_go_last_the_record_at_the_very_end() -> None:
    names = ["postgres", "nats", "redis", "relay", "relay-2", "gateway", "runner"]
    assert order(names) == ["relay", "relay-2", "gateway", "runner", "redis", "nats", "postgres"]
    assert order(["gateway", "postgres"]) == ["gateway", "postgres"]


def test_the_report_says_of_each_program_how_often_it_was_killed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kills = (Kill("relay", 5, 0.3), Kill("postgres", 9), Kill("relay", 20, 1.2), Kill("new", 30))
    measured = replace(uptime(0), kills=kills, programs=("gateway", "relay", "postgres"))
    assert measured.killed == (
        Killed("gateway", 0, 0),
        Killed("relay", 2, 2, 1.2),
        Killed("postgres", 1, 0),
        Killed("new", 1, 0),
    )
    show(measured)
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "relay killed 2 ×, back after 1.2 s at most" in said
    assert "postgres killed 1 ×, 1 × it did not come back" in said
    assert "never killed, for want of time: gateway" in said
