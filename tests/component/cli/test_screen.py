import io

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, RenderableType

from hive_cli import screen
from hive_contracts.v1 import mission_pb2, plan_pb2


def shown(part: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def task(name: str, status: str, **fields: object) -> mission_pb2.TaskView:
    view = {"phase": "build", "kind": "work", "attempt": 1, "attempts": 2, **fields}
    return mission_pb2.TaskView(task_id=name, name=name, status=status, **view)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (65.9, "1:05"), (3600, "1:00:00"), (90061, "25:01:01")]
)
def test_durations_are_read_like_a_clock(seconds: float, said: str) -> None:
    assert screen.duration(seconds) == said


def test_a_task_that_failed_shows_whose_failure_it_was() -> None:
    failure = plan_pb2.Failure(kind="gate", detail="tests: exit 1")
    view = task("api", "backing-off", failure=failure)
    assert screen.change_line(view) == (
        "◌ build/api: backing-off · attempt 1 of 2, gate: tests: exit 1"
    )


def test_a_retry_says_what_it_is_the_answer_to() -> None:
    failure = plan_pb2.Failure(kind="gate", detail="gate tests failed (exit 1)")
    view = task("api", "running", attempt=2, failure=failure)
    assert screen.change_line(view) == (
        "● build/api: running · attempt 2 of 2, after gate tests failed (exit 1)"
    )


def test_a_running_mission_shows_tasks_phases_and_the_approve_command() -> None:
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1", status="waiting"),
        tasks=[task("api", "running"), task("[red]ui", "queued")],
        phases=[mission_pb2.PhaseView(name="review", status="waiting", needs=["build"])],
        approvals=[mission_pb2.PendingApproval(gate="right", text="Is the plan right?")],
        unmet_prerequisites=["metrics-v2"],
    )
    assert shown(screen.progress(mission)) == (
        "  ●  build/api      running  attempt 1 of 2\n"
        "  ○  build/[red]ui  queued\n"
        "  ○ review, after build\n"
        "  … waits for a run of metrics-v2 to succeed\n"
        "  ? Is the plan right?\n"
        "    hive mission approve fix-1 --gate right   (or reject)"
    )


def test_many_tasks_are_counted_and_only_those_at_work_are_shown() -> None:
    tasks = [task(f"t{n}", "succeeded") for n in range(300)]
    mission = mission_pb2.Mission(tasks=[*tasks, task("busy", "running")])
    said = shown(screen.progress(mission))
    assert "build/busy" in said
    assert "build/t7" not in said
    assert "300 succeeded · 1 running" not in said, "in the order of a task's life"
    assert "1 running · 300 succeeded" in said


def test_the_end_names_gates_work_and_only_commands_that_exist() -> None:
    done = plan_pb2.WorkDone(commit="a" * 40, files=2, insertions=31, deletions=9)
    gate = plan_pb2.GateResult(name="tests", passed=True, exit_code=0)
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(
            name="fix-1",
            status="succeeded",
            launched_at=Timestamp(seconds=100),
            ended_at=Timestamp(seconds=285),
        ),
        tasks=[
            task("api", "succeeded", merged=True, result=done),
            task("ui", "succeeded", result=plan_pb2.WorkDone(no_change="fine as it is")),
            task("gates", "succeeded", kind="gate", phase="", gates=[gate]),
        ],
        tip=plan_pb2.Tip(commit="9ab17d0" + "0" * 33, chain="c"),
    )
    assert shown(screen.ending(mission)) == (
        "✓ succeeded in 3:05\n"
        "  gate   tests ✓ exit 0, run by the hive\n"
        "  work   1 of 2 merged, 1 had nothing to change: +31 −9\n"
        "  branch hive/fix-1 at 9ab17d0, not pushed\n"
        "  next   hive diff fix-1 · hive land fix-1"
    )


def test_a_failed_mission_ends_with_the_reason_and_the_end_of_the_output() -> None:
    failure = plan_pb2.Failure(kind="gate", detail="tests: exit 1", tail="a\nb [x]\n")
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1", status="failed", reason="work failed"),
        tasks=[task("api", "failed", failure=failure)],
    )
    assert shown(screen.ending(mission)) == (
        "✗ failed · work failed\n"
        "  ✗ build/api: gate: tests: exit 1\n"
        "      a\n"
        "      b [x]\n"
        "  work   0 of 1 merged: +0 −0"
    )
