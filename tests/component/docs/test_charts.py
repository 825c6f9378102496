"""The state charts say what the code does."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any, Final, get_args, get_type_hints

import msgspec
import pytest

from hive_contracts.codec import decode
from hive_contracts.mission import AnyMissionEvent
from hive_contracts.orders import Holding
from hive_contracts.plan import ApprovalGate, TaskSpec
from hive_contracts.task import AnyTaskEvent, TaskPlanned
from hive_orchestrator.aggregates import EVOLVE, INITIAL
from hive_orchestrator.deciders import mission_state, task_state
from tests.component.docs.pages import ROOT, blocks
from tests.factories import sample
from tests.suites.simulator.hive import simulate

PAGE: Final = ROOT / "docs/architecture.md"
SEEDS: Final = 12
_ARROW: Final = re.compile(r"\s*(\S+) --> (\S+?)(?:: (.*))?")

Arrow = tuple[str, str, str]


def chart(name: str) -> set[Arrow]:
    """All arrows of the charts whose comment begins so; one for each event."""
    found: set[Arrow] = set()
    for note, text in blocks(PAGE, "mermaid"):
        if note.removeprefix("chart: ").split(",")[0] == name:
            found |= set(arrows(text))
    return found


def arrows(text: str) -> Iterator[Arrow]:
    for line in text.splitlines()[1:]:
        match = _ARROW.fullmatch(line)
        assert match is not None, line
        for event in (match[3] or "").split(", "):
            yield match[1], match[2], event


def states(name: str) -> set[str]:
    return {state for one, other, _ in chart(name) for state in (one, other)} - {"[*]"}


def events(name: str) -> set[str]:
    return {event for _, _, event in chart(name)} - {""}


def names(union: Any) -> set[str]:
    return {member.__name__ for member in get_args(union)}


def test_the_charts_have_the_states_of_the_code_and_no_others() -> None:
    assert states("task") == names(task_state.Task)
    assert states("mission") == names(mission_state.Mission)
    statuses = get_type_hints(mission_state.PhaseProgress)["status"]
    assert states("phase") == set(get_args(statuses))
    assert states("attempt") == set(get_args(get_type_hints(Holding)["state"]))


def test_the_charts_have_the_events_of_the_code_and_no_others() -> None:
    assert events("task") == names(AnyTaskEvent)
    assert events("mission") == names(AnyMissionEvent)
    assert events("phase") < events("mission")
    assert events("attempt") < events("task")


@pytest.mark.parametrize("arrow", sorted(chart("task") - {("[*]", "Unplanned", "")}), ids=" ".join)
def test_an_event_takes_a_task_where_the_chart_says(arrow: Arrow) -> None:
    before, after, type = arrow
    by_name = {
        member.__name__: member for member in (*get_args(task_state.Task), *get_args(AnyTaskEvent))
    }
    event = sample(by_name[type])
    if arrow[1:] == ("AwaitingApproval", "TaskPlanned"):
        asking = TaskSpec("ask", gates=(ApprovalGate("ask", "Is it right?"),))
        event = TaskPlanned("t", "m", "m-1", "", "gate", asking)
    if arrow == ("Running", "Running", "QuestionAsked"):
        event = msgspec.structs.replace(event, work=None)
    assert type_name(task_state.evolve(sample(by_name[before]), event)) == after


def test_what_happens_in_the_simulator_is_in_the_charts() -> None:
    drawn = {(category, arrow) for category in ("task", "mission") for arrow in chart(category)}
    taken: set[tuple[str, Arrow]] = set()
    for seed in range(SEEDS):
        taken |= set(transitions(seed))
    assert len(taken) > 25
    assert taken - drawn == set()


def transitions(seed: int) -> Iterator[tuple[str, Arrow]]:
    """How missions and tasks changed in a simulated run."""
    current: dict[str, Any] = {}
    for recorded in asyncio.run(simulate(seed).store.read_all(0, 1_000_000)):
        category = recorded.stream.split("-")[0]
        if category in ("runner", "pull_request"):
            continue
        before = current.get(recorded.stream, INITIAL[category])
        after = current[recorded.stream] = EVOLVE[category](before, decode(recorded))
        yield category, (type_name(before), type_name(after), recorded.type)


def type_name(state: object) -> str:
    return type(state).__name__
