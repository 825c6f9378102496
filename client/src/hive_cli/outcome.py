"""What a person sees of a mission that has ended: pure functions of its view."""

from collections.abc import Iterator
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.text import Text

from hive_cli.budget import budget_line
from hive_cli.screen import FEW, duration
from hive_cli.spending import spending
from hive_cli.task_row import BASE, gate_line, left_over, made_line, reason, task_name
from hive_contracts.v1 import mission_pb2, plan_pb2

_RESULTS: Final = {"succeeded": "green", "failed": "red", "refused": "red", "cancelled": "yellow"}


def ending(mission: mission_pb2.Mission) -> RenderableType:
    """The mission when it has ended."""
    summary = mission.summary
    seconds = (summary.ended_at.ToNanoseconds() - summary.launched_at.ToNanoseconds()) / 1e9
    took = f" in {duration(seconds)}" if summary.HasField("ended_at") else ""
    mark = "✓" if summary.status == "succeeded" else "✗"
    line = f"{mark} {summary.status}{took}"
    if summary.HasField("deadline") and seconds > summary.deadline:
        line += f" · after its deadline of {duration(summary.deadline)}"
    if used := spending(mission.tasks):
        line += f" · {used}"
    if budget := budget_line(mission):
        line += f" · budget {budget}"
    if summary.reason:
        line += f" · {summary.reason}"
    parts: list[RenderableType] = [Text(line, style=f"bold {_RESULTS.get(summary.status, '')}")]
    parts += [_failed_line(task) for task in mission.tasks if task.status == "failed"]
    parts += [Text(line) for line in _results(mission)]
    parts += [Text(f"  {line}") for line in became(mission)]
    if summary.status in ("failed", "refused"):
        parts.append(Text(f"  next   hive why {summary.name} · {again(mission)}"))
    return Group(*parts)


def again(mission: mission_pb2.Mission) -> str:
    """What is typed to have it done again, or to see the mission that does it."""
    shown = f"hive mission show {mission.again_as}"
    return shown if mission.again_as else _retry_command(mission)


def _retry_command(mission: mission_pb2.Mission) -> str:
    """All of it again, or what failed, where that is a part of it."""
    failed = any(task.status == "failed" and task.kind == "work" for task in mission.tasks)
    return f"hive retry {mission.summary.name}{' --failed' if failed else ''}"


def became(mission: mission_pb2.Mission) -> Iterator[str]:
    """What people did with its work."""
    if mission.again_as:
        yield f"goes on as {mission.again_as}, which does again what failed, and brings all home"
    if mission.HasField("landed"):
        landed = mission.landed
        into = f" into {landed.branch}" if landed.branch else ""
        yield f"landed {landed.commit[:7]}{into} on {_day(landed.at)}, by {landed.by}"
    if mission.HasField("released"):
        released = mission.released
        why = f": {released.reason}" if released.reason else ""
        yield f"discarded on {_day(released.at)}, by {released.by}{why}"


def _day(at: Timestamp) -> str:
    return at.ToDatetime().strftime("%Y-%m-%d")


def _failed_line(task: mission_pb2.TaskView) -> RenderableType:
    line = Text(f"  ✗ {task_name(task)}: {reason(task.failure)}", style="red")
    if not task.failure.tail:
        return line
    tail = "\n".join(f"      {row}" for row in task.failure.tail.rstrip().splitlines()[-12:])
    return Group(line, Text(tail, style="dim"))


def _results(mission: mission_pb2.Mission) -> list[str]:
    name = mission.summary.name
    lines: list[str] = []
    made = [task for task in mission.tasks if task.result.HasField("made")]
    lines += [f"  made   {made_line(mission, task)}" for task in made[:FEW]]
    final = [task for task in mission.tasks if task.kind == "gate" and task.name != BASE]
    for task in final:
        lines += [line for gate in task.gates for line in _gate_results(gate)]
    work = [task for task in mission.tasks if task.kind == "work"]
    merged = [task for task in work if task.merged]
    if work:
        added = sum(task.result.insertions for task in merged)
        removed = sum(task.result.deletions for task in merged)
        idle = sum(bool(task.result.no_change) for task in work)
        nothing = f", {idle} had nothing to change" if idle else ""
        lines.append(f"  work   {len(merged)} of {len(work)} merged{nothing}: +{added} −{removed}")
        lines += remarkable([task.result for task in merged])
    if merged and mission.tip.chain:
        lines.append(f"  branch hive/{name} at {mission.tip.commit[:7]}")
        decided = mission.HasField("landed") or mission.HasField("released") or mission.again_as
        more = "" if decided else f" · hive land {name} · hive pr {name}"
        if mission.summary.status == "succeeded" and any(t.status == "failed" for t in work):
            more += f" · {again(mission)}"
        lines.append(f"  next   hive diff {name}{more}")
    return lines


def _gate_results(gate: plan_pb2.GateResult) -> list[str]:
    if gate.commit:
        # Without a status GitHub may have judged it, and not the hive.
        ran = ", run by the hive in a clean checkout" if gate.HasField("exit_code") else ""
        how = f" at {gate.commit[:7]}{ran}"
    else:
        how = ", run by the hive" if gate.HasField("exit_code") else ", asked by the hive"
    lines = [f"  gate   {gate_line(gate)}{how}"]
    if gate.flaky:
        lines.append(f"  ! flaky, failed and passed when run again: {', '.join(gate.flaky)}")
    return lines


def remarkable(results: list[plan_pb2.WorkDone]) -> list[str]:
    """What of the merged work a person should look at: changed tests, protected paths, processes
    that outlived their command."""
    tests = [change for result in results for change in result.tests]
    lines = [
        f"  ! a test was changed: {change.path} +{change.insertions} −{change.deletions}"
        for change in tests[:FEW]
    ]
    more = sum(result.test_files for result in results) - len(lines)
    if more > 0:
        lines.append(f"  ! and {more} more test files were changed")
    paths = sorted({path for result in results for path in result.protected})
    if paths:
        others = f" and {len(paths) - FEW} more" if len(paths) > FEW else ""
        lines.append(f"  ! protected, changed with consent: {', '.join(paths[:FEW])}{others}")
    if outlived := sum(result.left_over for result in results):
        lines.append(f"  ! {left_over(outlived)}")
    return lines
