"""`hive answer`: what a person says to the question of an agent."""

import json
import sys

import click

from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.target import tell_hive
from hive_client.answers import Told
from hive_client.hive import Hive


@click.command("answer")
@click.argument("task", metavar="MISSION[/PHASE[/TASK]]")
@click.argument("text", nargs=-1)
@verb
def answer_command(task: str, text: tuple[str, ...], as_json: bool) -> int:
    """Answer what an agent asks.

    The task may be left out where only one asks. TEXT may come on standard input, too; where a
    question offers answers, it is one of them, such as allow or deny.
    """
    mission, _, named = task.partition("/")
    said = " ".join(text) or ("" if sys.stdin.isatty() else sys.stdin.read())
    if not said.strip():
        raise Problem(
            "there is no answer",
            code="invalid",
            where="TEXT",
            remedy="write it behind the task",
        )
    told: list[Told] = []

    async def answer(hive: Hive) -> None:
        answered = await hive.answer(mission, said, named)
        await hive.get(mission, at_least_position=answered.position)
        told.append(answered)

    tell_hive("answer", answer)
    name = f"{mission}/{told[0].task}"
    if as_json:
        print(json.dumps({"result": "answered", "exit": 0, "task": name}))
    else:
        click.echo(f"answered {name} · it goes on · next: hive mission show {mission}")
    return Exit.SUCCESS
