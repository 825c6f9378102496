"""What a person sees of a mission: pure functions of its view."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hive_cli.activity import IDLE, NOTHING, Now
from hive_cli.budget import budget_line, near, paused_line
from hive_cli.harmless import harmless
from hive_cli.spending import spending, tokens
from hive_contracts.v1 import mission_pb2, plan_pb2

MANY: Final = 24
"""More tasks than this are counted, and only those at work or in trouble are shown."""
FEW: Final = 8
"""Changed tests, and protected paths, that the end of a mission names."""
BASE: Final = "base"
"""The mission's own task that runs its gates on the base."""
LEAST: Final = 12
MOST: Final = 72
"""Columns that what is done at this moment takes; with less than the least it is left out."""
DONE: Final = frozenset({"succeeded", "failed", "cancelled"})

_MARKS: Final = {
    "queued": ("○", "dim"),
    "leased": ("◐", "yellow"),
    "running": ("●", "cyan"),
    "backing-off": ("◌", "yellow"),
    "awaiting-approval": ("?", "magenta"),
    "awaiting-check": ("◷", "yellow"),
    "taken": ("✎", "magenta"),
    "awaiting-answer": ("?", "magenta"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("–", "dim"),
}
_RESULTS: Final = {"succeeded": "green", "failed": "red", "refused": "red", "cancelled": "yellow"}


def duration(seconds: float) -> str:
    """`3:05`, `1:02:03`."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def progress(
    mission: mission_pb2.Mission, now: Mapping[str, Now] = NOTHING, width: int = 0
) -> RenderableType:
    """The mission while it goes on. `now` is what is done at this moment, by task id, told within
    `width` columns."""
    parts: list[RenderableType] = [_tasks_table(at_hand(mission.tasks), now, width)]
    if len(mission.tasks) > MANY:
        parts.append(Text(f"  {counts(mission.tasks)}", style="dim"))
    parts += [_waiting_phase(phase) for phase in mission.phases if phase.status == "waiting"]
    parts += [
        Text(f"  … waits for a run of {name} to succeed", style="magenta")
        for name in mission.unmet_prerequisites
    ]
    parts += question_lines(mission)
    if budget := budget_line(mission):
        parts.append(Text(f"  budget {budget}", style="dim"))
    parts += approval_lines(mission)
    parts += [Text(f"    {step}") for step in taken_steps(mission)]
    if mission.HasField("pause"):
        parts += pause_lines(mission)
    return Group(*parts)


def meanwhile(mission: mission_pb2.Mission) -> list[str]:
    """What a person may type while agents are at work; nothing where none is."""
    name = mission.summary.name
    at_work = [
        f"{name}/{task_name(task)}"
        for task in mission.tasks
        if task.kind == "work" and task.status in ("leased", "running")
    ]
    if not at_work:
        return []
    first = at_work[0]
    return [f"hive logs -f {name}", f'hive tell {first} "…"', f"hive take {first}"]


def pause_lines(mission: mission_pb2.Mission) -> list[Text]:
    """Why it is paused, and the command that lets it go on."""
    return [
        Text(f"  ‖ {paused_line(mission)}", style="bold magenta"),
        Text(f"    {near(mission)}"),
    ]


def taken_steps(mission: mission_pb2.Mission) -> list[str]:
    """What is typed next of tasks that people have."""
    name = mission.summary.name
    taken = [task for task in mission.tasks if task.status == "taken"]
    return [f"hive give {name}/{task_name(task)}" for task in taken[:FEW]]


def origin(view: mission_pb2.Mission) -> str:
    """The issue that a mission was launched for; empty without one."""
    if not view.HasField("origin"):
        return ""
    told = view.origin
    return f"{told.issue} {harmless(told.title)} · asked by {told.by} · {told.url}"


def taken_by(task: mission_pb2.TaskView) -> str:
    """`taken by ann since 14:03`, and what of its agent's work is there."""
    taken = task.taken
    since = taken.since.ToDatetime(UTC).astimezone().strftime("%H:%M")
    said = f"taken by {taken.by} since {since}"
    if taken.awaited:
        return f"{said}, its agent's turn is being ended"
    if taken.lost:
        return f"{said}, nothing was handed over: {taken.lost}"
    return said


def question_lines(mission: mission_pb2.Mission) -> list[Text]:
    """What agents ask, and the command that answers."""
    lines: list[Text] = []
    tasks = {task.task_id: task_name(task) for task in mission.tasks}
    for asked in mission.questions:
        name = tasks.get(asked.task_id, "a task")
        first, *more = harmless(asked.text).splitlines() or [""]
        lines.append(Text(f"  ? {name} asks: {first}", style="bold magenta"))
        lines += [Text(f"    {line}") for line in more]
        lines.append(Text(f"    {answer_command(mission, asked)}"))
    return lines


def answer_command(mission: mission_pb2.Mission, asked: mission_pb2.PendingQuestion) -> str:
    """What a person types to answer."""
    tasks = {task.task_id: task_name(task) for task in mission.tasks}
    text = "|".join(asked.options) or '"…"'
    return f"hive answer {mission.summary.name}/{tasks.get(asked.task_id, '')} {text}"


def approval_lines(mission: mission_pb2.Mission) -> list[Text]:
    name = mission.summary.name
    lines: list[Text] = []
    tasks = {task.task_id: task_name(task) for task in mission.tasks}
    named = Counter(asked.gate for asked in mission.approvals)
    for asked in mission.approvals:
        gate = asked.gate
        if named[gate] > 1 and asked.task_id in tasks:
            gate = f"{tasks[asked.task_id]}/{gate}"
        lines.append(Text(f"  ? {asked.text}", style="bold magenta"))
        if asked.by:
            lines.append(Text(f"    only {' or '.join(asked.by)} may answer"))
        lines += [
            Text(f"    {made_line(mission, task)}")
            for task in mission.tasks
            if task.task_id == asked.task_id and task.result.HasField("made")
        ]
        lines.append(Text(f"    hive mission approve {name} --gate {gate}   (or reject)"))
    return lines


def made_line(mission: mission_pb2.Mission, task: mission_pb2.TaskView) -> str:
    """The file that a task made, and how to read it."""
    made, name = task.result.made, f"{mission.summary.name}/{task_name(task)}"
    return f"{made.name}, {made.file.size:,} bytes: hive output {name}"


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


def change_line(task: mission_pb2.TaskView) -> str:
    """A task's new state in one line, for where no screen can be kept."""
    mark, _ = _MARKS.get(task.status, ("·", ""))
    name = task_name(task)
    detail = _detail(task)
    return f"{mark} {name}: {task.status}{f' · {detail}' if detail else ''}"


def task_name(task: mission_pb2.TaskView) -> str:
    return f"{task.phase}/{task.name}" if task.phase else task.name


def counts(tasks: Iterable[mission_pb2.TaskView]) -> str:
    """`12 succeeded · 3 running`."""
    by_status = Counter(task.status for task in tasks)
    return " · ".join(f"{by_status[status]} {status}" for status in _MARKS if by_status[status])


def gate_line(gate: plan_pb2.GateResult, *, beside_base: bool = True) -> str:
    """`tests ✓ exit 0: 413 passed (base 412; +1, 0 gone, 0 newly skipped)`."""
    if gate.HasField("exit_code"):
        status = f"exit {gate.exit_code}"
        if gate.passed and gate.exit_code:
            status += ", as on the base" if beside_base else ", to compare with"
    else:
        status = gate.command if gate.passed else gate.reason or "did not end"
    line = f"{gate.name} {'✓' if gate.passed else '✗'} {status}"
    if not gate.HasField("tally"):
        return line
    tally = gate.tally
    counts = {"failed": tally.failed, "passed": tally.passed, "skipped": tally.skipped}
    shown = [f"{n} {word}" for word, n in counts.items() if n or word == "passed"]
    line += f": {', '.join(shown)}"
    if not beside_base or not gate.baseline.HasField("tests"):
        return line
    red = f", {tally.base_failed} failed" if tally.base_failed else ""
    newly = f", {tally.newly_failed} newly failing" if tally.newly_failed else ""
    return (
        f"{line} (base {tally.base_passed}{red}; +{tally.added}, {tally.gone} gone, "
        f"{tally.newly_skipped} newly skipped{newly})"
    )


def at_hand(tasks: Iterable[mission_pb2.TaskView]) -> list[mission_pb2.TaskView]:
    """The tasks that have a row."""
    every = list(tasks)
    if len(every) <= MANY:
        return every
    quiet = {"queued", "succeeded", "cancelled"}
    return [task for task in every if task.status not in quiet][:MANY]


def _tasks_table(tasks: list[mission_pb2.TaskView], now: Mapping[str, Now], width: int) -> Table:
    table = Table.grid(padding=(0, 2))
    room = width - _before_details(tasks)
    for task in tasks:
        mark, style = _MARKS.get(task.status, ("·", ""))
        detail = _detail(task, now.get(task.task_id, IDLE), room)
        table.add_row(
            Text(f"  {mark}", style=style), escape(task_name(task)), task.status, escape(detail)
        )
    return table


def _before_details(tasks: list[mission_pb2.TaskView]) -> int:
    """Columns: the mark, the name, the status, and what is between them."""
    names = max((cell_len(task_name(task)) for task in tasks), default=0)
    statuses = max((cell_len(task.status) for task in tasks), default=0)
    return 3 + 2 + names + 2 + statuses + 2


def _detail(task: mission_pb2.TaskView, now: Now = IDLE, room: int = 0) -> str:
    parts: list[str] = []
    if task.kind == "work" and (task.attempt > 1 or task.status not in DONE | {"queued"}):
        parts.append(f"attempt {max(task.attempt, 1)} of {task.attempts}")
    if task.status == "taken":
        return taken_by(task)
    if task.status in ("leased", "running") and task.step not in ("", task.kind, "work"):
        parts.append(task.step)
    if task.HasField("failure") and task.status != "succeeded":
        again = "after " if task.status in ("queued", "leased", "running") else ""
        parts.append(f"{again}{_reason(task.failure)}")
    elif task.gates:
        parts += [gate_line(gate, beside_base=task.name != BASE) for gate in task.gates]
    if task.kind == "work" and task.status == "succeeded":
        parts.append(_outcome(task))
    used = task.usage.input_tokens + task.usage.output_tokens + now.tokens
    spent = [tokens(used)] if now.tokens or task.HasField("usage") else []
    told = [part for part in parts if part]
    # One line with it or none: rows that grew and shrank would make the screen jump.
    left = room - cell_len(", ".join([*told, *spent])) - len(", ")
    if now.doing and left >= LEAST:
        told.append(_cut(now.doing, min(left, MOST)))
    return ", ".join([*told, *spent])


def _cut(line: str, columns: int) -> str:
    if cell_len(line) <= columns:
        return line
    return f"{set_cell_size(line, columns - 1).rstrip()}…"


def _reason(failure: plan_pb2.Failure) -> str:
    """Whose failure it was, unless its text says so, and what happened."""
    said = failure.detail
    return said if failure.kind in said else f"{failure.kind}: {said}"


def _outcome(task: mission_pb2.TaskView) -> str:
    done = task.result
    if done.defects:
        first, *more = done.defects.splitlines()
        return f"defects: {first}{' …' if more else ''}"
    if done.no_change:
        return f"nothing to change: {done.no_change}"
    changed = f"{files(done.files)} +{done.insertions} −{done.deletions}" if done.commit else ""
    also = f", {left_over(done.left_over)}" if done.left_over else ""
    return f"{changed}{' merged' if task.merged else ''}{also}"


def left_over(number: int) -> str:
    """What a command left at work."""
    were = "process was left over, and was" if number == 1 else "processes were left over, and were"
    return f"{number} {were} ended"


def _waiting_phase(phase: mission_pb2.PhaseView) -> Text:
    return Text(f"  ○ {phase.name}, after {', '.join(phase.needs) or 'the start'}", style="dim")


def _failed_line(task: mission_pb2.TaskView) -> RenderableType:
    line = Text(f"  ✗ {task_name(task)}: {_reason(task.failure)}", style="red")
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


def files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


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
