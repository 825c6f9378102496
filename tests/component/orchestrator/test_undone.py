"""What of a mission that has ended is launched where only what failed is to be done once more."""

import pytest
from msgspec.structs import replace

from hive_contracts.mission import (
    AddItems,
    CancelMission,
    Earlier,
    MissionEvent,
    MissionLanded,
    PhaseSentBack,
    RecordLanding,
    ReleaseMission,
)
from hive_contracts.outcome import Failure, WorkDone
from hive_contracts.plan import (
    ForEach,
    Gate,
    Globbed,
    Item,
    Listed,
    Phase,
    Plan,
    TaskSpec,
    Tip,
)
from hive_contracts.undone import NotAlone, NothingFailed, Undone, undone
from hive_orchestrator.board import Board
from hive_orchestrator.policy import react
from tests.component.orchestrator.test_mission_decider import (
    ID,
    REPOSITORY,
    TESTS,
    Story,
    tasks,
)

BROKEN = Failure("agent", "it broke")
EACH = TaskSpec("each", run="true")


def plan(*phases: Phase, criteria: tuple[Gate, ...] = ()) -> Plan:
    return Plan("fix", phases, repository=REPOSITORY, criteria=criteria)


def left(story: Story) -> Undone:
    return undone([event for event in story.log if isinstance(event, MissionEvent)])


def do(story: Story, name: str, number: int) -> None:
    """It has worked, and is merged."""
    story.succeed(name, f"{number}" * 40)
    story.merge(name, f"{number + 4}" * 40)


def names(phase: Phase) -> list[str]:
    return [spec.name for spec in phase.tasks]


def test_what_failed_is_done_again_on_top_of_what_was_merged() -> None:
    first = Phase("first", tasks=tasks("a", "b"), on_failure="continue")
    last = Phase("last", tasks=tasks("c"), needs=("first",))
    story = Story(plan(first, last, criteria=(TESTS,)))
    story.settle("base")
    do(story, "a", 1)
    story.fail("b", BROKEN)
    do(story, "c", 2)
    again = left(story)
    assert [names(phase) for phase in again.plan.phases] == [["b"]]
    assert (again.failed, again.held_up) == (("first/b",), ())
    tip = Tip("6" * 40, "c" * 64)
    assert again.plan.repository == replace(REPOSITORY, start=tip, start_of=ID)
    story = Story(again.plan, 2)
    assert story.task("base").tip == Tip(REPOSITORY.base), "gates compare with the same base"
    story.settle("base")
    assert story.task("b").tip == tip


def test_what_it_goes_on_from_is_landed_with_it() -> None:
    story = Story(plan(Phase("one", tasks=tasks("a", "b"), on_failure="continue")))
    do(story, "a", 1)
    story.fail("b", BROKEN)
    other = "2" * 32
    again = Story(left(story).plan, 2)
    again.do(CancelMission(ID))
    [landed] = again.do(RecordLanding(ID, "9" * 40, "main", "ann"))
    assert isinstance(landed, MissionLanded)
    assert landed.earlier == Earlier(ID, "5" * 40)
    event = replace(landed, mission_id=other)
    assert react(event, Board()) == [RecordLanding(ID, "5" * 40, "main", "ann")]
    assert react(replace(event, earlier=None), Board()) == []


def test_what_a_failure_held_up_is_done_with_it() -> None:
    one = Phase("one", tasks=tasks("a", "b", "c", "d", c=("b", "a")))
    two = Phase("two", tasks=tasks("e"), needs=("one",))
    story = Story(plan(one, two))
    do(story, "a", 1)
    story.fail("b", BROKEN)
    again = left(story)
    assert again.failed == ("one/b",)
    assert again.held_up == ("one/c", "one/d", "two/e")
    assert again.plan.phases[0].tasks == tasks("b", "c", "d", c=("b",))
    assert again.plan.phases[1] == two


def test_needs_of_phases_that_are_done_are_met() -> None:
    one, two = Phase("one", tasks=tasks("a")), Phase("two", tasks=tasks("b"), needs=("one",))
    story = Story(plan(one, two))
    story.succeed("a")
    story.fail("b", BROKEN)
    again = left(story)
    assert [(phase.name, phase.needs) for phase in again.plan.phases] == [("two", ())]
    assert again.plan.repository == REPOSITORY, "nothing was merged"


def test_work_that_was_never_merged_is_done_again() -> None:
    story = Story(plan(Phase("one", tasks=tasks("a", "b"))))
    story.succeed("a", "1" * 40)
    story.fail("b", BROKEN)
    again = left(story)
    assert (again.failed, again.held_up) == (("one/b",), ("one/a",))


@pytest.mark.parametrize("written", [True, False], ids=["a list", "a glob"])
def test_of_items_those_that_are_left_are_listed(written: bool) -> None:
    items = (Item("x y"), Item("x-y"), Item("z"))
    source = Listed(items) if written else Globbed(("*",))
    each = ForEach(source, EACH, min=3)
    story = Story(plan(Phase("one", for_each=each, on_failure="continue", canary=1)))
    if not written:
        story.do(AddItems(ID, "one", items))
        story.settle("expand")
    do(story, "x-y", 1)
    story.settle("canary")
    story.fail("x-y-2", BROKEN)
    do(story, "z", 2)
    again = left(story)
    assert again.failed == ("one/x-y-2",)
    (phase,) = again.plan.phases
    assert phase.for_each == ForEach(Listed(items[1:2]), EACH, min=1)
    assert phase.canary == 0, "a person has seen the first ones"


def test_items_that_were_not_begun_are_left_too() -> None:
    items = tuple(Item(name) for name in "abc")
    one = ForEach(Listed(items), TaskSpec("each", run="true", paths=("src/**",)))
    story = Story(plan(Phase("one", for_each=one)))
    story.fail("a", BROKEN)
    again = left(story)
    assert (again.failed, again.held_up) == (("one/a",), ("one, what was not begun of it",))
    assert again.plan.phases == (Phase("one", for_each=one),)


def test_where_no_task_failed_there_is_nothing_to_retry() -> None:
    story = Story(plan(Phase("one", tasks=tasks("a")), criteria=(TESTS,)))
    story.settle("base")
    do(story, "a", 1)
    story.fail("gates", Failure("gate", "red"))
    with pytest.raises(NothingFailed):
        left(story)


def test_a_review_is_not_done_without_what_it_may_send_back() -> None:
    build = Phase("build", tasks=tasks("a"))
    critic = TaskSpec("critic", run="true", review=True)
    review = Phase("review", tasks=(critic,), needs=("build",), sends_back_to="build")
    story = Story(plan(build, review))
    do(story, "a", 1)
    story.fail("critic", BROKEN)
    with pytest.raises(NotAlone, match="may send build back"):
        left(story)


def test_without_a_repository_what_was_made_would_be_missing() -> None:
    one, two = Phase("one", tasks=tasks("a")), Phase("two", tasks=tasks("b"), needs=("one",))
    story = Story(replace(plan(one, two), repository=None))
    story.succeed("a")
    story.fail("b", BROKEN)
    with pytest.raises(NotAlone, match="no repository"):
        left(story)


def test_what_was_sent_back_is_judged_by_its_last_round() -> None:
    build = Phase("build", tasks=tasks("a"))
    critic = TaskSpec("critic", run="true", review=True)
    review = Phase("review", tasks=(critic,), needs=("build",), sends_back_to="build")
    story = Story(plan(build, review))
    do(story, "a", 1)
    story.settle("critic", WorkDone(defects="it is slow", no_change="a review"))
    assert any(isinstance(event, PhaseSentBack) for event in story.log)
    story.fail(story.planned()[-1], BROKEN)
    again = left(story)
    assert (again.failed, again.held_up) == (("build/a",), ("review/critic",))
    assert again.plan.repository == replace(REPOSITORY, start=Tip("5" * 40, "c" * 64), start_of=ID)


def test_of_a_mission_that_merged_nothing_more_it_goes_on_from_where_that_began() -> None:
    story = Story(plan(Phase("one", tasks=tasks("a", "b"), on_failure="continue")))
    do(story, "a", 1)
    story.fail("b", BROKEN)
    first = left(story)
    again = Story(first.plan, 2)
    again.fail("b", BROKEN)
    second = left(again)
    assert second.plan == first.plan
    assert second.plan.repository == replace(REPOSITORY, start=Tip("5" * 40, "c" * 64), start_of=ID)


def test_on_what_was_discarded_nothing_is_built() -> None:
    story = Story(plan(Phase("one", tasks=tasks("a", "b"))))
    do(story, "a", 1)
    story.fail("b", BROKEN)
    story.do(ReleaseMission(ID, "ann", "no need"))
    with pytest.raises(NotAlone, match="was discarded"):
        left(story)
