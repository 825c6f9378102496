import io

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, RenderableType

from hive_cli import outcome, screen, task_row
from hive_cli.deadline import deadline_line
from hive_cli.spending import spending, tokens
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
    assert task_row.change_line(view) == (
        "◌ build/api: backing-off · attempt 1 of 2, gate: tests: exit 1"
    )


def test_what_a_task_used_is_shown_beside_it_and_summed_up_at_the_end() -> None:
    used = [
        plan_pb2.Usage(input_tokens=300_000, output_tokens=40_000, estimated_usd=1.9),
        plan_pb2.Usage(input_tokens=9_000, output_tokens=600, billed_usd=0.121, unpriced=1),
    ]
    views = [task("api", "running", usage=used[0]), task("ui", "succeeded", usage=used[1])]
    assert task_row.change_line(views[0]) == ("● build/api: running · attempt 1 of 2, 340k tokens")
    summary = mission_pb2.MissionSummary(name="fix-1", status="failed")
    ended = shown(outcome.ending(mission_pb2.Mission(summary=summary, tasks=views)))
    assert ended.splitlines()[0] == (
        "✗ failed · 350k tokens · $0.12 billed · ≈ $1.90 at list prices, estimated"
        " · cost of 1 run unknown"
    )


def test_what_another_mission_goes_on_with_is_not_to_be_landed_or_done_again() -> None:
    summary = mission_pb2.MissionSummary(name="fix-1", status="failed")
    views = [task("api", "succeeded", merged=True), task("ui", "failed")]
    mission = mission_pb2.Mission(summary=summary, tasks=views)
    mission.tip.chain = "c" * 64
    assert "hive land fix-1" in shown(outcome.ending(mission))
    assert "hive retry fix-1 --failed" in shown(outcome.ending(mission))
    mission.again_as = "fix-2"
    ended = shown(outcome.ending(mission))
    assert "hive land fix-1" not in ended
    assert "hive retry" not in ended
    assert "goes on as fix-2, which does again what failed, and brings all home" in ended
    assert "hive why fix-1 · hive mission show fix-2" in ended


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (812, "812"), (999, "999"), (1_000, "1.0k"), (9_649, "9.6k"), (99_960, "100k"),
        (340_400, "340k"), (999_600, "1.0M"), (6_120_000, "6.1M"),
    ],
)  # fmt: skip
def test_tokens_are_counted_in_thousands_and_millions(count: int, said: str) -> None:
    assert tokens(count) == f"{said} tokens"


def test_a_cost_that_no_agent_told_is_unknown_and_not_nothing() -> None:
    view = task("api", "succeeded", usage=plan_pb2.Usage(input_tokens=10, unpriced=2))
    assert spending([view]) == "10 tokens · cost unknown"
    assert spending([task("api", "succeeded")]) == ""


def test_a_retry_says_what_it_is_the_answer_to() -> None:
    failure = plan_pb2.Failure(kind="gate", detail="gate tests failed (exit 1)")
    view = task("api", "running", attempt=2, failure=failure)
    assert task_row.change_line(view) == (
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
    gate = plan_pb2.GateResult(name="tests", passed=True, exit_code=0, commit="9ab17d0" + "0" * 33)
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
    assert shown(outcome.ending(mission)) == (
        "✓ succeeded in 3:05\n"
        "  gate   tests ✓ exit 0 at 9ab17d0, run by the hive in a clean checkout\n"
        "  work   1 of 2 merged, 1 had nothing to change: +31 −9\n"
        "  branch hive/fix-1 at 9ab17d0\n"
        "  next   hive diff fix-1 · hive land fix-1 · hive pr fix-1"
    )


def test_a_failed_mission_ends_with_the_reason_and_the_end_of_the_output() -> None:
    failure = plan_pb2.Failure(kind="gate", detail="tests: exit 1", tail="a\nb [x]\n")
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1", status="failed", reason="work failed"),
        tasks=[task("api", "failed", failure=failure)],
    )
    assert shown(outcome.ending(mission)) == (
        "✗ failed · work failed\n"
        "  ✗ build/api: gate: tests: exit 1\n"
        "      a\n"
        "      b [x]\n"
        "  work   0 of 1 merged: +0 −0\n"
        "  next   hive why fix-1 · hive retry fix-1 --failed"
    )


def test_a_mission_that_went_on_without_some_tasks_says_how_to_have_them_again() -> None:
    merged = plan_pb2.WorkDone(commit="a" * 40, insertions=1)
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1", status="succeeded"),
        tasks=[task("api", "failed"), task("app", "succeeded", merged=True, result=merged)],
        tip=plan_pb2.Tip(commit="b" * 40, chain="c"),
    )
    last = shown(outcome.ending(mission)).splitlines()[-1]
    assert last.endswith("hive land fix-1 · hive pr fix-1 · hive retry fix-1 --failed")
    mission.tasks[0].status = "succeeded"
    assert "--failed" not in shown(outcome.ending(mission))


def compared(passed: bool, exit_code: int, tally: plan_pb2.Tally) -> plan_pb2.GateResult:
    baseline = plan_pb2.Baseline(tests=plan_pb2.ArtifactRef(digest="d"))
    return plan_pb2.GateResult(
        name="tests", passed=passed, exit_code=exit_code, tally=tally, baseline=baseline
    )


def test_a_gate_with_a_report_shows_its_tests_beside_those_of_the_base() -> None:
    green = compared(True, 0, plan_pb2.Tally(passed=413, base_passed=412, added=1))
    assert task_row.gate_line(green) == (
        "tests ✓ exit 0: 413 passed (base 412; +1, 0 gone, 0 newly skipped)"
    )
    red = plan_pb2.Tally(
        failed=2, passed=9, skipped=1, base_passed=10, base_failed=1, gone=3, newly_failed=1,
        newly_skipped=1,
    )  # fmt: skip
    assert task_row.gate_line(compared(False, 1, red)) == (
        "tests ✗ exit 1: 2 failed, 9 passed, 1 skipped"
        " (base 10, 1 failed; +0, 3 gone, 1 newly skipped, 1 newly failing)"
    )
    base = compared(True, 1, plan_pb2.Tally(failed=1, passed=10, base_passed=10, base_failed=1))
    view = task("base", "succeeded", kind="gate", phase="", gates=[base])
    assert (
        task_row.change_line(view)
        == "✓ base: succeeded · tests ✓ exit 1, to compare with: 1 failed, 10 passed"
    )


def test_a_gate_that_ran_no_command_shows_what_it_asked_and_what_was_wrong() -> None:
    asked = "lag < 10"
    good = plan_pb2.GateResult(name="lag", passed=True, command=asked)
    bad = plan_pb2.GateResult(name="lag", command=asked, reason="lag is 12, not < 10")
    assert task_row.gate_line(good) == "lag ✓ lag < 10"
    assert task_row.gate_line(bad) == "lag ✗ lag is 12, not < 10"
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1", status="succeeded"),
        tasks=[task("gates", "succeeded", kind="gate", phase="", gates=[good])],
    )
    assert "  gate   lag ✓ lag < 10, asked by the hive\n" in shown(outcome.ending(mission)) + "\n"


def test_processes_that_a_command_left_over_are_told_at_its_task_and_at_the_end() -> None:
    results = [
        plan_pb2.WorkDone(commit="a", files=1, insertions=2, left_over=left) for left in (1, 0, 2)
    ]
    tasks = [
        task(f"t{n}", "succeeded", merged=True, result=result) for n, result in enumerate(results)
    ]
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1", status="succeeded"), tasks=tasks
    )
    said = shown(outcome.ending(mission))
    assert said.endswith("  ! 3 processes were left over, and were ended")
    row = "1 file +2 −0 merged, 1 process was left over, and was ended"
    assert row in task_row.change_line(tasks[0])
    assert task_row.change_line(tasks[1]).endswith("1 file +2 −0 merged")


def test_the_end_names_flaky_tests_changed_tests_and_protected_paths() -> None:
    changed = [plan_pb2.FileChange(path=f"tests/test_{n}.py", insertions=12) for n in range(10)]
    result = plan_pb2.WorkDone(
        commit="a", tests=changed, test_files=30, protected=[".github/ci.yml"], protected_files=1
    )
    gate = plan_pb2.GateResult(name="tests", passed=True, exit_code=0, flaky=["test_retry"])
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1", status="succeeded"),
        tasks=[
            task("api", "succeeded", merged=True, result=result),
            task("gates", "succeeded", kind="gate", phase="", gates=[gate]),
        ],
    )
    said = shown(outcome.ending(mission))
    assert "  ! flaky, failed and passed when run again: test_retry\n" in said
    assert "  ! a test was changed: tests/test_7.py +12 −0\n  ! and 22 more test files" in said
    assert "  ! protected, changed with consent: .github/ci.yml" in said


def test_questions_of_one_name_are_told_apart_by_their_tasks() -> None:
    mission = mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1"),
        tasks=[task("api", "awaiting-approval"), task("ui", "awaiting-approval")],
        approvals=[
            mission_pb2.PendingApproval(task_id=id, gate="protected", text=f"{id} changed x")
            for id in ("api", "ui")
        ],
    )
    said = [line.plain.strip() for line in screen.approval_lines(mission)]
    assert said[3] == "hive mission approve fix-1 --gate build/ui/protected   (or reject)"


def test_a_mission_from_an_issue_names_it_and_who_asked() -> None:
    view = mission_pb2.Mission()
    assert screen.origin(view) == ""
    view.origin.CopyFrom(
        plan_pb2.Origin(
            issue="acme/shop#7", title="It \x1b[31mfails", by="github:ada",
            url="https://github.com/acme/shop/issues/7",
        )
    )  # fmt: skip
    said = screen.origin(view)
    assert said.startswith("acme/shop#7 It ")
    assert "\x1b" not in said
    assert said.endswith("fails · asked by github:ada · https://github.com/acme/shop/issues/7")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (1_000 + 3_600, "passes in 3:00:00"),
        (1_000 + 14_400, "passes in 0:00"),
        (1_000 + 15_700, "passed 21:40 ago"),
    ],
)
def test_where_a_deadline_stands_is_said(now: float, said: str) -> None:
    at = Timestamp(seconds=1_000)
    summary = mission_pb2.MissionSummary(name="fix-1", launched_at=at, deadline=14_400)
    assert deadline_line(summary, now) == f"deadline 4:00:00 from its launch: {said}"
    summary.ClearField("deadline")
    assert deadline_line(summary, now) == ""


@pytest.mark.parametrize(
    ("end", "said", "ending"),
    [
        (15_400, "was kept", "✓ succeeded in 4:00:00"),
        (15_460, "had passed 1:00 before its end",
         "✓ succeeded in 4:01:00 · after its deadline of 4:00:00"),
    ],
)  # fmt: skip
def test_an_end_after_the_deadline_is_said_to_be_so(end: int, said: str, ending: str) -> None:
    summary = mission_pb2.MissionSummary(
        name="fix-1", status="succeeded", launched_at=Timestamp(seconds=1_000),
        ended_at=Timestamp(seconds=end), deadline=14_400,
    )  # fmt: skip
    assert deadline_line(summary, 1e9) == f"deadline 4:00:00 from its launch: {said}"
    first = shown(outcome.ending(mission_pb2.Mission(summary=summary))).splitlines()[0]
    assert first == ending
