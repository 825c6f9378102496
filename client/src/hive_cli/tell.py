"""`hive tell`: a hint for a task."""

import json
import sys

import click

from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.target import tell_hive
from hive_client.answers import Told
from hive_client.hive import Hive


@click.command("tell")
@click.argument("task", metavar="MISSION[/PHASE[/TASK]]")
@click.argument("text", nargs=-1)
@verb
def tell_command(task: str, text: tuple[str, ...], as_json: bool) -> int:
    """Give a hint to the next attempts of a task.

    The attempt that is at work does not hear of it. TEXT may come on standard input, too.
    """
    mission, _, named = task.partition("/")
    hint = " ".join(text) or ("" if sys.stdin.isatty() else sys.stdin.read())
    if not hint.strip():
        raise Problem(
            "there is nothing to tell",
            code="invalid",
            where="TEXT",
            remedy="write it behind the task",
        )
    told: list[Told] = []

    async def tell(hive: Hive) -> None:
        told.append(await hive.tell(mission, hint, named))

    tell_hive("tell", tell)
    name = f"{mission}/{told[0].task}"
    if as_json:
        print(json.dumps({"result": "told", "exit": 0, "task": name}))
    else:
        click.echo(f"told {name} · its next attempt hears it")
    return Exit.SUCCESS
