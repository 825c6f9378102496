"""The minutes of open tasks: how many, of what, and in which minute."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hive_health.minutes import TYPES, Minutes, Move
from hive_health.tally import Increments

START = 1_764_000_000.0
"""Full minutes are told from here."""


def at(minutes: float) -> float:
    return START + minutes * 60


def event(
    minute: float, type: str, detail: str = "", *, task: str = "a", agent: bool = True
) -> Move:
    if type.startswith("Mission"):
        return Move("mission-m", type, at(minute), "m", agent=False, detail="")
    if type.startswith("Policy"):
        return Move("policy-hive", type, at(minute), "", agent=False, detail=detail)
    return Move(f"task-{task}", type, at(minute), "m", agent, detail)


def counted(until: float, *moves: Move) -> dict[str, float]:
    minutes = Minutes(START - 1)
    for move in moves:
        minutes.fold(move)
    minutes.grow(at(until))
    return summed(minutes.take())


def summed(increments: Increments) -> dict[str, float]:
    """Minutes by state."""
    found: dict[str, float] = {}
    for (series, _), value in increments.items():
        state = dict(series.labels)["state"]
        found[state] = round(found.get(state, 0) + value, 6)
    return found


def by_minute(increments: Increments, state: str) -> dict[int, float]:
    return {
        round((minute.timestamp() - START) / 60): round(value, 6)
        for (series, minute), value in increments.items()
        if dict(series.labels)["state"] == state
    }


PLANNED = event(0, "TaskPlanned")


def test_a_task_that_is_not_leased_is_stuck_after_five_minutes_minute_by_minute() -> None:
    minutes = Minutes(START)
    minutes.fold(event(0.5, "TaskPlanned"))
    minutes.grow(at(10.5))
    found = minutes.take()
    assert by_minute(found, "queued") == {0: 0.5, 1: 1, 2: 1, 3: 1, 4: 1, 5: 0.5}
    assert by_minute(found, "stuck") == {5: 0.5, 6: 1, 7: 1, 8: 1, 9: 1, 10: 0.5}
    minutes.grow(at(10.5))
    assert minutes.take() == {}
    minutes.grow(at(10.75))
    assert by_minute(minutes.take(), "stuck") == {10: 0.25}


@pytest.mark.parametrize(
    ("until", "moves", "expected"),
    [
        pytest.param(10, [PLANNED], {"queued": 5, "stuck": 5}, id="it waits for a runner"),
        pytest.param(
            6,
            [PLANNED, event(2, "TaskLeased"), event(3, "AttemptStarted")],
            {"queued": 3, "working": 3},
            id="it is worked on",
        ),
        pytest.param(
            8,
            [PLANNED, *(event(n, t) for n in (2, 4, 6) for t in ("TaskLeased", "LeaseLost"))],
            {"queued": 5, "stuck": 3},
            id="leases that never begin are no end of the wait",
        ),
        pytest.param(
            9,
            [PLANNED, event(1, "AttemptStarted"), event(7, "LeaseLost")],
            {"queued": 3, "working": 6, "stuck": 6},
            id="its runner lost it, so that its minutes count again",
        ),
        pytest.param(
            9,
            [PLANNED, event(1, "AttemptStarted"), event(7, "LeaseLost", "paused")],
            {"queued": 3, "working": 6},
            id="it was stopped with its mission",
        ),
        pytest.param(
            90,
            [PLANNED, event(1, "AttemptStarted"), event(2, "AttemptSucceeded"),
             event(2, "ApprovalRequested")],
            {"queued": 1, "working": 1},
            id="a person is asked",
        ),
        pytest.param(
            9,
            [PLANNED, event(1, "AttemptStarted"), event(2, "AttemptSucceeded")],
            {"queued": 6, "working": 1, "stuck": 2},
            id="its gates wait",
        ),
        pytest.param(
            90,
            [PLANNED, event(1, "AttemptStarted"), event(2, "AttemptFailed", "agent"),
             event(2, "RetryScheduled")],
            {"queued": 1, "working": 1},
            id="its back-off",
        ),
        pytest.param(
            9,
            [PLANNED, event(1, "AttemptStarted"), event(2, "QuestionAsked", "at work"),
             event(6, "QuestionAnswered")],
            {"queued": 1, "working": 4},
            id="its agent asks at work",
        ),
        pytest.param(
            9,
            [PLANNED, event(1, "AttemptStarted"), event(2, "AttemptSucceeded"),
             event(2, "QuestionAsked"), event(6, "QuestionAnswered")],
            {"queued": 4, "working": 1},
            id="its agent ended with a question",
        ),
        pytest.param(90, [PLANNED, event(1, "TaskTaken")], {"queued": 1}, id="a person has it"),
        pytest.param(90, [PLANNED, event(1, "TaskCancelled")], {"queued": 1}, id="it is cancelled"),
    ],
)  # fmt: skip
def test_minutes_are_counted_for_what_they_were(
    until: float, moves: list[Move], expected: dict[str, float]
) -> None:
    assert counted(until, *moves) == expected


def test_no_time_passes_while_the_mission_is_paused() -> None:
    paused = [PLANNED, event(2, "MissionPaused")]
    assert counted(600, *paused) == {"queued": 2}
    resumed = [*paused, event(600, "MissionResumed")]
    assert counted(604, *resumed) == {"queued": 5, "stuck": 1}
    planned_in_it = [event(0, "MissionPaused"), event(1, "TaskPlanned")]
    assert counted(600, *planned_in_it, event(590, "MissionResumed")) == {"queued": 5, "stuck": 5}
    assert counted(9, *planned_in_it, event(2, "AttemptStarted")) == {"working": 7}


def test_what_the_policy_itself_holds_back_burns_nothing() -> None:
    fewer = event(2, "PolicyTightened", "fewer slots")
    assert counted(600, PLANNED, fewer) == {"queued": 2}
    relaxed = event(600, "PolicyRelaxed")
    assert counted(604, PLANNED, fewer, relaxed) == {"queued": 5, "stuck": 1}
    overridden = [fewer, event(600, "PolicyOverridden")]
    assert counted(604, PLANNED, *overridden) == {"queued": 5, "stuck": 1}
    ended = [*overridden, event(601, "PolicyOverrideEnded")]
    assert counted(900, PLANNED, *ended) == {"queued": 3}
    # It restrains agents' work alone: neither what has no agent, nor gates.
    plain = event(0, "TaskPlanned", agent=False)
    assert counted(10, plain, fewer) == {"queued": 5, "stuck": 5}
    gates = [PLANNED, event(1, "AttemptStarted"), fewer, event(3, "AttemptSucceeded")]
    assert counted(10, *gates) == {"queued": 6, "working": 2, "stuck": 2}


def test_however_long_nobody_counted_the_minutes_are_right() -> None:
    minutes = Minutes(START)
    for n in range(100):
        minutes.fold(event(n / 100, "TaskPlanned", task=str(n)))
    minutes.grow(at(4000))
    stuck = by_minute(minutes.take(), "stuck")
    assert (stuck[6], stuck[3999], len(stuck)) == (100, 100, 3995)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 3), st.sampled_from(TYPES),
            st.sampled_from(["", "at work", "fewer slots"]), st.booleans(), st.booleans(),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_looked_at_often_or_once_and_kept_in_between_the_count_is_the_same(
    steps: list[tuple[float, str, str, bool, bool]],
) -> None:
    once, often, now = Minutes(START), Minutes(START), 0.0
    told: dict[str, float] = {}
    for gap, type, detail, again, grows in steps:
        now += gap
        move = event(now, type, detail)
        once.fold(move)
        often.fold(move)
        if grows:
            often.grow(at(now))
        for state, value in summed(often.take()).items():
            told[state] = told.get(state, 0) + value
        if again:
            often = Minutes(
                often.until, often.tasks.values(), often.paused,
                fewer_slots=often.fewer_slots, overridden=often.overridden,
            )  # fmt: skip
    once.grow(at(now + 7))
    often.grow(at(now + 7))
    for state, value in summed(often.take()).items():
        told[state] = told.get(state, 0) + value
    assert told == pytest.approx(summed(once.take()), abs=1e-3)
    assert sum(told.values()) <= 2 * (now + 7) + 1e-3
