"""`hive schema`: the JSON Schemas of the files, for editors."""

import os
from importlib import resources
from pathlib import Path
from typing import Final

import click

from hive_cli.detect.sight import top_of
from hive_cli.exits import Exit
from hive_cli.problems import verb
from hive_cli.written import write

FOLDER: Final = Path(".hive/schema")
"""In a repository; ignored by git, because it is this version's and nobody's work."""
KINDS: Final = ("mission", "repository")
"""Of files that lie in a repository."""
ALL: Final = (*KINDS, "incidents", "policy")


@click.command("schema")
@click.argument("kind", type=click.Choice(ALL), required=False)
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The repository (default: here).",
)
@verb
def schema_command(kind: str | None, repo: Path, as_json: bool) -> int:
    """Print the JSON Schema of a file; without KIND, put a repository's into .hive/schema."""
    if kind is not None:
        click.echo(schema(kind), nl=False)
        return Exit.SUCCESS
    top = top_of(repo)
    write_schemas(top)
    for name in KINDS:
        click.echo(f"wrote {FOLDER / name}.json")
    return Exit.SUCCESS


def schema(kind: str) -> str:
    return (resources.files("hive_contracts.files") / "schemas" / f"{kind}.json").read_text("utf-8")


def write_schemas(top: Path) -> None:
    """Put this version's schemas where `modeline` says. Raises Problem."""
    folder = top / FOLDER
    write(folder / ".gitignore", "*\n", replace=True, within=top)
    for kind in KINDS:
        write(folder / f"{kind}.json", schema(kind), replace=True, within=top)


def modeline(file: Path, top: Path, kind: str) -> str:
    """Where an editor that opens `file` finds its schema: a path relative to it."""
    return Path(os.path.relpath(top / FOLDER / f"{kind}.json", file.parent)).as_posix()
