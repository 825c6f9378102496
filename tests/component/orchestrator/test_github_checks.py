"""Gates that a check on GitHub judges."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from hive_contracts.mission import MissionFailed, MissionSucceeded
from hive_contracts.outcome import Failure, GateResult
from hive_contracts.plan import (
    ApprovalGate,
    CommandGate,
    GithubCheckGate,
    Phase,
    Plan,
    PullRequestWish,
    Repository,
    TaskSpec,
    Tip,
)
from hive_contracts.task import (
    ApproveGate,
    CheckAwaited,
    ConcludeCheck,
    GatesJudged,
    TaskFailed,
    TaskPlanned,
    TaskSucceeded,
    TimeOutTask,
)
from hive_orchestrator.deciders import task, task_state
from hive_orchestrator.deciders.rejected import Rejected
from tests.component.orchestrator.test_mission_decider import Story, simple

T, M, TIP = "0" * 31 + "1", "0" * 31 + "2", "c" * 40
GATE = GithubCheckGate("ci", "ci/required", timeout=600)
PLANNED = TaskPlanned(
    T, M, "fix-1", "", "gate", TaskSpec("ci", gates=(GATE,)), tip=Tip(TIP, "d" * 64)
)
GREEN = GateResult("ci", passed=True, command="ci/required", commit=TIP)
RED = replace(GREEN, passed=False, reason="it failed", tail="boom")
WISH = PullRequestWish("acme/shop")


def waiting(planned: TaskPlanned = PLANNED) -> task_state.Task:
    state: task_state.Task = task_state.INITIAL
    for event in task.plan(planned):
        state = task_state.evolve(state, event)
    return state


def after(state: task_state.Task, command: ConcludeCheck | TimeOutTask) -> task_state.Task:
    for event in task.decide(state, command):
        state = task_state.evolve(state, event)
    return state


def test_what_is_awaited_names_the_commit() -> None:
    assert task.plan(PLANNED)[1:] == [CheckAwaited(T, M, "ci", "ci/required", TIP, 600)]


def test_a_check_that_succeeded_ends_the_task() -> None:
    events = task.decide(waiting(), ConcludeCheck(T, TIP, GREEN))
    assert events == [GatesJudged(T, 0, TIP, (GREEN,)), TaskSucceeded(T, M, 0)]


def test_a_check_that_failed_fails_it_with_its_output() -> None:
    events = task.decide(waiting(), ConcludeCheck(T, TIP, RED))
    failure = Failure("gate", "gate ci failed: it failed", tail="boom")
    assert events == [GatesJudged(T, 0, TIP, (RED,)), TaskFailed(T, M, 0, failure)]


@pytest.mark.parametrize("first", [GREEN, RED])
def test_whatever_is_said_later_changes_nothing(first: GateResult) -> None:
    state = after(waiting(), ConcludeCheck(T, TIP, first))
    for said in (GREEN, RED):
        assert task.decide(state, ConcludeCheck(T, TIP, said)) == []
    assert task.decide(state, TimeOutTask(T, "check", gate="ci")) == []


def test_of_two_checks_both_must_succeed() -> None:
    other = GithubCheckGate("e2e", "e2e")
    state = waiting(replace(PLANNED, spec=replace(PLANNED.spec, gates=(GATE, other))))
    state = after(state, ConcludeCheck(T, TIP, GREEN))
    assert isinstance(state, task_state.AwaitingApproval)
    assert state.pending == ("e2e",)
    state = after(state, ConcludeCheck(T, TIP, replace(GREEN, name="e2e")))
    assert isinstance(state, task_state.Succeeded)


def test_a_check_of_another_commit_proves_nothing() -> None:
    with pytest.raises(Rejected, match="is not the commit in question"):
        task.decide(waiting(), ConcludeCheck(T, "e" * 40, GREEN))


def test_a_gate_that_github_does_not_judge_is_refused() -> None:
    with pytest.raises(Rejected, match="'tests' is not judged by GitHub"):
        task.decide(waiting(), ConcludeCheck(T, TIP, replace(GREEN, name="tests")))


def test_a_person_does_not_stand_in_for_it() -> None:
    with pytest.raises(Rejected, match="judged by GitHub's check, not by people"):
        task.decide(waiting(), ApproveGate(T, "ci", "ada"))


def test_a_check_that_nobody_reports_fails_in_time_and_says_what_may_be_wrong() -> None:
    judged, failed = task.decide(waiting(), TimeOutTask(T, "check", gate="ci"))
    assert isinstance(judged, GatesJudged)
    assert isinstance(failed, TaskFailed)
    assert failed.failure.detail == (
        "gate ci failed: GitHub's check 'ci/required' was not completed on cccccccccccc within"
        " 600 s: is it called exactly so, does it run for this branch, and was that pushed"
        " (hive pr fix-1)?"
    )


def test_it_is_awaited_after_the_runners_gates_and_before_people() -> None:
    tests, ok = CommandGate("tests", "pytest -q"), ApprovalGate("ok", "Is it right?")
    story = Story(simple("work", criteria=(ok, GATE, tests), pull_request=WISH))
    assert story.task("base").spec.gates == (tests,), "the base is on nobody's pull request"
    story.settle("base")
    story.succeed("work")
    assert story.planned()[-1] == "gates"
    assert story.task("gates").spec.gates == (tests,)
    story.settle("gates")
    assert story.planned()[-1] == "ci"
    story.settle("ci")
    assert story.planned()[-1] == "ok"
    story.settle("ok")
    assert isinstance(story.log[-1], MissionSucceeded)


def test_a_mission_whose_check_fails_has_failed() -> None:
    story = Story(simple("work", criteria=(GATE,), pull_request=WISH))
    story.succeed("work")
    story.fail("ci", Failure("gate", "gate ci failed: it failed"))
    assert story.log[-1] == MissionFailed(Story.id, "ci: gate ci failed: it failed")


@dataclass(frozen=True)
class Wrong:
    plan: Plan
    message: str


IN_A_TASK = Plan(
    "fix",
    (Phase("main", tasks=(TaskSpec("a", run="true", gates=(GATE,)),)),),
    repository=Repository("/r", "a" * 40),
    pull_request=WISH,
)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(
            Wrong(simple("a", criteria=(GATE,)), "nothing of this mission is pushed"),
            id="no pull request",
        ),
        pytest.param(
            Wrong(
                simple("a", criteria=(GATE,), pull_request=replace(WISH, draft_until="none")),
                "needs the pull request before the mission has succeeded",
            ),
            id="a pull request only afterwards",
        ),
        pytest.param(
            Wrong(
                simple("a", criteria=(GATE,), pull_request=replace(WISH, per="task")),
                "with a pull request for each task that is not pushed",
            ),
            id="a pull request for each task",
        ),
        pytest.param(Wrong(IN_A_TASK, "is on GitHub once it is merged"), id="of a task"),
        pytest.param(
            Wrong(
                simple("a", criteria=(replace(GATE, check="a\nb"),), pull_request=WISH),
                "is no name of a check",
            ),
            id="a name that cannot be seen",
        ),
        pytest.param(
            Wrong(
                simple("a", criteria=(replace(GATE, check="x" * 201),), pull_request=WISH),
                "is no name of a check",
            ),
            id="a name that is too long",
        ),
    ],
)
def test_a_check_that_could_never_be_seen_is_refused_at_launch(wrong: Wrong) -> None:
    with pytest.raises(Rejected, match=wrong.message):
        Story(wrong.plan)
