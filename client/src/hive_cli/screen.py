"""What a person sees of a mission: pure functions of its view."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hive_cli.activity import IDLE, NOTHING, Now
from hive_cli.budget import budget_line, near, paused_line
from hive_cli.harmless import harmless
from hive_cli.task_row import MARKS, counts, made_line, said_of, task_name
from hive_contracts.v1 import mission_pb2

MANY: Final = 24
"""More tasks than this are counted, and only those at work or in trouble are shown."""
FEW: Final = 8
"""Changed tests, and protected paths, that the end of a mission names."""


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
        mark, style = MARKS.get(task.status, ("·", ""))
        detail = said_of(task, now.get(task.task_id, IDLE), room)
        table.add_row(
            Text(f"  {mark}", style=style), escape(task_name(task)), task.status, escape(detail)
        )
    return table


def _before_details(tasks: list[mission_pb2.TaskView]) -> int:
    """Columns: the mark, the name, the status, and what is between them."""
    names = max((cell_len(task_name(task)) for task in tasks), default=0)
    statuses = max((cell_len(task.status) for task in tasks), default=0)
    return 3 + 2 + names + 2 + statuses + 2


def _waiting_phase(phase: mission_pb2.PhaseView) -> Text:
    return Text(f"  ○ {phase.name}, after {', '.join(phase.needs) or 'the start'}", style="dim")
