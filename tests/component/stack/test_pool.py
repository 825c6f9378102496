"""Which runners of a stack start and go."""

from hypothesis import given
from hypothesis import strategies as st

from hive_stack.pool import Running, Step, step


def busy(*working: int | None) -> list[Running]:
    return [Running(number, working=held) for number, held in enumerate(working, start=1)]


def test_as_many_start_as_are_wanted_and_no_more_than_the_most() -> None:
    assert step(3, busy(2), 1, 8) == Step(start=(2, 3))
    assert step(30, busy(2), 1, 4) == Step(start=(2, 3, 4))


def test_the_idle_go_the_highest_first_and_never_the_first_one() -> None:
    assert step(2, busy(0, 0, 3, 0), 1, 4) == Step(retire=(4, 2))
    assert step(0, busy(0, 0), 1, 4) == Step(retire=(2,))
    assert step(0, busy(0), 1, 4) == Step()


def test_where_none_is_idle_one_goes_at_a_time_that_with_the_least_to_finish() -> None:
    assert step(1, busy(1, 4, 2), 1, 4) == Step(retire=(3,))
    waiting = [*busy(1, 4), Running(3, retiring=True, working=2)]
    assert step(1, waiting, 1, 4) == Step()


def test_one_that_is_not_heard_yet_is_not_told_to_go() -> None:
    assert step(1, busy(0, None), 1, 4) == Step()


def test_where_nobody_knows_nobody_goes_and_the_fewest_are_there() -> None:
    assert step(None, busy(0, 0, 0), 1, 4) == Step()
    assert step(None, busy(0), 2, 4) == Step(start=(2,))


def test_one_that_retires_holds_its_place_until_it_has_gone() -> None:
    retiring = [*busy(1), Running(2, retiring=True, working=1)]
    assert step(4, retiring, 1, 2) == Step()
    assert step(4, retiring, 1, 3) == Step(start=(3,))


runners = st.lists(
    st.builds(Running, st.just(0), st.booleans(), st.one_of(st.none(), st.integers(0, 4))),
    max_size=6,
).map(
    lambda some: [
        Running(number, each.retiring and number > 1, each.working)
        for number, each in enumerate(some, start=1)
    ]
)


@given(st.one_of(st.none(), st.integers(0, 12)), runners, st.integers(1, 4), st.integers(0, 4))
def test_it_stays_within_its_bounds_and_comes_to_rest(
    wanted: int | None, running: list[Running], fewest: int, more: int
) -> None:
    most = max(fewest + more, len(running))
    for _ in range(20):
        todo = step(wanted, running, fewest, most)
        staying = {r.number for r in running if not r.retiring}
        assert set(todo.retire) <= staying - {1}
        assert not set(todo.start) & {r.number for r in running}
        assert len(running) + len(todo.start) <= most
        assert len(staying) - len(todo.retire) >= fewest or not todo.retire
        if todo == Step():
            break
        # Those that were told to go have gone, those that start are heard.
        running = [r for r in running if r.number not in todo.retire and not r.retiring]
        running += [Running(number, working=0) for number in todo.start]
    else:
        raise AssertionError("it never comes to rest")
