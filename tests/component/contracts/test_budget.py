"""A budget's arithmetic: what is reserved, used and lost is never more than what is counted."""

from hypothesis import given
from hypothesis import strategies as st

from hive_contracts.budget import AttemptCap, Budget, Purse, Spent, attempt_key

TASKS = ("a", "b", "c")


def key(number: int) -> str:
    return attempt_key(TASKS[number % 3], number)


@given(
    st.builds(Budget, usd=st.floats(0.1, 1_000), tokens=st.integers(1, 10**7)),
    st.lists(
        st.tuples(
            st.sampled_from(["reserve", "settle", "lose", "stop"]),
            st.integers(0, 30),
            st.builds(
                Spent,
                billed_usd=st.floats(0, 50),
                tokens=st.integers(0, 10**6),
                known_usd=st.booleans(),
                known_tokens=st.booleans(),
            ),
            st.integers(1, 60),
        ),
        max_size=30,
    ),
)
def test_no_reservation_passes_a_cap_whatever_attempts_use(
    budget: Budget, steps: list[tuple[str, int, Spent, int]]
) -> None:
    purse = Purse(budget)
    for number, (what, at, spent, among) in enumerate(steps):
        if what == "reserve":
            share = purse.share(TASKS[number % 3], among)
            if share is None:
                continue
            assert 0 < share.usd <= purse.left("usd")
            assert 0 <= share.tokens <= purse.left("tokens")
            purse = purse.reserve(key(number), share)
        elif what == "lose":
            purse = purse.lose(key(at))
        else:
            purse = purse.settle(key(at), spent, stopped=what == "stop")
        for cap in purse.caps:
            counted = purse.used(cap) + purse.held(cap) + purse.left(cap)
            assert abs(counted - budget.of(cap)) < 1e-3


def test_what_is_left_is_shared_by_those_that_could_begin() -> None:
    purse = Purse(Budget(tokens=6_000))
    share = purse.share("a", 3)
    assert share == AttemptCap(tokens=2_000)
    purse = purse.reserve("a/1", share).settle("a/1", Spent(tokens=500))
    assert purse.share("b", 2) == AttemptCap(tokens=2_750)
    assert purse.share("b", 1) == AttemptCap(tokens=5_500, last=True)


def test_with_very_many_an_attempt_still_gets_a_fiftieth() -> None:
    assert Purse(Budget(usd=100)).share("a", 10_000) == AttemptCap(usd=2)


def test_an_attempt_that_was_stopped_is_followed_by_one_that_may_use_twice_as_much() -> None:
    purse = Purse(Budget(tokens=6_000)).reserve("a/1", AttemptCap(tokens=1_000))
    purse = purse.settle("a/1", Spent(tokens=1_010), stopped=True)
    assert purse.share("a", 100) == AttemptCap(tokens=2_000)
    assert purse.share("b", 100) == AttemptCap(tokens=120)


def test_what_stopped_an_attempt_once_is_not_given_again() -> None:
    purse = Purse(Budget(tokens=1_000)).reserve("a/1", AttemptCap(tokens=600))
    purse = purse.settle("a/1", Spent(tokens=600), stopped=True)
    assert purse.share("a", 1) is None
    assert purse.used_up("a") == "tokens"
    assert purse.share("b", 1) == AttemptCap(tokens=400, last=True)


def test_what_others_have_reserved_is_waited_for_and_is_not_used_up() -> None:
    purse = Purse(Budget(tokens=1_000)).reserve("a/1", AttemptCap(tokens=1_000))
    assert purse.share("b", 1) is None
    assert purse.used_up("b") is None


def test_an_attempt_that_vanished_counts_with_all_it_had_until_it_tells() -> None:
    purse = Purse(Budget(usd=10)).reserve("a/1", AttemptCap(usd=4)).lose("a/1")
    assert (purse.used("usd"), purse.left("usd")) == (4, 6)
    purse = purse.settle("a/1", Spent(billed_usd=1.5))
    assert (purse.used("usd"), purse.left("usd")) == (1.5, 8.5)
    assert purse.settle("a/1", Spent(billed_usd=1.5)) == purse


def test_billed_estimated_and_unknown_amounts_are_kept_apart_and_all_count() -> None:
    purse = Purse(Budget(usd=10))
    for number, spent in enumerate(
        [Spent(billed_usd=1), Spent(estimated_usd=2), Spent(tokens=7, known_usd=False)]
    ):
        purse = purse.reserve(key(number), AttemptCap(usd=3)).settle(key(number), spent)
    assert (purse.billed_usd, purse.estimated_usd, purse.unknown_usd) == (1, 2, 3)
    assert purse.used("usd") == 6


def test_a_cap_comes_near_once_until_it_is_raised() -> None:
    purse = Purse(Budget(tokens=100, warn=0.8)).reserve("a/1", AttemptCap(tokens=100))
    purse = purse.settle("a/1", Spent(tokens=80))
    assert purse.near() == ["tokens"]
    purse = purse.warn("tokens")
    assert purse.near() == []
    purse = purse.raised(Budget(tokens=200, warn=0.8)).reserve("a/2", AttemptCap(tokens=90))
    assert purse.settle("a/2", Spent(tokens=90)).near() == ["tokens"]
