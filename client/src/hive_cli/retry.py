"""`hive retry`: a mission that has ended, once more; all of it, or what failed."""

import json
from collections.abc import Iterator

import click

from hive_cli.exits import Exit
from hive_cli.problems import verb
from hive_cli.target import tell_hive
from hive_client.answers import Retried
from hive_client.hive import Hive

SHOWN = 12
"""Tasks that are named; the rest are counted."""


@click.command("retry")
@click.argument("mission")
@click.option("--failed", is_flag=True, help="Only its failed tasks, and what they held up.")
@verb
def retry_command(mission: str, failed: bool, as_json: bool) -> int:
    """Launch a mission that has ended once more, from the same base.

    With --failed only what failed is done again, and what was stopped or not begun because of it;
    what was merged stays, and the new mission goes on from there. Where nothing failed the exit
    status is 2.
    """

    async def retry(hive: Hive) -> Retried:
        launched = await hive.retry(mission, failed=failed)
        await hive.get(launched.mission_id, at_least_position=launched.position)
        return launched

    launched = tell_hive("retry", retry)
    if as_json:
        body = {"mission": launched.name, "mission_id": launched.mission_id}
        tasks = {"failed": launched.failed, "undone": launched.undone, "start": launched.start}
        said = {"result": "launched", "exit": 0, **body, **(tasks if failed else {})}
        print(json.dumps(said))
    else:
        for line in _lines(launched):
            click.echo(line)
    return Exit.SUCCESS


def _lines(launched: Retried) -> Iterator[str]:
    start = f" from {launched.start[:7]}" if launched.start else ""
    yield f"launched {launched.name}{start} · next: hive mission show {launched.name}"
    if launched.failed:
        yield f"  again  {_named(launched.failed)}"
    if launched.undone:
        yield f"  and    {_named(launched.undone)}, which were held up"


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
