"""The demonstration must fail where its promise is broken, so its judge is judged."""

import pytest

from hive_cli.demo.verdict import Killed, judge
from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    BranchAdvanced,
    MissionSucceeded,
    PlannedTask,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import GateResult, WorkDone
from hive_contracts.plan import TaskSpec, Tip
from hive_contracts.task import AttemptStarted, GatesJudged, TaskPlanned

MERGES = ["Merge build/a into shop-1", "Merge build/b into shop-1"]
KILLED = [Killed("runner", 10, 11)]


def record() -> list[AnyEvent]:
    """Two tasks; the gate fails `b` once."""
    work = tuple(PlannedTask(id, id, "work") for id in "ab")
    events: list[AnyEvent] = [TasksPlanned("m", "build", work)]
    for id in "ab":
        events.append(TaskPlanned(id, "m", "shop-1", "build", "work", TaskSpec(id)))
        events.append(AttemptStarted(id, 1))
    events += [judged("a", 2, True), judged("b", 2, False), judged("b", 4, True)]
    events += [merged("a"), merged("b"), settled("a"), settled("b")]
    return [*events, MissionSucceeded("m", "shop")]


def judged(id: str, epoch: int, passed: bool) -> AnyEvent:
    return GatesJudged(id, epoch, "c", (GateResult("tests", passed),))


def merged(id: str) -> AnyEvent:
    return BranchAdvanced("m", "old", Tip("new"), id, 1)


def settled(id: str) -> AnyEvent:
    return TaskSettled("m", id, "succeeded", 1, WorkDone("c"))


def broken(
    events: list[AnyEvent], merges: list[str] = MERGES, killed: list[Killed] = KILLED
) -> list[str]:
    return [finding.text for finding in judge(events, merges, killed) if not finding.ok]


def test_a_mission_as_promised_has_nothing_broken() -> None:
    assert broken(record()) == []


@pytest.mark.parametrize(
    ("events", "said"),
    [
        pytest.param(record()[:-1], "the mission succeeded", id="no success"),
        pytest.param([*record(), merged("a")], "merged once, says the record", id="merged twice"),
        pytest.param([*record(), settled("b")], "settled once", id="settled twice"),
        pytest.param(
            [e for e in record() if e != merged("a")], "merged once", id="one never merged"
        ),
        pytest.param(
            [e for e in record() if e != judged("b", 2, False)], "no task failed", id="no failure"
        ),
        pytest.param([], "each of 0 tasks", id="an empty record"),
    ],
)
def test_a_record_that_breaks_the_promise_is_found(events: list[AnyEvent], said: str) -> None:
    assert any(said in text for text in broken(events)), broken(events)


@pytest.mark.parametrize("merges", [MERGES[:1], [*MERGES, MERGES[0]], [MERGES[0], MERGES[0]], []])
def test_a_branch_with_other_merges_is_found(merges: list[str]) -> None:
    assert any("says git" in text for text in broken(record(), merges))


@pytest.mark.parametrize("again", [0, 10])
def test_a_process_that_did_not_come_back_is_found(again: int) -> None:
    (said,) = broken(record(), killed=[Killed("runner", 10, again)])
    assert said.startswith("runner (pid 10) was killed")
