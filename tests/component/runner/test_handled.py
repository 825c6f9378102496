"""What a runner counts of its work."""

import pytest

from hive_contracts.orders import RUNNER_HANDLERS, TokensUsed
from hive_contracts.outcome import Usage
from hive_runner.handled import MAX_PROFILES, Handled


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_every_handler_is_told_from_the_start() -> None:
    assert tuple(each.name for each in Handled().steps()) == RUNNER_HANDLERS


def test_a_step_is_told_with_its_duration_and_whether_it_failed() -> None:
    clock = Clock()
    handled = Handled(clock)
    with pytest.raises(RuntimeError), handled.merge.one():
        clock.now = 1.5
        raise RuntimeError
    [merge] = [each for each in handled.steps() if each.name == "merge"]
    assert (merge.done, merge.failed, merge.busy, merge.seconds) == (1, 1, 0, 1.5)
    assert sum(merge.buckets) == 1
    assert merge.slowest_trace == ""


def test_tokens_add_up_by_profile_and_profiles_are_bounded() -> None:
    handled = Handled()
    for _ in range(2):
        handled.used("claude", Usage(10, 4, 1))
    for number in range(MAX_PROFILES):
        handled.used(f"p{number}", Usage(1))
    handled.used("claude", Usage(10, 4, 1))
    told = handled.tokens()
    assert told[0] == TokensUsed("claude", 30, 12, 3)
    assert len(told) == MAX_PROFILES
