"""What gates found on the base, as tasks and missions remember it."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hive_contracts.outcome import MAX_NAMED, Baseline, GateResult
from hive_contracts.plan import CommandGate
from hive_orchestrator.deciders.baselines import (
    MAX_REMEMBERED,
    by_gate,
    joined,
    learned,
    news,
    of_gates,
)

GATE = CommandGate("tests", "pytest", compare="base")
FOUND = Baseline(GATE.definition, 1)
names = st.lists(st.text("abé\n", min_size=1, max_size=400), max_size=30).map(tuple)
baselines = st.lists(st.builds(Baseline, st.sampled_from("abcdefgh"), flaky=names), max_size=40)


def test_what_was_found_first_stays_and_flaky_tests_are_added() -> None:
    second = Baseline(GATE.definition, 0, flaky=("b",))
    known = joined(by_gate([replace(FOUND, flaky=("a",))]), [second])
    assert known == {GATE.definition: replace(FOUND, flaky=("a", "b"))}


def test_only_gates_that_compare_need_a_baseline() -> None:
    plain = CommandGate("tests", "pytest")
    assert plain.definition == GATE.definition
    assert of_gates({GATE.definition: FOUND}, [plain], 999) == ()
    assert of_gates({GATE.definition: FOUND}, [plain, GATE, GATE], 999) == (FOUND,)


def test_a_named_gate_is_another_than_a_command_of_that_text() -> None:
    assert CommandGate("pytest").definition != CommandGate("x", "pytest").definition
    assert CommandGate("a", "x", report="1").definition != CommandGate("a", "x").definition


def test_where_there_is_no_room_flaky_tests_go_first_and_then_the_rest() -> None:
    known = {GATE.definition: replace(FOUND, flaky=("a" * 300,))}
    assert of_gates(known, [GATE], 400) == tuple(known.values())
    assert of_gates(known, [GATE], 200) == (FOUND,)
    assert of_gates(known, [GATE], 20) == ()


def test_only_what_is_new_is_told() -> None:
    known = learned({}, [GateResult("tests", True, flaky=("a",), baseline=FOUND)])
    assert news([], known) == (replace(FOUND, flaky=("a",)),)
    assert news(known.values(), known) == ()


@given(baselines, baselines)
def test_an_event_has_room_for_all_that_is_remembered(
    before: list[Baseline], after: list[Baseline]
) -> None:
    known = joined(joined({}, before), after)
    names = [name for found in known.values() for name in found.flaky]
    assert len(msgspec.json.encode(names)) <= MAX_REMEMBERED + 2
    assert all(len(found.flaky) <= MAX_NAMED for found in known.values())
    assert joined(known, known.values()) == known
