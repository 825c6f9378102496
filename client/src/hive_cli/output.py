"""`hive output`: the file that a task was to make, as it was kept."""

import json
import sys
import tempfile

import click

from hive_cli.exits import Exit
from hive_cli.harmless import harmless
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive
from hive_cli.task_row import task_name
from hive_client.hive import Hive
from hive_contracts.v1 import mission_pb2


@click.command("output")
@click.argument("task", metavar="MISSION[/PHASE[/TASK]]")
@verb
def output_command(task: str, as_json: bool) -> int:
    """The file that a task was to make (its `output`), as it was kept.

    The task may be left out where only one has made a file. On a terminal it is shown without what
    could drive the terminal; anywhere else byte for byte.
    """
    mission, _, named = task.partition("/")

    async def fetched(hive: Hive) -> tuple[mission_pb2.TaskView, bytes]:
        found = _choose(await hive.get(mission), named)
        with tempfile.TemporaryFile() as file:
            await hive.fetch(found.result.made.file.digest, file)
            file.seek(0)
            return found, file.read()

    found, content = ask_hive(fetched)
    if as_json:
        body = {"task": f"{mission}/{task_name(found)}", "name": found.result.made.name}
        text = content.decode("utf-8", "replace")
        print(json.dumps({"result": "shown", "exit": 0, **body, "text": text}))
    elif sys.stdout.isatty():
        click.echo(harmless(content.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    return Exit.SUCCESS


def _choose(view: mission_pb2.Mission, named: str) -> mission_pb2.TaskView:
    """Raises Problem."""
    made = [task for task in view.tasks if task.result.HasField("made")]
    found = [task for task in made if named in ("", task.name, task_name(task))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(task_name(task) for task in made) or "none so far"
    what = f"no task of {view.summary.name} has made a file"
    if len(found) > 1:
        what = f"several tasks of {view.summary.name} have made a file"
    elif named:
        what = f"{named} has made no file"
    raise Problem(what, code="not-found", where="TASK", remedy=f"those that have: {names}")
