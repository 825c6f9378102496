"""`hive why`: what happened to a mission, why it stands as it does, and what to type next."""

import json
from collections.abc import Iterator, Sequence

import click
from rich.text import Text

from hive_cli import outcome, screen
from hive_cli.account import KINDS, Line, account, shortened
from hive_cli.budget import budget_line, near, paused_line
from hive_cli.console import console
from hive_cli.discard import stakes
from hive_cli.exits import Exit
from hive_cli.harmless import harmless
from hive_cli.problems import verb
from hive_cli.target import ask_hive
from hive_cli.task_row import counts, gate_line, taken_by, task_name
from hive_cli.waiting import paths_are_taken, runners_lack
from hive_client.hive import ENDED, Hive
from hive_contracts.envelope import Recorded
from hive_contracts.v1 import event_pb2, mission_pb2, plan_pb2

_PAGE = 500
MAX_EVENTS = 200_000
"""Of one mission, that are read to tell of it."""
MAX_TAIL = 15
"""Lines of a failed gate's output."""


@click.command("why")
@click.argument("mission")
@verb
def why_command(mission: str, as_json: bool) -> int:
    """What happened to a mission and why, in sentences, and the next command to type."""

    async def asked(hive: Hive) -> tuple[mission_pb2.Mission, list[Recorded], list[str]]:
        view = await hive.get(mission)
        events = await _events(hive, view.summary.name)
        if view.summary.status in ENDED:
            return view, events, []
        report = (await hive.operations.health()).report
        lack = [*runners_lack(view, events, await hive.operations.runners(), report)]
        return view, events, [*lack, *paths_are_taken(events)]

    view, events, waits = ask_hive(asked)
    lines = account(events)
    reasons, steps = list(why(view, waits)), list(next_steps(view))
    if as_json:
        body = {
            "mission": view.summary.name,
            "status": view.summary.status,
            "for": screen.origin(view),
            "why": reasons,
            "happened": [
                {"at": line.at.isoformat(), "text": line.text, "times": line.times}
                for line in lines
            ],
            "next": steps,
        }
        print(json.dumps(body))
        return Exit.SUCCESS
    _show(view, lines, reasons, steps)
    return Exit.SUCCESS


def why(view: mission_pb2.Mission, waits: Sequence[str] = ()) -> Iterator[str]:
    """Why the mission is as it is. `waits`: why what is ready does not begin."""
    summary = view.summary
    if summary.status in ENDED:
        if summary.reason:
            yield summary.reason
        for task in view.tasks:
            if task.status == "failed":
                yield from _failed(task, summary.reason)
        return
    if view.HasField("pause"):
        yield f"it is {paused_line(view)}"
    if budget := budget_line(view):
        yield f"its budget: {budget}"
    yield from (f"it waits until a run of {name} succeeds" for name in view.unmet_prerequisites)
    yield from (f"it waits for a person: {asked.text}" for asked in view.approvals)
    tasks = {task.task_id: task_name(task) for task in view.tasks}
    for question in view.questions:
        asker = tasks.get(question.task_id, "a task")
        yield f"{asker} waits for a person's answer: {harmless(question.text)}"
    for task in view.tasks:
        if task.status == "awaiting-approval" and task.failure.set_up:
            yield from _tail(task.failure)
    counted = counts(view.tasks)
    if counted:
        yield f"its tasks: {counted}"
    yield from waits
    for task in view.tasks:
        if task.status == "taken":
            yield f"{task_name(task)} is {taken_by(task)}"
        if task.status == "backing-off":
            yield f"{task_name(task)} waits before it is tried again: {task.failure.detail}"
            yield from _tail(task.failure)


def next_steps(view: mission_pb2.Mission) -> Iterator[str]:
    """Commands, the likeliest first."""
    name, status = view.summary.name, view.summary.status
    if view.HasField("pause"):
        yield near(view)
    for asked in view.approvals:
        yield f"hive mission approve {name} --gate {asked.gate}"
        yield f"hive mission reject {name} --gate {asked.gate} --note WHY"
    if status not in ENDED:
        yield from screen.taken_steps(view)
    yield from (screen.answer_command(view, asked) for asked in view.questions)
    if view.tip.chain:
        yield f"hive diff {name}"
    gone = view.HasField("released")
    landed = view.HasField("landed") or bool(view.again_as)
    if status == "succeeded" and view.tip.chain and not gone and not landed:
        yield f"hive land {name}"
    if status not in ENDED:
        if not (view.approvals or view.questions or view.HasField("pause")):
            yield f"hive watch {name}"
        yield from screen.meanwhile(view)
        yield (
            "hive status" if not (view.approvals or view.questions) else f"hive mission show {name}"
        )
        yield f"hive cancel {name}"
    if status in ENDED - {"succeeded"}:
        yield outcome.again(view)
    if status in ENDED - {"succeeded"} and not gone and any(stakes(view)):
        yield f"hive discard {name}"
    if status in ("failed", "refused"):
        yield f"hive events --mission {name}"


def _failed(task: mission_pb2.TaskView, told: str) -> Iterator[str]:
    """`told`: the mission's own reason, which may be this task's."""
    name, failure = task_name(task), task.failure
    tries = f" in {task.attempt} attempts" if task.attempt > 1 else ""
    detail = "" if failure.detail in told else f": {failure.detail}"
    yield f"{name} failed{tries}: {KINDS.get(failure.kind, failure.kind)}{detail}"
    for gate in task.gates:
        if not gate.passed:
            yield f"{name}: {gate_line(gate)}, of `{gate.command}`"
    if failure.files:
        what = "conflicts in" if failure.kind == "conflict" else "it is about"
        yield f"{name}: {what} {', '.join(failure.files)}"
    yield from _tail(failure)


def _tail(failure: plan_pb2.Failure) -> Iterator[str]:
    yield from (f"  {row}" for row in failure.tail.rstrip().splitlines()[-MAX_TAIL:])


async def _events(hive: Hive, name: str) -> list[Recorded]:
    events: list[Recorded] = []
    position = 0
    while len(events) < MAX_EVENTS:
        filter = event_pb2.EventFilter(mission=name)
        page = await hive.read(filter, after=position, limit=_PAGE)
        events += page.events
        position = page.next
        if position >= page.head:
            break
    return events


def _show(
    view: mission_pb2.Mission, lines: list[Line], reasons: Sequence[str], steps: Sequence[str]
) -> None:
    out = console()
    out.print(f"{view.summary.name} · {view.summary.status}", style="bold", markup=False)
    if origin := screen.origin(view):
        out.print(f"for     {origin}", markup=False)
    for part in shortened(lines):
        if isinstance(part, int):
            all_of_them = f"hive events --mission {view.summary.name}"
            out.print(Text(f"  …         {part} more ({all_of_them})", style="dim"))
            continue
        at = part.at.astimezone().strftime("%H:%M:%S")
        often = f"   ({part.times} times)" if part.times > 1 else ""
        out.print(Text(f"  {at}  {part.text}{often}", style="red" if part.bad else ""))
    for number, reason in enumerate(reasons):
        out.print(Text(f"{'because ' if number == 0 else '        '}{reason}"))
    for number, step in enumerate(steps):
        out.print(Text(f"{'next    ' if number == 0 else '        '}{step}"))
