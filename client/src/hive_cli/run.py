"""`hive run`: from a file or a prompt to a mission that is followed to its end."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Final

import click

from hive_cli.exits import Exit
from hive_cli.follow import follow
from hive_cli.preview import as_data, globs_of, preview
from hive_cli.problems import verb
from hive_cli.seen_red import Unseen, unseen
from hive_cli.statement import ANY_AGENT, Statement, read_statement
from hive_cli.target import ask_hive, tell_hive
from hive_client.answers import Launched
from hive_client.copied import copied_in
from hive_client.hive import Hive
from hive_client.tracked import found
from hive_shared.settings import ClientSettings, load

_NAMED = 10
"""Files that are copied in, named before a launch."""
FOLLOW_SECONDS = 120
"""How long a hive that went away while it was followed is waited for."""
RUNNER_SECONDS: Final = 10.0
"""How long a runner is waited for where none is connected: the hive may have come up just now."""
_AGAIN_SECONDS: Final = 0.2


@click.command("run")
@click.argument("what", metavar='FILE|"PROMPT"')
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    help="The repository (default: the mission's, else here).",
)
@click.option("--gate", "gates", multiple=True, help="A gate's name or a command; may be repeated.")
@click.option("--no-gates", is_flag=True, help="Allow a mission that nothing checks.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done; start nothing.")
@click.option("--no-wait", is_flag=True, help="Exit with status 3 when a person is asked.")
@verb
def run_command(
    what: str,
    repo: Path | None,
    gates: tuple[str, ...],
    no_gates: bool,
    only_plan: bool,
    no_wait: bool,
    as_json: bool,
) -> int:
    """Launch a mission and follow it to its end. Ctrl-C leaves it running.

    Exit status: 0 success, 1 failed, 2 refused before start, 3 waits for a person, 4 cancelled,
    5 paused at a cap of its budget.
    """
    if only_plan:
        # No hive is needed: who the only agent is, is known at launch.
        with read_statement(what, repo, gates, no_gates, lambda: [ANY_AGENT]) as stated:
            return _show_plan(stated, as_json)
    with read_statement(what, repo, gates, no_gates, lambda: ask_hive(_agents)) as stated:
        if not as_json:
            click.echo("\n".join(_checked(stated)))
    launched = tell_hive("run", lambda hive: hive.launch(stated.plan))
    wait = not no_wait and sys.stdout.isatty()

    async def followed(hive: Hive) -> Exit:
        id, position = launched.mission_id, launched.position
        return await follow(hive, id, position, as_json=as_json, wait=wait)

    try:
        if not as_json:
            click.echo(f"launched {launched.name} · Ctrl-C leaves it running; {_stops(launched)}")
        return ask_hive(followed, patience=FOLLOW_SECONDS)
    except KeyboardInterrupt:
        return left_running(launched.name, as_json)


def left_running(name: str, as_json: bool) -> Exit:
    if not as_json:
        click.echo(f"\n{name} goes on · next: hive watch {name} · hive mission show {name}")
    return Exit.DETACHED


def _show_plan(stated: Statement, as_json: bool) -> int:
    items = {phase: found(stated.checkout, globbed) for phase, globbed in globs_of(stated)}
    if as_json:
        print(json.dumps(as_data(stated, items, _unseen(stated))))
    else:
        click.echo("\n".join(preview(stated, items, _unseen(stated))))
    return Exit.SUCCESS


async def _agents(hive: Hive) -> list[str]:
    """The profiles that connected runners have a command for."""
    until = time.monotonic() + RUNNER_SECONDS
    while True:
        views = await hive.operations.runners()
        connected = [view for view in views if view.status == "connected"]
        if connected or time.monotonic() > until:
            return [agent for view in connected for agent in view.agents]
        await asyncio.sleep(_AGAIN_SECONDS)


def _checked(stated: Statement) -> list[str]:
    checkout = stated.checkout
    base = f"{checkout.branch or 'detached'}@{checkout.commit[:7]}"
    changed = " · uncommitted changes are not part of it" if checkout.changed else ""
    unseen = " · .hive/repo.yaml is not committed and does not count" * checkout.file_is_new
    lines = [f"checked  {stated.what} · base {base}{changed}{unseen}"]
    # A repository elsewhere has no ignored files of a person.
    copied = [] if checkout.url else copied_in(checkout.path, checkout.file.copy)
    if copied:
        more = f" and {len(copied) - _NAMED} more" if len(copied) > _NAMED else ""
        lines.append(f"copies   {', '.join(copied[:_NAMED])}{more} into each worktree")
    lines += [f"         {line}" for line in _unseen(stated).lines()]
    return lines


def _unseen(stated: Statement) -> Unseen:
    return unseen(load(ClientSettings).data, stated.plan, stated.checkout)


def _stops(launched: Launched) -> str:
    return f"`hive cancel {launched.name}` stops it"
