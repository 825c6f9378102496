"""`hive discard`: an ended mission's work may go. And what the screens say of it afterwards."""

import json
import sys
from collections.abc import Iterator

import click

from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive, tell_hive
from hive_client.branch import branch_of
from hive_client.hive import ENDED, Hive
from hive_contracts.v1 import mission_pb2


@click.command("discard")
@click.argument("mission")
@click.option("--reason", default="", help="Why.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@verb
def discard_command(mission: str, reason: str, yes: bool, as_json: bool) -> int:
    """Say that what a mission made and nobody landed may go.

    The mission must have ended. What is in your own repository stays as it is; runners let go of
    the work that they keep, and the hive of the mission's bundles and outputs when they are due.
    """
    view = ask_hive(lambda hive: hive.get(mission))
    name = view.summary.name
    if view.summary.status not in ENDED:
        raise Problem(
            "the mission has not ended", code="conflict", where=name, remedy=f"hive cancel {name}"
        )
    if view.HasField("released"):
        return _said(view, f"{discarded(view)}; nothing to do", as_json)
    lines = list(stakes(view))
    if lines and not yes:
        _confirm(view, lines, as_json)

    async def discard(hive: Hive) -> None:
        position = await hive.discard(mission, reason)
        await hive.get(mission, at_least_position=position)

    tell_hive("discard", discard)
    return _said(view, f"discarded {name}: runners let go of its work within minutes", as_json)


def discarded(view: mission_pb2.Mission) -> str:
    """`fix-1 was discarded by admin on 2026-01-31: a dead end`."""
    released = view.released
    why = f": {released.reason}" if released.reason else ""
    day = released.at.ToDatetime().strftime("%Y-%m-%d")
    return f"{view.summary.name} was discarded by {released.by} on {day}{why}"


def stakes(view: mission_pb2.Mission) -> Iterator[str]:
    """What would go, a line each; nothing where nothing is known of."""
    landed = view.HasField("landed") and view.landed.commit == view.tip.commit
    work = [task for task in view.tasks if task.kind == "work"]
    merged = [task for task in work if task.merged]
    if merged and not landed:
        yield f"{branch_of(view)}: the work of {_many(len(merged), 'task')}{_size(merged)}"
    made = [task for task in work if task.result.commit and not task.merged]
    if made:
        yield f"{_many(len(made), 'task')} whose work was not merged{_size(made)}"
    if others := sum(task.attempt for task in work) - len(merged) - len(made):
        yield f"what {_many(others, 'other attempt')} may have left, under refs/hive/kept"


def _size(tasks: list[mission_pb2.TaskView]) -> str:
    added = sum(task.result.insertions for task in tasks)
    taken = sum(task.result.deletions for task in tasks)
    return f" (+{added} −{taken} lines)"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _confirm(view: mission_pb2.Mission, lines: list[str], as_json: bool) -> None:
    """Raises Problem where the person says no, or nobody can be asked."""
    name = view.summary.name
    if as_json or not sys.stdin.isatty():
        raise Problem(
            f"this would let go of {', '.join(lines)}",
            code="invalid",
            where=name,
            remedy=f"hive discard {name} --yes",
        )
    click.echo(f"{name} · {view.summary.status}. This lets go of")
    for line in lines:
        click.echo(f"  {line}")
    if view.tip.chain:
        click.echo(f"To keep it as a branch of your own first: hive diff {name}")
    if not click.confirm("Discard it?"):
        raise Problem("nothing was discarded", code="cancelled", where=name)


def _said(view: mission_pb2.Mission, text: str, as_json: bool) -> int:
    body = {"result": "discarded", "exit": 0, "mission": view.summary.name}
    click.echo(json.dumps(body) if as_json else text)
    return Exit.SUCCESS
