"""What goes when the disk is short: the rule, for whatever is there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_runner.disk import MIRROR_IDLE, Held, is_over, is_short, to_free, within

HELD = st.lists(
    st.builds(
        Held,
        kind=st.sampled_from(["cache", "tree", "mirror"]),
        path=st.integers(0, 1_000_000).map(lambda number: Path(f"/d/{number}")),
        size=st.integers(0, 1 << 40),
        idle=st.floats(0, 4 * MIRROR_IDLE),
        in_use=st.booleans(),
        unlanded=st.booleans(),
    ),
    max_size=20,
)


@given(HELD, st.integers(-1, 1 << 42))
def test_nothing_that_is_used_or_not_landed_ever_goes(held: list[Held], missing: int) -> None:
    for each in to_free(held, missing):
        assert not each.in_use
        assert not each.unlanded
        assert each.kind != "mirror" or each.idle >= MIRROR_IDLE


@given(HELD, st.integers(0, 1 << 42))
def test_as_much_goes_as_is_missing_and_no_more(held: list[Held], missing: int) -> None:
    gone = to_free(held, missing)
    freed = sum(each.size for each in gone)
    assert freed >= missing or len(gone) == sum(each.may_go for each in held)
    assert not gone or freed - gone[-1].size < missing


@given(HELD)
def test_caches_go_before_trees_and_trees_before_mirrors(held: list[Held]) -> None:
    order = ["cache", "tree", "mirror"]
    kinds = [order.index(each.kind) for each in to_free(held, 1 << 60)]
    assert kinds == sorted(kinds)


@pytest.mark.parametrize(
    ("free", "already", "short"),
    [(1000, False, False), (999, False, True), (1050, True, True), (1100, True, False)],
)
def test_work_is_taken_again_only_with_room_to_spare(free: int, already: bool, short: bool) -> None:
    assert is_short(free, 1000, already=already) is short


@pytest.mark.parametrize(
    ("taken", "already", "over"),
    [(1100, False, False), (1101, False, True), (1001, True, True), (1000, True, False)],
)
def test_work_is_taken_again_only_well_within_the_budget(
    taken: int, already: bool, over: bool
) -> None:
    assert is_over(taken, 1100, already=already) is over


@given(st.integers(1, 1 << 50))
def test_what_a_runner_comes_down_to_lets_it_take_work_again(budget: int) -> None:
    assert not is_over(within(budget), budget, already=True)


def test_nothing_is_too_much_without_a_budget() -> None:
    assert not is_over(1 << 60, 0, already=False)
    assert not is_over(1 << 60, 0, already=True)


def test_nothing_is_short_where_nothing_is_to_stay_free() -> None:
    assert not is_short(0, 0, already=False)
