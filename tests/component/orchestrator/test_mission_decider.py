"""A mission, step by step: what it plans when, and how it ends."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    AddItems,
    AdvanceMission,
    AnyMissionCommand,
    BranchAdvanced,
    CancelMission,
    ExtendMission,
    ItemsFound,
    LaunchMission,
    MeetPrerequisite,
    MergeConflicted,
    MissionCancelled,
    MissionEvent,
    MissionFailed,
    MissionLanded,
    MissionLaunched,
    MissionRefused,
    MissionReleased,
    MissionSucceeded,
    PhaseCompleted,
    PrerequisiteMet,
    RecordLanding,
    ReleaseMission,
    SettleTask,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import Baseline, Failure, MergeDone, WorkDone
from hive_contracts.plan import (
    ApprovalGate,
    ArtifactRef,
    Commanded,
    CommandGate,
    ForEach,
    Gate,
    Globbed,
    HttpGate,
    Item,
    Listed,
    MetricGate,
    Phase,
    Plan,
    Repository,
    TaskSpec,
    Timeouts,
    Tip,
)
from hive_contracts.task import ApprovalRequested, TaskPlanned
from hive_orchestrator.deciders import mission, mission_state
from hive_orchestrator.deciders.rejected import Rejected

ID = "018bcfe57f7c7bfa88f28d0a85817b7b"
BASE = "a" * 40
REPOSITORY = Repository("/repo", BASE, "main")
TESTS = CommandGate("tests", "make test")
LINT = CommandGate("lint", "make lint")


class Story:
    """A mission that remembers all that was decided."""

    id = ID

    def __init__(self, plan: Plan, number: int = 1) -> None:
        self.state: mission_state.Mission = mission_state.INITIAL
        self.log: list[AnyEvent] = []
        self.do(LaunchMission(ID, plan=plan, number=number))

    def do(self, command: AnyMissionCommand) -> list[AnyEvent]:
        events: list[AnyEvent] = [*mission.decide(self.state, command)]
        for event in events:
            if isinstance(event, MissionEvent):
                self.state = mission_state.evolve(self.state, event)
        self.log += events
        return events

    def task(self, name: str) -> TaskPlanned:
        """The newest task of that name."""
        found = [e for e in self.log if isinstance(e, TaskPlanned) and e.spec.name == name]
        assert found, f"{name} was not planned: {self.planned()}"
        return found[-1]

    def planned(self) -> list[str]:
        return [e.spec.name for e in self.log if isinstance(e, TaskPlanned)]

    def succeed(self, name: str, commit: str = "", epoch: int = 1) -> list[AnyEvent]:
        bundle = ArtifactRef("d" * 64, 1) if commit else None
        result = WorkDone(commit, bundle, no_change="" if commit else "nothing to do")
        return self.settle(name, result, epoch)

    def settle(
        self, name: str, result: WorkDone | MergeDone | None = None, epoch: int = 1
    ) -> list[AnyEvent]:
        id = self.task(name).task_id
        return self.do(SettleTask(ID, id, "succeeded", epoch, result))

    def merge(self, name: str, new: str) -> list[AnyEvent]:
        task = self.task(f"merge-{name}")
        assert task.tip is not None
        return self.settle(f"merge-{name}", MergeDone(task.tip.commit, Tip(new, "c" * 64)))

    def fail(self, name: str, failure: Failure) -> list[AnyEvent]:
        return self.do(SettleTask(ID, self.task(name).task_id, "failed", 1, failure=failure))

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.log]


def tasks(*names: str, **needs: tuple[str, ...]) -> tuple[TaskSpec, ...]:
    return tuple(TaskSpec(name, run="true", needs=needs.get(name, ())) for name in names)


def simple(*names: str, criteria: tuple[Gate, ...] = (), **more: object) -> Plan:
    return Plan(
        "fix",
        (Phase("main", tasks=tasks(*names)),),
        repository=REPOSITORY,
        criteria=criteria,
        **more,  # type: ignore[arg-type]
    )


def test_the_shortest_mission_is_planned_in_one_append() -> None:
    story = Story(Plan("fix", (Phase("main", tasks=tasks("work")),)), number=3)
    assert story.kinds() == [
        "MissionLaunched", "PhaseDefined", "PhaseStarted", "TasksPlanned", "TaskPlanned",
    ]  # fmt: skip
    assert isinstance(story.log[0], MissionLaunched)
    assert story.log[0].name == "fix-3"
    events = story.succeed("work")
    assert [type(e) for e in events] == [TaskSettled, PhaseCompleted, MissionSucceeded]


def test_what_gates_found_on_the_base_is_given_to_later_tasks() -> None:
    compared = CommandGate("tests", "make test", compare="base", report="junit.xml")
    other = CommandGate("other", "make it", compare="base")
    spec = TaskSpec("work", run="true", gates=(compared, other, LINT))
    plan = Plan("fix", (Phase("main", tasks=(spec,)),), repository=REPOSITORY, criteria=(compared,))
    story = Story(plan)
    assert story.task("base").baselines == ()
    found = Baseline(compared.definition, 1, ArtifactRef("e" * 64, 5), ("a",))
    story.do(SettleTask(ID, story.task("base").task_id, "succeeded", 1, baselines=(found,)))
    assert story.task("work").baselines == (found,)
    news = (replace(found, flaky=("b",)), Baseline(other.definition, 0))
    story.do(SettleTask(ID, story.task("work").task_id, "succeeded", 1, WorkDone(), baselines=news))
    assert story.task("gates").baselines == (replace(found, flaky=("a", "b")),)
    named = replace(compared, name="renamed", timeout=5)
    story = Story(replace(plan, phases=(Phase("main", tasks=(replace(spec, gates=(named,)),)),)))
    story.do(SettleTask(ID, story.task("base").task_id, "succeeded", 1, baselines=(found,)))
    assert story.task("work").baselines == (found,), "it finds the same under any name"


def test_the_world_outside_is_asked_at_the_end_and_not_on_the_base() -> None:
    up = HttpGate("up", "https://example.org/")
    lag = MetricGate("lag", "http://p:9090", "lag", "<", 1)
    story = Story(simple("work", criteria=(TESTS, up, lag)))
    assert story.task("base").spec.gates == (TESTS,)
    story.settle("base")
    story.succeed("work")
    assert story.task("gates").spec.gates == (TESTS, up, lag)
    alone = Story(replace(simple("work", criteria=(up,)), repository=None))
    assert alone.planned() == ["work"], "it needs no repository"
    alone.succeed("work")
    alone.settle("gates")
    assert isinstance(alone.log[-1], MissionSucceeded)


def test_a_deadline_is_kept_in_the_launch() -> None:
    story = Story(replace(simple("work"), deadline=14_400.0))
    assert isinstance(story.log[0], MissionLaunched)
    assert story.log[0].deadline == 14_400


@pytest.mark.parametrize("deadline", [-1.0, float("nan"), float("inf"), 1e9])
def test_a_deadline_that_cannot_be_is_refused(deadline: float) -> None:
    with pytest.raises(Rejected, match="a deadline of"):
        Story(replace(simple("work"), deadline=deadline))


def test_a_probe_has_a_url() -> None:
    with pytest.raises(Rejected, match="is no URL"):
        Story(simple("work", criteria=(HttpGate("up", "file:///etc/passwd"),)))


def test_without_a_repository_nothing_can_be_compared() -> None:
    gate = CommandGate("tests", "make test", compare="base")
    plan = Plan("fix", (Phase("main", tasks=(TaskSpec("a", run="true", gates=(gate,)),)),))
    with pytest.raises(Rejected, match="no base to compare with"):
        Story(plan)


@pytest.mark.parametrize("report", ["/etc/report.xml", "../report.xml", "a/../../b", "a\0b"])
def test_a_report_lies_in_the_repository(report: str) -> None:
    with pytest.raises(Rejected, match="lies in the repository"):
        Story(simple("work", criteria=(CommandGate("tests", "make test", report=report),)))


def test_the_criteria_are_checked_on_the_base_first() -> None:
    story = Story(simple("work", criteria=(TESTS,)))
    assert story.planned() == ["base"]
    base = story.task("base")
    assert (base.kind, base.tip) == ("gate", Tip(BASE))
    assert base.spec.gates == (TESTS,)
    story.settle("base")
    assert story.planned() == ["base", "work"]


def test_a_red_base_refuses_the_mission() -> None:
    story = Story(simple("work", criteria=(TESTS,)))
    events = story.fail("base", Failure("gate", "gate tests failed (exit 1)"))
    assert events[-1] == MissionRefused(
        ID,
        "the base does not pass: gate tests failed (exit 1)"
        "; a gate with `compare: base` takes the base as it is",
    )


def test_who_compares_already_is_not_told_to() -> None:
    story = Story(simple("work", criteria=(replace(TESTS, compare="base"),)))
    events = story.fail("base", Failure("gate", "gate tests failed: no test was run"))
    assert events[-1] == MissionRefused(
        ID, "the base does not pass: gate tests failed: no test was run"
    )
    assert story.planned() == ["base"]


def test_work_is_merged_one_after_the_other_and_each_merge_starts_at_the_newest_tip() -> None:
    story = Story(simple("a", "b"))
    story.succeed("b", commit="b" * 40, epoch=2)
    story.succeed("a", commit="e" * 40)
    assert story.planned() == ["a", "b", "merge-b"]
    moved = next(e for e in story.merge("b", "1" * 40) if isinstance(e, BranchAdvanced))
    assert moved == BranchAdvanced(
        ID, BASE, Tip("1" * 40, "c" * 64), story.task("b").task_id, epoch=2
    )
    merge = story.task("merge-a")
    assert merge.tip == Tip("1" * 40, "c" * 64)
    assert merge.merge is not None and merge.merge.commit == "e" * 40
    events = story.merge("a", "2" * 40)
    assert events[-1] == MissionSucceeded(ID, "fix", Tip("2" * 40, "c" * 64))


def test_a_merge_that_started_elsewhere_is_planned_anew() -> None:
    story = Story(simple("a"))
    story.succeed("a", commit="b" * 40)
    first = story.task("merge-a").task_id
    events = story.settle("merge-a", MergeDone("9" * 40, Tip("1" * 40)))
    assert not any(isinstance(e, BranchAdvanced) for e in events)
    again = story.task("merge-a")
    assert again.task_id != first
    assert again.tip == Tip(BASE)


def test_a_conflict_sends_the_work_back_and_others_go_on() -> None:
    story = Story(simple("a", "b"))
    story.succeed("a", commit="b" * 40)
    story.succeed("b", commit="e" * 40)
    conflict = Failure("conflict", "a.py", files=("a.py",))
    events = story.fail("merge-a", conflict)
    work = story.task("a").task_id
    assert MergeConflicted(ID, work, Tip(BASE), conflict) in events
    assert story.planned()[-1] == "merge-b"
    story.merge("b", "1" * 40)
    story.succeed("a", commit="f" * 40, epoch=3)
    assert story.task("merge-a").tip == Tip("1" * 40, "c" * 64)
    assert isinstance(story.merge("a", "2" * 40)[-1], MissionSucceeded)


def test_needs_of_tasks_wait_for_the_merge() -> None:
    plan = Plan("fix", (Phase("p", tasks=tasks("a", "b", b=("a",))),), repository=REPOSITORY)
    story = Story(plan)
    story.succeed("a", commit="b" * 40)
    assert "b" not in story.planned()
    story.merge("a", "1" * 40)
    assert story.task("b").tip == Tip("1" * 40, "c" * 64)


def test_phases_follow_their_needs() -> None:
    phases = (
        Phase("one", tasks=tasks("a")),
        Phase("two", ("one",), tasks("b")),
        Phase("side", tasks=tasks("c")),
        Phase("last", ("two", "side"), tasks("d")),
    )
    story = Story(Plan("m", phases))
    assert story.planned() == ["a", "c"]
    story.succeed("a")
    assert story.planned() == ["a", "c", "b"]
    story.succeed("b")
    assert "d" not in story.planned()
    story.succeed("c")
    assert story.planned()[-1] == "d"


def test_a_task_that_failed_for_good_fails_the_mission() -> None:
    story = Story(simple("a", "b"))
    events = story.fail("a", Failure("agent", "exit 1"))
    assert events[-1] == MissionFailed(ID, "main/a: exit 1")
    assert story.succeed("b", commit="b" * 40) == []


def test_the_gates_run_on_the_merged_branch_and_then_people_are_asked() -> None:
    story = Story(simple("a", criteria=(TESTS, ApprovalGate("good", "Is it good?"))))
    story.settle("base")
    story.succeed("a", commit="b" * 40)
    story.merge("a", "1" * 40)
    assert story.task("gates").tip == Tip("1" * 40, "c" * 64)
    events = story.settle("gates")
    good = story.task("good")
    assert ApprovalRequested(good.task_id, ID, "good", "Is it good?") in events
    assert isinstance(story.settle("good")[-1], MissionSucceeded)


def test_red_gates_at_the_end_fail_the_mission() -> None:
    story = Story(simple("a", criteria=(TESTS,)))
    story.settle("base")
    story.succeed("a")
    events = story.fail("gates", Failure("gate", "gate tests failed (exit 1)"))
    assert events[-1] == MissionFailed(ID, "gates: gate tests failed (exit 1)")


def test_what_must_be_confirmed_first_holds_all_phases() -> None:
    story = Story(simple("a", approvals=(ApprovalGate("ready", "Ready?"),)))
    assert story.planned() == ["ready"]
    assert story.planned() == ["ready"]
    story.settle("ready")
    assert story.planned() == ["ready", "a"]


def test_a_mission_waits_for_its_prerequisites() -> None:
    story = Story(simple("a", prerequisites=("one", "two")))
    assert story.planned() == []
    story.do(MeetPrerequisite(ID, "one"))
    assert story.do(MeetPrerequisite(ID, "one")) == []
    events = story.do(MeetPrerequisite(ID, "two"))
    assert events[0] == PrerequisiteMet(ID, "two")
    assert story.planned() == ["a"]


def test_a_list_is_planned_item_by_item_with_unique_names() -> None:
    items = (Item("src/a"), Item("src/b"), Item("src:b"), Item("!"))
    each = ForEach(Listed(items), TaskSpec("each", run="fix ${item}"))
    story = Story(Plan("m", (Phase("p", for_each=each),)))
    assert story.planned() == ["src-a", "src-b", "src-b-2", "item"]
    assert story.task("src-b-2").spec.run == "fix src:b"


def test_a_glob_is_expanded_on_the_tip_when_its_phase_starts() -> None:
    each = ForEach(Globbed(("src/*/",)), TaskSpec("each", run="fix ${item}"))
    phases = (Phase("first", tasks=tasks("a")), Phase("second", ("first",), for_each=each))
    story = Story(Plan("m", phases, repository=REPOSITORY))
    story.succeed("a", commit="b" * 40)
    story.merge("a", "1" * 40)
    expand = story.task("expand")
    assert (expand.kind, expand.expand, expand.tip) == (
        "expand", Globbed(("src/*/",)), Tip("1" * 40, "c" * 64),
    )  # fmt: skip
    story.do(AddItems(ID, "second", (Item("src/x/"), Item("src/y/"))))
    assert "src-x" not in story.planned()
    story.settle("expand")
    assert story.planned()[-2:] == ["src-x", "src-y"]


def test_a_command_that_lists_items_runs_on_the_tip_when_its_phase_starts() -> None:
    timeouts = Timeouts(run=60)
    template = TaskSpec("each", run="fix ${item.owner}", timeouts=timeouts)
    each = ForEach(Commanded("./list"), template)
    story = Story(Plan("m", (Phase("p", for_each=each),), repository=REPOSITORY))
    expand = story.task("expand")
    assert (expand.kind, expand.expand, expand.tip) == ("expand", None, Tip(REPOSITORY.base))
    assert expand.spec == TaskSpec("expand", run="./list", timeouts=timeouts)
    assert story.planned() == ["expand"]
    story.do(AddItems(ID, "p", (Item("eu", {"name": "eu", "owner": "ada"}),)))
    story.settle("expand")
    assert story.task("eu").spec.run == "fix ada"


@pytest.mark.parametrize(("found", "limits"), [(0, (1, 9)), (3, (0, 2))])
def test_too_few_or_too_many_items_fail_the_mission(found: int, limits: tuple[int, int]) -> None:
    each = ForEach(Globbed(("*",)), TaskSpec("each", run="x"), min=limits[0], max=limits[1])
    story = Story(Plan("m", (Phase("p", for_each=each),), repository=REPOSITORY))
    if found:
        story.do(AddItems(ID, "p", tuple(Item(str(n)) for n in range(found))))
    events = story.settle("expand")
    assert isinstance(events[-1], MissionFailed)
    assert f"found {found} items" in events[-1].reason


def test_no_items_where_none_are_asked_for_complete_the_phase() -> None:
    each = ForEach(Globbed(("*",)), TaskSpec("each", run="x"), min=0)
    story = Story(Plan("m", (Phase("p", for_each=each),), repository=REPOSITORY))
    assert isinstance(story.settle("expand")[-1], MissionSucceeded)


def test_an_item_without_a_named_field_fails_the_mission() -> None:
    each = ForEach(Listed((Item("a"),)), TaskSpec("each", run="fix ${item.name}"))
    story = Story(Plan("m", (Phase("p", for_each=each),)))
    assert isinstance(story.log[-1], MissionFailed)
    assert "${item.name} is not known" in story.log[-1].reason


def test_ten_thousand_tasks_are_planned_in_appends_that_fit() -> None:
    items = tuple(Item(f"src/package-{n:05}") for n in range(10_000))
    story = Story(Plan("m", (Phase("p", for_each=ForEach(Listed(items), TaskSpec("e", run="x"))),)))
    assert any(isinstance(e, ItemsFound) for e in story.log)
    appends = [story.log[:]]
    while isinstance(appends[-1][-1], TasksPlanned) and appends[-1][-1].more:
        appends.append(story.do(AdvanceMission(ID)))
    assert max(map(len, appends)) <= 256
    assert len(story.planned()) == 10_000
    assert len(set(story.planned())) == 10_000


def test_an_extension_starts_after_all_there_is_and_the_criteria_are_judged_anew() -> None:
    story = Story(simple("a", criteria=(TESTS,)))
    story.settle("base")
    story.do(
        ExtendMission(ID, (Phase("main", tasks=tasks("b")), Phase("next", ("main",), tasks("c"))))
    )
    assert "b" not in story.planned()
    story.succeed("a")
    assert story.planned()[-1] == "b"
    assert story.task("b").phase == "main-2"
    story.succeed("b")
    story.succeed("c")
    assert story.planned()[-1] == "gates-3"
    assert isinstance(story.settle("gates-3")[-1], MissionSucceeded)


def test_a_cancelled_mission_goes_nowhere() -> None:
    story = Story(simple("a"))
    assert story.do(CancelMission(ID, "enough")) == [MissionCancelled(ID, "enough")]
    assert story.do(CancelMission(ID, "enough")) == []
    assert story.succeed("a") == []
    with pytest.raises(Rejected, match="has ended"):
        story.do(ExtendMission(ID, (Phase("p", tasks=tasks("x")),)))


def test_what_a_person_does_with_the_work_of_an_ended_mission_is_recorded_once() -> None:
    story = Story(simple("a"))
    story.do(CancelMission(ID))
    landing = RecordLanding(ID, "c" * 40, "main", "ann")
    assert story.do(landing) == [MissionLanded(ID, "c" * 40, "main", "ann")]
    assert story.do(landing) == []
    assert story.do(replace(landing, branch="other", by="bob")) != []
    release = ReleaseMission(ID, "ann", "a dead end")
    assert story.do(release) == [MissionReleased(ID, "ann", "a dead end")]
    assert story.do(replace(release, by="bob", reason="again")) == []
    assert isinstance(story.state, mission_state.Ended)


@pytest.mark.parametrize("command", [RecordLanding(ID, BASE, "", "ann"), ReleaseMission(ID, "ann")])
def test_an_open_mission_is_neither_landed_nor_released(command: AnyMissionCommand) -> None:
    with pytest.raises(Rejected, match="has not ended") as refusal:
        Story(simple("a")).do(command)
    assert refusal.value.remedy == "hive cancel fix-1"


def test_a_mission_that_is_not_there_is_refused() -> None:
    with pytest.raises(Rejected) as refusal:
        mission.decide(mission_state.INITIAL, CancelMission(ID))
    assert refusal.value.code == "not-found"


def test_a_launch_said_twice_is_done_once() -> None:
    story = Story(simple("a"))
    assert story.do(LaunchMission(ID, plan=simple("a"), number=2)) == []


UNKNOWN = TaskSpec("t", run="${x}")
BAD_PLANS: dict[str, tuple[Plan, dict[str, Any], str]] = {
    "a bad name": (simple("a"), {"name": "Fix It"}, "name"),
    "no phase": (simple("a"), {"phases": ()}, "phases"),
    "an empty phase": (simple("a"), {"phases": (Phase("p"),)}, "phases.p"),
    "a name used twice": (simple("a", "a"), {}, "phases.main.tasks"),
    "an unknown need": (simple("a"), {"phases": (Phase("p", ("q",), tasks("a")),)}, "phases"),
    "a cycle of tasks": (
        simple("a"), {"phases": (Phase("p", tasks=tasks("a", "b", a=("b",), b=("a",))),)},
        "phases.p.tasks.needs",
    ),
    "neither prompt nor command": (
        simple("a"), {"phases": (Phase("p", tasks=(TaskSpec("t"),)),)}, "phases.p.tasks.t",
    ),
    "a prompt for nobody": (
        simple("a"), {"phases": (Phase("p", tasks=(TaskSpec("t", prompt="x"),)),)},
        "phases.p.tasks.t",
    ),
    "a base that is no commit": (
        simple("a"), {"repository": Repository("/r", "main")}, "repository.base",
    ),
    "a gate without repository": (
        simple("a"), {"repository": None, "criteria": (TESTS,)}, "success_criteria",
    ),
    "a mission that needs itself": (simple("a"), {"prerequisites": ("fix",)}, "prerequisites"),
    "two gates of one name": (simple("a"), {"criteria": (TESTS, TESTS)}, "success_criteria"),
    "a phase that is too long": (
        simple("a"),
        {"phases": (Phase("p", tasks=(TaskSpec("t", run="x" * 70_000),)),)},
        "phases.p",
    ),
    "a command that is empty": (
        simple("a"),
        {"phases": (Phase("p", for_each=ForEach(Commanded(" "), TaskSpec("t", run="x"))),)},
        "phases.p.for_each",
    ),
    "a placeholder that nobody fills": (
        simple("a"),
        {"phases": (Phase("p", for_each=ForEach(Listed((Item("a"),)), UNKNOWN)),)},
        "phases.p.for_each",
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", BAD_PLANS)
def test_a_plan_that_makes_no_sense_is_refused(title: str) -> None:
    plan, changes, where = BAD_PLANS[title]
    with pytest.raises(Rejected) as refusal:
        Story(msgspec.structs.replace(plan, **changes))
    assert (refusal.value.code, refusal.value.where) == ("invalid", where)
    assert refusal.value.remedy
