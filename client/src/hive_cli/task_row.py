"""A task in one line: its name, its mark, and what there is to say of it. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from typing import Final

from rich.cells import cell_len, set_cell_size

from hive_cli.activity import IDLE, Now
from hive_cli.spending import tokens
from hive_contracts.v1 import mission_pb2, plan_pb2

BASE: Final = "base"
"""The mission's own task that runs its gates on the base."""
LEAST: Final = 12
MOST: Final = 72
"""Columns that what is done at this moment takes; with less than the least it is left out."""
DONE: Final = frozenset({"succeeded", "failed", "cancelled"})

MARKS: Final = {
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


def change_line(task: mission_pb2.TaskView) -> str:
    """A task's new state in one line, for where no screen can be kept."""
    mark, _ = MARKS.get(task.status, ("·", ""))
    name = task_name(task)
    detail = said_of(task)
    return f"{mark} {name}: {task.status}{f' · {detail}' if detail else ''}"


def task_name(task: mission_pb2.TaskView) -> str:
    return f"{task.phase}/{task.name}" if task.phase else task.name


def counts(tasks: Iterable[mission_pb2.TaskView]) -> str:
    """`12 succeeded · 3 running`."""
    by_status = Counter(task.status for task in tasks)
    return " · ".join(f"{by_status[status]} {status}" for status in MARKS if by_status[status])


def made_line(mission: mission_pb2.Mission, task: mission_pb2.TaskView) -> str:
    """The file that a task made, and how to read it."""
    made, name = task.result.made, f"{mission.summary.name}/{task_name(task)}"
    return f"{made.name}, {made.file.size:,} bytes: hive output {name}"


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


def said_of(task: mission_pb2.TaskView, now: Now = IDLE, room: int = 0) -> str:
    parts: list[str] = []
    if task.kind == "work" and (task.attempt > 1 or task.status not in DONE | {"queued"}):
        parts.append(f"attempt {max(task.attempt, 1)} of {task.attempts}")
    if task.status == "taken":
        return taken_by(task)
    if task.status in ("leased", "running") and task.step not in ("", task.kind, "work"):
        parts.append(task.step)
    if task.HasField("failure") and task.status != "succeeded":
        again = "after " if task.status in ("queued", "leased", "running") else ""
        parts.append(f"{again}{reason(task.failure)}")
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


def reason(failure: plan_pb2.Failure) -> str:
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


def files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
