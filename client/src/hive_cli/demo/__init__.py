"""`hive demo`: a mission that survives the kill of its hive."""

from pathlib import Path

import click

from hive_cli.exits import Exit
from hive_cli.problems import verb


@click.command("demo")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Work in this new folder, and keep it."
)
@verb
def demo_command(keep: Path | None, as_json: bool) -> int:
    """See a mission survive the kill of its hive, in a minute. No model is asked.

    Starts a hive of its own in a temporary folder, runs a mission on a small repository, kills the
    orchestrator and the runner midway, and checks that every task was merged once. Exits with 1
    where it was not.
    """
    from hive_cli.demo.story import tell

    return Exit.SUCCESS if tell(keep, as_json=as_json) else Exit.FAILED
