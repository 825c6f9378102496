"""Why work that is ready does not begin, in sentences."""

from typing import Any

import pytest

from hive_cli.waiting import paths_are_taken, runners_lack
from hive_contracts.mission import (
    BranchAdvanced,
    ItemsFound,
    PhaseDefined,
    PhaseStarted,
    PlannedTask,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import WorkDone
from hive_contracts.plan import ForEach, Globbed, Item, Phase, TaskSpec, Tip
from hive_contracts.task import TaskPlanned
from hive_contracts.v1 import mission_pb2, operations_pb2, plan_pb2
from tests.component.cli.test_why import M, T, record

NOTHING = operations_pb2.HealthReport()
QUEUED = mission_pb2.TaskView(task_id=T, name="limiter", phase="build", status="queued")
ANVIL = operations_pb2.RunnerView(name="anvil", status="connected", agents=["claude"])


def planned(id: str, name: str, *paths: str, agent: str = "") -> TaskPlanned:
    spec = TaskSpec(name, prompt="x", agent=agent, paths=paths)
    return TaskPlanned(id, M, "fix-1", "build", "work", spec)


def lack(
    *events: Any,
    task: mission_pb2.TaskView = QUEUED,
    runners: tuple[operations_pb2.RunnerView, ...] = (ANVIL,),
    report: operations_pb2.HealthReport = NOTHING,
) -> list[str]:
    return list(runners_lack(mission_pb2.Mission(tasks=[task]), record(events), runners, report))


def health(*runners: operations_pb2.RunnerMember, **symptom: str) -> operations_pb2.HealthReport:
    symptoms = [operations_pb2.Symptom(**symptom)] if symptom else []  # type: ignore[arg-type]
    return operations_pb2.HealthReport(runners=runners, symptoms=symptoms)


def member(**fields: Any) -> operations_pb2.RunnerMember:
    return operations_pb2.RunnerMember(name="anvil", state="alive", slots=4, **fields)


def test_without_a_connected_runner_that_is_the_reason() -> None:
    gone = operations_pb2.RunnerView(name="anvil", status="closed")
    assert lack(runners=(gone,)) == ["no runner is connected, so nothing can begin"]


def test_an_agent_that_no_runner_has_is_named() -> None:
    assert lack(planned(T, "limiter", agent="codex")) == [
        (
            "build/limiter needs the agent codex, and no connected runner has it:"
            " install it on one and log in there"
        )
    ]
    assert lack(planned(T, "limiter", agent="claude")) == []
    gates = mission_pb2.TaskView()
    gates.CopyFrom(QUEUED)
    gates.result.CopyFrom(plan_pb2.WorkDone(commit="c" * 40))
    assert lack(planned(T, "limiter", agent="codex"), task=gates) == []


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            health(member(reason="the disk of /data has 1 GiB free, and 5 GiB are to stay free")),
            (
                "runner anvil takes no work:"
                " the disk of /data has 1 GiB free, and 5 GiB are to stay free"
            ),
        ),
        (
            health(kind="runner-deaf", text="runner anvil is heard, but", remedy="look at its log"),
            "runner anvil is heard, but; look at its log",
        ),
        (health(member(ready=True, working=4)), "all 4 slots of the runners are taken"),
    ],
)
def test_what_runners_say_of_themselves_is_told(
    report: operations_pb2.HealthReport, said: str
) -> None:
    assert lack(report=report) == [said]


def test_what_is_wrong_elsewhere_or_does_not_matter_is_not_told() -> None:
    assert lack(report=health(member(ready=True, working=3))) == []
    assert lack(report=health(kind="clock-off", text="no", remedy="no")) == []
    running = mission_pb2.TaskView(name="a", status="running")
    assert lack(task=running, report=health(member(reason="it drains"))) == []


A, B = "a" * 32, "b" * 32
LIMITER = TaskSpec("limiter", run="x", paths=("libs/limiter/**",))
WIRING = TaskSpec("wiring", run="x", paths=("libs/**", "services/**"))
DOCS = TaskSpec("docs", run="x", paths=("docs/**",))
BUILDING = [
    PhaseDefined(M, Phase("build", tasks=(LIMITER, WIRING, DOCS))),
    PhaseStarted(M, "build"),
    TasksPlanned(M, "build", (PlannedTask(A, "limiter", "work"), PlannedTask(B, "docs", "work"))),
    planned(A, "limiter", "libs/limiter/**"),
    planned(B, "docs", "docs/**"),
]
DONE = TaskSettled(M, A, "succeeded", 1, WorkDone(commit="c" * 40))


def test_a_task_whose_paths_meet_those_of_an_open_one_waits_until_that_is_merged() -> None:
    waits = [
        "build/wiring waits until build/limiter is merged: both may change libs/**, services/**"
    ]
    assert list(paths_are_taken(record(BUILDING))) == waits
    assert list(paths_are_taken(record([*BUILDING, DONE]))) == waits
    merged = BranchAdvanced(M, "a" * 40, Tip("d" * 40), A, 1)
    assert list(paths_are_taken(record([*BUILDING, DONE, merged]))) == []
    failed = TaskSettled(M, A, "failed", 1)
    assert list(paths_are_taken(record([*BUILDING, failed]))) == []


def test_what_needs_another_task_does_not_wait_for_paths() -> None:
    needy = TaskSpec("wiring", run="x", needs=("limiter",), paths=("libs/**",))
    defined = PhaseDefined(M, Phase("build", tasks=(LIMITER, needy, DOCS)))
    assert list(paths_are_taken(record([defined, *BUILDING[1:]]))) == []


def test_the_next_item_of_a_phase_waits_for_the_paths_of_the_one_before() -> None:
    template = TaskSpec("each", run="x ${item}", paths=("src/**",))
    phase = Phase("build", for_each=ForEach(Globbed(("src/*",)), template))
    events = [
        PhaseDefined(M, phase),
        PhaseStarted(M, "build"),
        ItemsFound(M, "build", (Item("src/a"), Item("src/b"))),
        TasksPlanned(M, "build", (PlannedTask(A, "a", "work"),)),
        planned(A, "a", "src/**"),
    ]
    assert list(paths_are_taken(record(events))) == [
        "build/src/b waits until build/a is merged: both may change src/**"
    ]
