"""How many runners are wanted: bursts at once, no flapping, nothing out of ignorance."""

import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hive_health.sizing import (
    GAP_SECONDS,
    HOLD_SECONDS,
    SLOTS,
    UP_SECONDS,
    Level,
    Sizes,
    runners_for,
    slots_each,
)

STEP = 2.0
LOOKS_HELD = int(HOLD_SECONDS / STEP)
LOOKS_UP = int(UP_SECONDS / STEP)
Load = list[tuple[float, int]]


def shaped(*parts: tuple[float, int]) -> Load:
    """`(seconds, needed)` one after another, looked at every two seconds."""
    load: Load = []
    for seconds, needed in parts:
        load += [(len(load) * STEP + i * STEP, needed) for i in range(int(seconds // STEP))]
    return [(i * STEP, needed) for i, (_, needed) in enumerate(load)]


def followed(load: Load, level: Level | None = None) -> list[tuple[float, int]]:
    level = level or Level()
    return [(at, level.see(at, needed)) for at, needed in load]


def changes(wanted: list[tuple[float, int]]) -> list[tuple[float, int, int]]:
    """When, from, to."""
    return [(at, old, new) for (_, old), (at, new) in pairwise(wanted) if old != new]


def test_a_burst_is_followed_within_seconds_and_kept_for_the_window() -> None:
    wanted = followed(shaped((60, 1), (20, 9), (300, 0)))
    assert changes(wanted) == [
        (UP_SECONDS, 0, 1),
        (60 + UP_SECONDS, 1, 9),
        (80 + HOLD_SECONDS, 9, 0),
    ]


@pytest.mark.parametrize("shape", [(2, 50), (4, 7)], ids=["one look", "two looks"])
def test_a_queue_of_a_moment_starts_nobody(shape: tuple[float, int]) -> None:
    assert changes(followed(shaped((200, 2), shape, (200, 2)))) == [(UP_SECONDS, 0, 2)]


def test_bursts_that_come_again_within_the_window_change_nothing_between_them() -> None:
    wanted = followed(shaped(*[(10, 12), (90, 0)] * 20))
    assert changes(wanted) == [(UP_SECONDS, 0, 12)]


def test_what_is_wanted_outlives_the_process_that_counts() -> None:
    wanted = followed(shaped((400, 1)), Level(wanted=6))
    assert changes(wanted) == [(HOLD_SECONDS, 6, 1)]


def test_after_a_gap_a_fall_waits_for_a_whole_window_and_a_rise_for_its_own() -> None:
    level = Level()
    before = followed(shaped((300, 8)), level)
    back = before[-1][0] + GAP_SECONDS + 1
    fallen = followed([(back + at, 1) for at, _ in shaped((400, 1))], level)
    assert {new for at, new in fallen if at < back + HOLD_SECONDS} == {8}
    assert fallen[-1][1] == 1
    risen = followed([(back + 1000 + at, 9) for at, _ in shaped((20, 9))], level)
    assert [at for at, new in risen if new == 1] == [back + 1000, back + 1000 + STEP]


@st.composite
def bursty(draw: st.DrawFn) -> Load:
    """Flat, square, saw-toothed and random pieces one after another."""
    load: list[int] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["flat", "square", "saw", "noise", "spike"]))
        top, length = draw(st.integers(0, 40)), draw(st.integers(1, 80))
        period = draw(st.integers(1, 70))
        if kind == "flat":
            load += [top] * length
        elif kind == "square":
            load += [top if i // period % 2 == 0 else 0 for i in range(length)]
        elif kind == "saw":
            load += [top * (i % period) // period for i in range(length)]
        elif kind == "noise":
            chance = random.Random(draw(st.integers(0, 999)))
            load += [chance.randint(0, top) for _ in range(length)]
        else:
            load += [top, *[0] * length]
    return [(i * STEP, needed) for i, needed in enumerate(load)]


@settings(max_examples=60, deadline=None)
@given(bursty(), st.integers(0, 40))
def test_it_never_flaps_and_never_leaves_what_was_needed(load: Load, before: int) -> None:
    wanted = followed(load, Level(before))
    risen_to: list[tuple[float, int]] = []
    for at, old, new in changes([(-STEP, before), *wanted]):
        if new > old:
            risen_to.append((at, new))
        else:
            # Nothing that was risen to is left again within the window.
            assert all(new >= level for rise, level in risen_to if at - rise < HOLD_SECONDS)
    for index, (at, now) in enumerate(wanted):
        seen = [needed for _, needed in load[max(0, index - LOOKS_HELD) : index + 1]]
        short = [needed for _, needed in load[max(0, index - LOOKS_UP) : index + 1]]
        if at >= HOLD_SECONDS:
            assert now <= max(seen)  # nobody idles for longer than the window
        if at >= UP_SECONDS:
            assert now >= min(short)  # nobody waits for longer than the rise takes


@given(st.lists(st.integers(1, 64), min_size=1, max_size=20))
def test_runners_that_are_all_busy_are_as_many_as_there_are(slots: list[int]) -> None:
    assert runners_for(sum(slots), slots_each(slots)) == len(slots)


def test_where_no_runner_was_ever_heard_one_is_taken_to_have_the_usual_slots() -> None:
    assert runners_for(9, slots_each([])) == 3
    assert slots_each([]) == SLOTS


def test_a_profile_is_counted_by_itself_and_forgotten_once_nobody_wants_it() -> None:
    sizes = Sizes()
    for at, _ in shaped((20, 0)):
        sizes.see(at, 10, {"claude": 8, "codex": 1}, Fraction(4))
    assert (sizes.whole.wanted, sizes.agents) == (3, {"claude": 2, "codex": 1})
    for at, _ in shaped((200, 0)):
        sizes.see(20 + at, 1, {"codex": 1}, Fraction(4))
    assert (sizes.whole.wanted, sizes.agents) == (1, {"codex": 1})
