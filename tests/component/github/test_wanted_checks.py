"""Which checks a mission's record asks for."""

from collections.abc import Sequence

import msgspec
import pytest

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import BranchAdvanced, PlannedTask, TasksPlanned
from hive_contracts.outcome import Failure, GateResult, Tally, WorkDone
from hive_contracts.plan import ApprovalGate, CommandGate, GithubCheckGate, TaskSpec, Tip
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    LeaseLost,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskSucceeded,
)
from hive_github.checks.run import Run
from hive_github.checks.wanted import MAX_ATTEMPTED, wanted

M, W, G = "0" * 32, "1" * 32, "2" * 32
BASE, ONE, TWO = "b" * 40, "1" * 40, "2" * 40
TIP1, TIP2 = Tip(ONE, "d" * 64), Tip(TWO, "e" * 64)
ADVANCED: list[AnyEvent] = [
    BranchAdvanced(M, BASE, TIP1, "0" * 31 + "9", 1),
    BranchAdvanced(M, ONE, TIP2, W, 1),
]
DONE = WorkDone(TWO, files=2, insertions=3, deletions=1)
WORK = TaskPlanned(W, M, "fix-1", "main", "work", TaskSpec("api", prompt="x", agent="a"), tip=TIP1)
TESTS = CommandGate("tests", "pytest -q")
GATE = TaskPlanned(G, M, "fix-1", "", "gate", TaskSpec("gates", gates=(TESTS,)), tip=TIP2)
LEASED = TaskLeased(W, 1, "work", "r", "s", 60)


def checks(
    events: Sequence[AnyEvent], pushed: str = TWO, mission: Sequence[AnyEvent] = ADVANCED
) -> dict[tuple[str, str], Run]:
    """By what they are about and the commit."""
    planned = events[0]
    assert isinstance(planned, TaskPlanned)
    runs = wanted(mission, {planned.task_id: events}, pushed)
    return {(run.place.external_id, run.place.head): run for run in runs}


def test_an_attempt_is_shown_at_the_tip_that_it_started_from_while_it_goes() -> None:
    runs = checks([WORK, LEASED, AttemptStarted(W, 1)], mission=ADVANCED[:1], pushed=ONE)
    assert list(runs) == [(f"{W}:1", ONE)]
    run = runs[f"{W}:1", ONE]
    assert (run.name, run.status, run.conclusion) == ("hive / main/api", "in_progress", "")


def test_then_at_the_tip_that_it_became_and_the_former_says_which() -> None:
    merged: tuple[AnyEvent, ...] = (AttemptSucceeded(W, 1, DONE), TaskSucceeded(W, M, 1, DONE))
    runs = checks([WORK, LEASED, AttemptStarted(W, 1), *merged])
    assert {key: (run.status, run.conclusion, run.title) for key, run in runs.items()} == {
        (f"{W}:1", ONE): ("completed", "neutral", "It became 222222222222"),
        (f"{W}:1", TWO): ("completed", "success", "2 files +3 −1"),
    }


def test_work_that_waits_for_its_merge_says_so() -> None:
    events: list[AnyEvent] = [WORK, LEASED, AttemptStarted(W, 1), AttemptSucceeded(W, 1, DONE)]
    [run] = checks(events, mission=ADVANCED[:1], pushed=ONE).values()
    assert (run.status, run.title) == ("in_progress", "Done, and not merged yet: 2 files +3 −1")


def test_it_says_at_which_step_it_is_and_what_came_before() -> None:
    failure = Failure("agent", "it *broke*")
    spec = TaskSpec(
        "api", prompt="x", agent="codex", model="o9", gates=(TESTS, ApprovalGate("ok", "Well?"))
    )
    events: list[AnyEvent] = [msgspec.structs.replace(WORK, spec=spec)]
    events += [LEASED, AttemptStarted(W, 1), AttemptFailed(W, 1, failure)]
    events += [TaskLeased(W, 2, "work", "r", "s", 60), LeaseLost(W, 2, "its runner is gone")]

    def open_now() -> tuple[str, str]:
        [run] = [run for run in at_one(events).values() if run.status == "in_progress"]
        return run.title, run.summary

    def at_one(events: Sequence[AnyEvent]) -> dict[tuple[str, str], Run]:
        return checks(events, mission=ADVANCED[:1], pushed=ONE)

    events += [TaskLeased(W, 3, "work", "r", "s", 60), AttemptStarted(W, 3)]
    so_far = (
        "By codex with o9.\n"
        "\n- Attempt 1: it \\*broke\\*\n"
        "\n- Attempt 2 was lost: its runner is gone"
    )
    assert open_now() == ("At work: attempt 3", so_far)
    events.append(AttemptSucceeded(W, 3, DONE))
    events += [TaskLeased(W, 4, "gates", "r", "s", 60), AttemptStarted(W, 4)]
    assert open_now() == ("Done, and its gates run: tests", so_far)
    passed = GateResult("tests", True, "pytest -q", commit=TWO)
    events.append(GatesJudged(W, 4, TWO, (passed,)))
    events += [TaskLeased(W, 5, "merge", "r", "s", 60), AttemptStarted(W, 5)]
    assert open_now() == ("Done, and it is being merged", so_far)


def test_where_nothing_had_to_be_changed_that_is_shown_on_the_tip() -> None:
    done = WorkDone(no_change="it is right")
    events: list[AnyEvent] = [WORK, LEASED, AttemptStarted(W, 1), AttemptSucceeded(W, 1, done)]
    [run] = checks([*events, TaskSucceeded(W, M, 1, done)], pushed=ONE).values()
    assert (run.conclusion, run.title) == ("success", "Nothing had to be changed: it is right")


def test_nothing_is_shown_on_a_commit_that_is_not_on_github() -> None:
    events: list[AnyEvent] = [WORK, LEASED, AttemptStarted(W, 1), AttemptSucceeded(W, 1, DONE)]
    assert checks(events, pushed="") == {}
    assert [place[1] for place in checks(events, pushed=ONE)] == [ONE]
    at_base = TaskPlanned(W, M, "fix-1", "main", "work", WORK.spec, tip=Tip(BASE))
    assert checks([at_base, LEASED, AttemptStarted(W, 1)]) == {}


def test_an_attempt_that_failed_says_nothing_against_the_commit_until_the_task_has_failed() -> None:
    failure = Failure("agent", "it broke", tail="boom")
    events: list[AnyEvent] = [WORK, LEASED, AttemptStarted(W, 1), AttemptFailed(W, 1, failure)]
    [run] = checks(events, mission=ADVANCED[:1], pushed=ONE).values()
    assert (run.conclusion, run.title, run.tail) == ("neutral", "it broke", "boom")
    events.append(TaskFailed(W, M, 1, failure))
    [run] = checks(events, mission=ADVANCED[:1], pushed=ONE).values()
    assert run.conclusion == "failure"


@pytest.mark.parametrize(
    ("end", "conclusion", "title"),
    [
        (LeaseLost(W, 1, "it vanished"), "neutral", "It was lost: it vanished"),
        (TaskCancelled(W, M, "enough"), "cancelled", "enough"),
        (TaskCancelled(W, M), "cancelled", "The mission was cancelled"),
    ],
)
def test_no_check_is_left_open(end: AnyEvent, conclusion: str, title: str) -> None:
    events: list[AnyEvent] = [WORK, LEASED, AttemptStarted(W, 1), end]
    [run] = checks(events, mission=ADVANCED[:1], pushed=ONE).values()
    assert (run.status, run.conclusion, run.title) == ("completed", conclusion, title)


def test_a_tasks_own_gates_stand_at_the_tip_that_its_work_became() -> None:
    red = GateResult("lint", passed=False, exit_code=1, tail="a.py:1: x")
    green = GateResult("lint", passed=True, exit_code=0)
    events: list[AnyEvent] = [
        *(WORK, LEASED, AttemptStarted(W, 1), AttemptSucceeded(W, 1, DONE)),
        *(GatesJudged(W, 2, TWO, (red,)), AttemptFailed(W, 2, Failure("gate", "lint"))),
        *(TaskLeased(W, 3, "work", "r", "s", 60), AttemptStarted(W, 3)),
        *(AttemptSucceeded(W, 3, DONE), GatesJudged(W, 4, TWO, (green,))),
        TaskSucceeded(W, M, 4, DONE),
    ]
    # Merged is the epoch in which it succeeded: that of its gates.
    advanced: list[AnyEvent] = [ADVANCED[0], BranchAdvanced(M, ONE, TIP2, W, 4)]
    runs = checks(events, mission=advanced)
    said = {key: (run.name, run.conclusion) for key, run in runs.items()}
    assert said == {
        (f"{W}:1", ONE): ("hive / main/api", "neutral"),
        (f"{W}:2/lint", ONE): ("hive / main/api / lint", "neutral"),
        (f"{W}:3", ONE): ("hive / main/api", "neutral"),
        (f"{W}:3", TWO): ("hive / main/api", "success"),
        (f"{W}:4/lint", TWO): ("hive / main/api / lint", "success"),
    }


def test_work_that_did_not_merge_is_shown_where_it_starts_again() -> None:
    advanced: list[AnyEvent] = [*ADVANCED[:1], BranchAdvanced(M, ONE, TIP2, "0" * 31 + "8", 1)]
    events: list[AnyEvent] = [
        *(WORK, LEASED, AttemptStarted(W, 1), AttemptSucceeded(W, 1, DONE)),
        TaskSucceeded(W, M, 1, DONE),
        TaskReopened(W, TIP2, Failure("conflict", "it met others")),
        *(TaskLeased(W, 2, "work", "r", "s", 60), AttemptStarted(W, 2)),
    ]
    runs = checks(events, mission=advanced)
    assert runs[f"{W}:2", TWO].status == "in_progress"
    former = runs[f"{W}:1", ONE]
    assert (former.status, former.conclusion) == ("completed", "neutral")


def test_a_gate_is_queued_then_runs_then_says_what_it_found() -> None:
    key = (f"{G}/tests", TWO)
    events: list[AnyEvent] = [GATE]
    assert checks(events)[key].status == "queued"
    events += [TaskLeased(G, 1, "gates", "r", "s", 60), AttemptStarted(G, 1)]
    assert checks(events)[key].status == "in_progress"
    tally = Tally(passed=411, failed=1)
    red = GateResult("tests", passed=False, exit_code=1, tail="a.py:1: x", tally=tally, commit=TWO)
    events.append(GatesJudged(G, 1, TWO, (red,)))
    [run] = checks(events).values()
    assert (run.status, run.conclusion, run.name) == ("completed", "failure", "hive / tests")
    assert run.title == "411 passed, 1 failed, 0 skipped"
    assert run.buttons == ("rerun",)
    assert run.tail == "a.py:1: x"
    events.append(TaskFailed(G, M, 1, Failure("gate", "tests")))
    assert checks(events)[key] == run, "what it said stays"


def test_what_github_judges_is_shown_by_nobody_else() -> None:
    spec = TaskSpec("ci", gates=(GithubCheckGate("ci", "ci/required"),))
    planned = TaskPlanned(G, M, "fix-1", "", "gate", spec, tip=TIP2)
    assert checks([planned]) == {}
    green = GateResult("ci", passed=True, command="ci/required", commit=TWO)
    assert checks([planned, GatesJudged(G, 0, TWO, (green,))]) == {}


def test_a_question_has_a_button_until_it_is_answered() -> None:
    spec = TaskSpec("ok", gates=(ApprovalGate("ok", "Is it right?", by=("github:ada",)),))
    planned = TaskPlanned(G, M, "fix-1", "", "gate", spec, tip=TIP2)
    asked = ApprovalRequested(G, M, "ok", "Is it <right>, @all?", by=("github:ada",))
    [run] = checks([planned, asked]).values()
    assert (run.conclusion, run.buttons) == ("action_required", ("approve",))
    assert run.summary == "Is it \\<right\\>, @\u200ball?\n\nWho may answer: github:ada."
    [run] = checks([planned, asked, ApprovalGiven(G, "ok", "ada", "fine")]).values()
    assert (run.conclusion, run.title, run.buttons) == ("success", "ada said yes", ())
    [run] = checks([planned, asked, ApprovalRefused(G, "ok", "ada")]).values()
    assert (run.conclusion, run.title) == ("failure", "ada said no")
    [run] = checks([planned, asked, TaskCancelled(G, M)]).values()
    assert (run.conclusion, run.buttons) == ("cancelled", ())


def test_of_a_large_mission_attempts_that_went_well_are_not_shown() -> None:
    ids = [f"{number:032x}" for number in range(MAX_ATTEMPTED + 1)]
    tasks: dict[str, list[AnyEvent]] = {
        id: [
            TaskPlanned(id, M, "fix-1", "main", "work", WORK.spec, tip=TIP1),
            TaskLeased(id, 1, "work", "r", "s", 60),
            AttemptStarted(id, 1),
        ]
        for id in ids
    }
    tasks[G] = [GATE]
    planned = TasksPlanned(M, "main", tuple(PlannedTask(id, "api", "work") for id in ids))
    runs = wanted([planned, *ADVANCED], tasks, TWO)
    assert [run.name for run in runs] == ["hive / tests"]
