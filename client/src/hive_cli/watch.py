"""`hive watch`: the screen of `hive run` again, of a mission that goes on."""

import sys

import click

from hive_cli.exits import Exit
from hive_cli.follow import follow
from hive_cli.problems import verb
from hive_cli.run import FOLLOW_SECONDS, left_running
from hive_cli.target import ask_hive
from hive_client.hive import Hive


@click.command("watch")
@click.argument("mission")
@click.option("--no-wait", is_flag=True, help="Exit with status 3 when a person is asked.")
@verb
def watch_command(mission: str, no_wait: bool, as_json: bool) -> int:
    """Follow a mission to its end, as `hive run` does. Ctrl-C leaves it running.

    With --json its events from the first one. The exit status is that of `hive run`.
    """
    wait = not no_wait and sys.stdout.isatty()

    async def followed(hive: Hive) -> Exit:
        view = await hive.get(mission)
        return await follow(hive, view.summary.mission_id, 0, as_json=as_json, wait=wait)

    try:
        return ask_hive(followed, patience=FOLLOW_SECONDS)
    except KeyboardInterrupt:
        return left_running(mission, as_json)
