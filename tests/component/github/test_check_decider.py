"""Checks that are shown: given what was recorded, when this comes, then these events."""

from functools import reduce

import pytest

from hive_contracts.github.check import (
    AnyCheckCommand,
    AnyCheckEvent,
    ButtonPressed,
    CheckPlace,
    CheckShown,
    ChecksRefused,
    NoteButton,
    NoteCheck,
    RefuseChecks,
)
from hive_github.deciders import check

ID, PLACE = "a" * 32, CheckPlace("t:1", "c" * 40)
SHOWN = CheckShown(ID, PLACE, "hive / tests", "d" * 64, 7)
NOTE = NoteCheck(ID, PLACE, "hive / tests", "d" * 64, 7)
REFUSED = ChecksRefused(ID, "may not", "let it")
PRESSED = ButtonPressed(ID, "p" * 32, PLACE, "approve", "github:ada", "done", "ok approved")

CASES = [
    pytest.param([], NOTE, [SHOWN], id="shown"),
    pytest.param([SHOWN], NOTE, [], id="shown once"),
    pytest.param(
        [SHOWN],
        NoteCheck(ID, PLACE, "hive / tests", "e" * 64, 7, "success"),
        [CheckShown(ID, PLACE, "hive / tests", "e" * 64, 7, "success")],
        id="it says something else now",
    ),
    pytest.param([], RefuseChecks(ID, "may not", "let it"), [REFUSED], id="refused"),
    pytest.param([REFUSED], RefuseChecks(ID, "may not", "let it"), [], id="refused once"),
    pytest.param(
        [REFUSED, SHOWN],
        RefuseChecks(ID, "may not", "let it"),
        [REFUSED],
        id="refused again after one was taken",
    ),
    pytest.param(
        [SHOWN],
        NoteButton(ID, "p" * 32, PLACE, "approve", "github:ada", "done", "ok approved"),
        [PRESSED],
        id="pressed",
    ),
    pytest.param(
        [SHOWN, PRESSED],
        NoteButton(ID, "p" * 32, PLACE, "approve", "github:ada", "done", "ok approved"),
        [],
        id="the same delivery again",
    ),
]


@pytest.mark.parametrize(("given", "when", "then"), CASES)
def test_checks(
    given: list[AnyCheckEvent], when: AnyCheckCommand, then: list[AnyCheckEvent]
) -> None:
    assert check.decide(reduce(check.evolve, given, check.INITIAL), when) == then


def test_a_check_whose_button_was_pressed_has_to_be_told_anew() -> None:
    told: list[AnyCheckEvent] = [SHOWN, PRESSED]
    state = reduce(check.evolve, told, check.INITIAL)
    assert check.decide(state, NOTE) == [SHOWN]


def test_of_one_attempt_at_two_commits_there_are_two() -> None:
    other = CheckShown(ID, CheckPlace("t:1", "e" * 40), "hive / tests", "d" * 64, 8)
    assert len(reduce(check.evolve, [SHOWN, other], check.INITIAL).shown) == 2
