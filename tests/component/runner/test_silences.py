"""For how long agents at work have printed nothing."""

import pytest

from hive_contracts.heartbeat import MAX_SILENT, SilentAttempt
from hive_runner.agents.silences import Silences
from hive_runner.processes.process_group import Pause

KEY = ("0" * 32, 2)
TASK = "fix-1/main/work"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_silence_begins_with_the_turn_and_again_with_each_piece(clock: Clock) -> None:
    silences, printed = Silences(clock), []
    heard = silences.heard(KEY, lambda offset, piece: printed.append((offset, piece)))
    with silences.of(KEY, TASK, "claude", 600, Pause(clock)):
        assert silences.told() == ()
        clock.now += 70
        assert silences.told() == (SilentAttempt(*KEY, TASK, 70, 600, "claude"),)
        heard(3, b"x")
        assert silences.told() == ()
        clock.now += 5
        assert [each.seconds for each in silences.told()] == [5]
    assert silences.told() == (), "it is over"
    heard(4, b"y")
    assert printed == [(3, b"x"), (4, b"y")]


def test_who_waits_for_a_person_is_not_silent_and_begins_anew_with_the_answer(
    clock: Clock,
) -> None:
    silences, pause = Silences(clock), Pause(clock)
    with silences.of(KEY, TASK, "", 600, pause):
        clock.now += 50
        pause.begin()
        clock.now += 5_000
        assert silences.told() == ()
        pause.end()
        clock.now += 8
        assert [each.seconds for each in silences.told()] == [8]


def test_without_a_time_out_nobody_is_silent(clock: Clock) -> None:
    silences = Silences(clock)
    with silences.of(KEY, TASK, "claude", 0, Pause(clock)):
        clock.now += 5_000
        assert silences.told() == ()


def test_of_very_many_those_are_told_that_are_nearest_to_their_end(clock: Clock) -> None:
    silences = Silences(clock)
    turns = [silences.of((str(n), 1), TASK, "claude", 10.0 + n, Pause(clock)) for n in range(150)]
    for turn in turns:
        turn.__enter__()
    clock.now += 9
    told = [int(each.task_id) for each in silences.told()]
    assert told == list(range(MAX_SILENT))
