"""`hive logs`: what a mission's commands print, as it was and as it comes."""

import asyncio
from collections.abc import Iterable

import click

from hive_cli.exits import Exit
from hive_cli.printed import Printed, Told
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive
from hive_cli.task_row import DONE, task_name
from hive_client.hive import ENDED, Hive
from hive_contracts.v1 import mission_pb2

PRINTING: frozenset[str] = frozenset({"work", "gate", "expand"})
"""Kinds of tasks that may run commands."""
AT_WORK: frozenset[str] = frozenset({"leased", "running"})
FOLLOWED = 256
"""Tasks that are followed at a time."""


@click.command("logs")
@click.argument("what", metavar="MISSION[/PHASE[/TASK]]")
@click.option("-f", "--follow", is_flag=True, help="Then what comes, until it has ended.")
@click.option("--attempt", type=click.IntRange(min=1), help="Of this attempt alone.")
@click.option("--raw", is_flag=True, help="As it was printed: JSON, and all that moves a terminal.")
@verb
def logs_command(what: str, follow: bool, attempt: int | None, raw: bool, as_json: bool) -> int:
    """Show what the commands of a task printed: set-up, agent, gates, attempt after attempt.

    What an agent prints for programs is shown as text: what it says, its tools, what they answer.

    Of a whole mission or phase each line says whose it is; with --follow the tasks at work are
    shown. Output goes to stdout, what is said about it to stderr. Ctrl-C ends the showing alone.
    """
    mission, _, path = what.partition("/")

    async def shown(hive: Hive) -> None:
        view = await hive.get(mission)
        tasks = chosen(view, path)
        if raw and len(tasks) != 1:
            raise Problem(
                f"{len(tasks)} tasks cannot be shown raw", code="invalid", where=what,
                remedy=f"name one: `hive mission show {view.summary.name}` lists them",
            )  # fmt: skip
        names = [task_name(task) for task in tasks]
        printed = Printed(view.summary.name, names, as_json=as_json, raw=raw)
        try:
            if follow and len(tasks) != 1 and view.summary.status not in ENDED:
                await _follow(hive, path, view, printed, attempt or 0)
            else:
                for task in tasks:
                    await _tell(hive, task, printed, attempt or 0, follow=follow)
        finally:
            printed.finish()

    try:
        ask_hive(shown, patience=120)
    except BrokenPipeError:
        # Whoever read has what it wanted; at the exit nothing more is to be written.
        Printed.abandon()
    return Exit.SUCCESS


def chosen(view: mission_pb2.Mission, path: str) -> list[mission_pb2.TaskView]:
    """The tasks that are meant; of several, those that run commands. Raises Problem."""
    if not path:
        return [task for task in view.tasks if task.kind in PRINTING]
    exact = [task for task in view.tasks if path == task_name(task)]
    if exact:
        return exact
    of_phase = [task for task in view.tasks if task.phase == path and task.kind in PRINTING]
    if of_phase or any(phase.name == path for phase in view.phases):
        return of_phase
    named = [task for task in view.tasks if task.name == path]
    if len(named) == 1:
        return named
    raise _nothing(view, path, named)


async def _tell(
    hive: Hive,
    task: mission_pb2.TaskView,
    printed: Printed,
    attempt: int,
    *,
    follow: bool,
    from_epoch: int = 0,
) -> int:
    """Show one task's output; answers its last epoch that was told."""
    told = Told(printed, task_name(task))
    last = from_epoch - 1
    answers = hive.logs(task.task_id, attempt=attempt, follow=follow, from_epoch=from_epoch)
    async for answer in answers:
        last = max(last, answer.epoch)
        told.take(answer)
    told.finish()
    if last < max(from_epoch, 1) and not follow:
        told.note(_why_nothing(task, attempt))
    return last


async def _follow(
    hive: Hive, path: str, view: mission_pb2.Mission, printed: Printed, attempt: int
) -> None:
    """Show the tasks at work, as they come and go, until the mission has ended."""
    followed: dict[str, asyncio.Task[int]] = {}
    told: dict[str, int] = {}
    ended = sum(task.status in DONE for task in chosen(view, path))
    if ended:
        name = view.summary.name
        printed.say(f"{ended} tasks have ended: `hive logs {name}` shows them too")
    async with asyncio.TaskGroup() as group:
        async for change in hive.watch(view.summary.mission_id):
            for id, following in list(followed.items()):
                if following.done():
                    told[id] = following.result()
                    del followed[id]
            for task in _of(change.mission, change.tasks, path):
                if task.status not in AT_WORK or task.task_id in followed:
                    continue
                if len(followed) == FOLLOWED:
                    printed.say(f"{task_name(task)} is not shown: {FOLLOWED} tasks are")
                    continue
                begin = told.get(task.task_id, 0) + 1
                if task.epoch >= begin:
                    followed[task.task_id] = group.create_task(
                        _tell(hive, task, printed, attempt, follow=True, from_epoch=begin)
                    )
            if change.mission.summary.status in ENDED:
                break


def _of(
    mission: mission_pb2.Mission, changed: Iterable[mission_pb2.TaskView], path: str
) -> list[mission_pb2.TaskView]:
    """Of the tasks that changed those that are meant."""
    wanted = {task.task_id for task in chosen(mission, path)}
    return [task for task in changed if task.task_id in wanted]


def _why_nothing(task: mission_pb2.TaskView, attempt: int) -> str:
    if attempt:
        return f"there is no attempt {attempt}; it is {task.status}"
    return f"nothing was printed yet; it is {task.status}"


def _nothing(view: mission_pb2.Mission, path: str, named: list[mission_pb2.TaskView]) -> Problem:
    name = view.summary.name
    if named:
        choices = ", ".join(f"{name}/{task_name(task)}" for task in named)
        return Problem(
            f"several tasks are called {path}", code="invalid", where=name,
            remedy=f"name one: {choices}",
        )  # fmt: skip
    return Problem(
        f"there is no phase or task {path}", code="not-found", where=name,
        remedy=f"`hive mission show {name}` lists its tasks",
    )  # fmt: skip
