"""Phases that go on without what failed, go in two waves, keep apart, or are sent back."""

import pytest

from hive_contracts.mission import (
    AddItems,
    MissionFailed,
    MissionSucceeded,
    PhaseCompleted,
    PhaseSentBack,
)
from hive_contracts.outcome import Failure, WorkDone
from hive_contracts.plan import (
    Commanded,
    ForEach,
    Globbed,
    Item,
    Listed,
    Phase,
    Plan,
    TaskSpec,
)
from hive_contracts.task import ApprovalRequested, TaskPlanned
from hive_orchestrator.deciders.plan import MAX_CARRIED, MAX_WRITTEN
from hive_orchestrator.deciders.rejected import Rejected
from tests.component.orchestrator.test_mission_decider import (
    REPOSITORY,
    Story,
    simple,
    tasks,
)

BROKEN = Failure("agent", "it gave up")


def each(*values: str, **phase: object) -> Plan:
    template = TaskSpec("each", run="fix ${item}")
    items = Listed(tuple(map(Item, values)))
    return Plan("fix", (Phase("main", for_each=ForEach(items, template), **phase),))  # type: ignore[arg-type]


def on(plan: Plan) -> Plan:
    """The same with a repository."""
    return Plan(plan.name, plan.phases, repository=REPOSITORY)


# --- on_failure


def test_a_mission_goes_on_without_the_tasks_that_failed() -> None:
    story = Story(each("a", "b", "c", on_failure="continue"))
    assert not isinstance(story.fail("b", BROKEN)[-1], MissionFailed)
    story.succeed("a")
    events = story.succeed("c")
    assert PhaseCompleted(story.id, "main", failed=1) in events
    assert isinstance(events[-1], MissionSucceeded)


def test_what_needs_a_task_that_failed_is_skipped() -> None:
    specs = tasks("a", "b", "c", "d", b=("a",), c=("b",))
    story = Story(Plan("fix", (Phase("main", tasks=specs, on_failure="continue"),)))
    story.fail("a", BROKEN)
    events = story.succeed("d")
    assert story.planned() == ["a", "d"]
    assert PhaseCompleted(story.id, "main", failed=1, skipped=2) in events


def test_a_mission_of_which_all_tasks_failed_has_failed() -> None:
    story = Story(each("a", "b", on_failure="continue"))
    story.fail("a", BROKEN)
    [*_, last] = story.fail("b", BROKEN)
    assert isinstance(last, MissionFailed)
    assert last.reason == "phase main: none of its tasks succeeded"


def test_by_default_one_failure_ends_the_mission() -> None:
    story = Story(each("a", "b"))
    assert isinstance(story.fail("a", BROKEN)[-1], MissionFailed)


# --- canary


def test_after_the_canaries_a_person_is_asked_before_the_rest_goes() -> None:
    story = Story(each("a", "b", "c", "d", canary=2))
    assert story.planned() == ["a", "b"]
    assert story.succeed("a")[-1].__class__.__name__ == "TaskSettled"
    asked = story.succeed("b")[-1]
    assert isinstance(asked, ApprovalRequested)
    assert asked.gate == "canary"
    assert "2 of the first 2 merged" in asked.text
    assert "the other 2" in asked.text
    assert story.planned() == ["a", "b", "canary"]
    story.settle("canary")
    assert story.planned() == ["a", "b", "canary", "c", "d"]
    story.succeed("c")
    assert isinstance(story.succeed("d")[-1], MissionSucceeded)


def test_a_refused_canary_ends_the_mission() -> None:
    story = Story(each("a", "b", canary=1))
    story.succeed("a")
    [*_, last] = story.fail("canary", Failure("permanent", "ann refused 'canary'"))
    assert last == MissionFailed(story.id, "main/canary: ann refused 'canary'")


def test_nobody_is_asked_where_the_canaries_are_all_there_is() -> None:
    story = Story(each("a", "b", canary=5))
    story.succeed("a")
    assert isinstance(story.succeed("b")[-1], MissionSucceeded)
    assert story.planned() == ["a", "b"]


def test_where_all_canaries_fail_nobody_need_be_asked() -> None:
    story = Story(each("a", "b", "c", canary=2, on_failure="continue"))
    story.fail("a", BROKEN)
    assert isinstance(story.fail("b", BROKEN)[-1], MissionFailed)


def test_the_canaries_are_merged_before_anybody_is_asked() -> None:
    story = Story(on(each("a", "b", canary=1)))
    story.succeed("a", commit="c" * 40)
    assert "canary" not in story.planned()
    story.merge("a", "d" * 40)
    assert story.planned()[-1] == "canary"


# --- paths


def scoped(*pairs: tuple[str, str]) -> Plan:
    specs = tuple(TaskSpec(name, run="true", paths=(path,)) for name, path in pairs)
    return Plan("fix", (Phase("main", tasks=specs),), repository=REPOSITORY)


def test_tasks_whose_paths_may_meet_go_one_after_the_other() -> None:
    story = Story(scoped(("a", "libs/x/**"), ("b", "libs/x/y/*.py"), ("c", "libs/z")))
    assert story.planned() == ["a", "c"]
    story.succeed("a", commit="c" * 40)
    assert "b" not in story.planned(), "not before it is merged"
    story.merge("a", "d" * 40)
    assert story.planned()[-1] == "b"
    assert story.task("b").tip is not None
    assert story.task("b").tip.commit == "d" * 40  # type: ignore[union-attr]


def test_items_keep_apart_by_the_paths_that_they_make() -> None:
    template = TaskSpec("each", run="true", paths=("${item}/**",))
    items = Listed(tuple(map(Item, ("src/a", "src/b", "src", "docs"))))
    plan = Plan("fix", (Phase("main", for_each=ForEach(items, template)),), repository=REPOSITORY)
    story = Story(plan)
    assert story.planned() == ["src-a", "src-b"], "items begin in their order"
    story.succeed("src-a")
    assert len(story.planned()) == 2
    story.succeed("src-b")
    assert story.planned()[2:] == ["src", "docs"]


def test_an_item_that_leads_out_of_the_repository_fails_the_mission() -> None:
    template = TaskSpec("each", run="true", paths=("${item}/**",))
    plan = Plan("fix", (Phase("main", for_each=ForEach(Globbed(("*/",)), template)),))
    story = Story(Plan("fix", plan.phases, repository=REPOSITORY))
    story.do(AddItems(story.id, "main", (Item("../etc"),)))
    [*_, last] = story.settle("expand")
    assert isinstance(last, MissionFailed)
    assert "stays in the repository" in last.reason


# --- reviews


def reviewed(rounds: int = 2) -> Plan:
    build = Phase("build", tasks=(TaskSpec("limiter", prompt="Build it.", agent="claude"),))
    check = Phase("check", ("build",), tasks("lint"))
    review = Phase(
        "review",
        ("check",),
        (TaskSpec("review", prompt="Accept, or list defects.", agent="codex", review=True),),
        sends_back_to="build",
        rounds=rounds,
    )
    aside = Phase("docs", ("build",), tasks("page"))
    return Plan("fix", (build, check, aside, review), repository=REPOSITORY)


def found(story: Story, name: str, defects: str) -> list[object]:
    return [*story.settle(name, WorkDone(no_change="a review", defects=defects))]


def test_a_review_that_accepts_lets_the_mission_go_on() -> None:
    story = Story(reviewed())
    story.succeed("limiter")
    story.succeed("lint")
    story.succeed("page")
    assert isinstance(story.succeed("review")[-1], MissionSucceeded)


def test_defects_send_what_was_built_back_and_all_between_is_done_again() -> None:
    story = Story(reviewed())
    for name in ("limiter", "lint", "page"):
        story.succeed(name)
    events = found(story, "review", "the clock is read twice")
    assert (
        PhaseSentBack(
            story.id, "review", "build", 1, "the clock is read twice", ("build", "check", "review")
        )
        in events
    )
    again = story.task("limiter-r2")
    assert "the clock is read twice" in again.spec.prompt
    assert again.spec.prompt.startswith("Build it.")
    story.succeed("limiter-r2")
    story.succeed("lint-r2")
    assert "page-r2" not in story.planned(), "what does not lead to the review stands"
    assert "the clock" not in story.task("review-r2").spec.prompt
    assert isinstance(story.succeed("review-r2")[-1], MissionSucceeded)
    ids = [event.task_id for event in story.log if isinstance(event, TaskPlanned)]
    assert len(set(ids)) == len(ids)


def test_after_the_last_round_defects_fail_the_mission() -> None:
    story = Story(reviewed(rounds=1))
    for name in ("limiter", "lint", "page"):
        story.succeed(name)
    found(story, "review", "still wrong")
    story.succeed("limiter-r2")
    story.succeed("lint-r2")
    last = found(story, "review-r2", "still wrong")[-1]
    assert isinstance(last, MissionFailed)
    assert last.reason == "phase review still finds defects after 1 rounds: still wrong"


def test_items_that_are_done_again_have_names_of_their_own() -> None:
    plan = each("a", "a-r2")
    review = Phase("review", ("main",), (TaskSpec("look", run="x", review=True),))
    review = Phase(review.name, review.needs, review.tasks, sends_back_to="main")
    story = Story(Plan("fix", (*plan.phases, review)))
    story.succeed("a")
    story.succeed("a-r2")
    found(story, "look", "both are wrong")
    assert story.planned()[3:] == ["a-r2x", "a-r2-r2"]
    story.succeed("a-r2x")
    story.succeed("a-r2-r2")
    assert isinstance(story.succeed("look-r2")[-1], MissionSucceeded)


def test_items_that_a_command_lists_are_listed_again() -> None:
    source = Commanded("./list")
    main = Phase("main", for_each=ForEach(source, TaskSpec("each", run="fix ${item}")))
    look = (TaskSpec("look", run="x", review=True),)
    review = Phase("review", ("main",), look, sends_back_to="main")
    story = Story(Plan("fix", (main, review), repository=REPOSITORY))
    story.do(AddItems(story.id, "main", (Item("a"),)))
    story.settle("expand")
    story.succeed("a")
    found(story, "look", "one is missing")
    assert story.planned() == ["expand", "a", "look", "expand"]
    assert story.task("expand").spec.run == "./list"
    story.do(AddItems(story.id, "main", (Item("a"), Item("b"))))
    story.settle("expand")
    assert story.planned()[-2:] == ["a-r2", "b-r2"]


# --- what makes no sense


@pytest.mark.parametrize(
    ("phase", "where"),
    [
        (Phase("p", tasks=tasks("a"), canary=1), "phases.p.canary"),
        (Phase("p", tasks=tasks("a"), sends_back_to="q"), "phases.p.sends_back_to"),
        (Phase("p", ("main",), tasks("a"), sends_back_to="p"), "phases.p.sends_back_to"),
        (
            Phase("p", ("main",), tasks("a"), sends_back_to="main", rounds=0),
            "phases.p.rounds",
        ),
        (Phase("p", tasks=(TaskSpec("a", run="x", paths=("/etc",)),)), "phases.p.tasks.a.paths"),
        (Phase("p", tasks=(TaskSpec("a", run="x", paths=("a/../b",)),)), "phases.p.tasks.a.paths"),
    ],
)
def test_a_phase_that_makes_no_sense_is_refused(phase: Phase, where: str) -> None:
    plan = Plan("fix", (*simple("x").phases, phase))
    with pytest.raises(Rejected) as refusal:
        Story(plan)
    assert (refusal.value.code, refusal.value.where) == ("invalid", where)
    assert refusal.value.remedy


def test_a_task_that_would_not_fit_into_an_event_is_refused_at_launch() -> None:
    half = "x" * (MAX_WRITTEN // 2)
    phase = Phase("p", tasks=(TaskSpec("a", prompt=half, agent="claude"),))
    assert Story(Plan("fix", (phase,))).planned() == ["a"]
    with pytest.raises(Rejected, match="together with the objective"):
        Story(Plan("fix", (phase,), objective=half))


def test_items_that_make_a_task_too_large_fail_the_mission_and_not_the_hive() -> None:
    template = TaskSpec("each", prompt="${item}${item}${item}", agent="claude")
    items = Listed((Item("x" * (MAX_CARRIED // 2)),))
    story = Story(Plan("fix", (Phase("main", for_each=ForEach(items, template)),)))
    last = story.log[-1]
    assert isinstance(last, MissionFailed)
    assert "are allowed" in last.reason
