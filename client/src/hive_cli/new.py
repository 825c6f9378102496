"""`hive mission new`: a mission file to start from."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Final

import click

from hive_cli.detect.sight import top_of
from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.schema import modeline, write_schemas
from hive_cli.written import write
from hive_client.checkout import GitProblem
from hive_contracts.ids import SHORT_NAME

TEMPLATES: Final = {
    "short": "one prompt",
    "fan-out": "the same work for each of many",
    "phases": "steps that need each other",
}


@click.command("new")
@click.argument("name", default="my-mission")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default="short",
    show_default=True,
    help="; ".join(f"{name}: {said}" for name, said in TEMPLATES.items()) + ".",
)
@click.option("--print", "only_print", is_flag=True, help="Show the file, and write nothing.")
@verb
def new_command(name: str, template: str, only_print: bool, as_json: bool) -> int:
    """Write NAME.yaml, a mission file that explains itself. A file that is there stays."""
    path = Path(f"{name}.yaml")
    if SHORT_NAME.fullmatch(name) is None:
        raise Problem(
            f"the mission's name {name!r} is not allowed", code="invalid",
            remedy="use 1 to 40 of a-z, 0-9 and -",
        )  # fmt: skip
    text = template_text(template, name, path.name)
    top = _top()
    if top is not None:
        text = (
            f"# yaml-language-server: $schema={modeline(path.absolute(), top, 'mission')}\n{text}"
        )
    if only_print:
        click.echo(text, nl=False)
        return Exit.SUCCESS
    write(path, text)
    if top is not None:
        write_schemas(top)
    if as_json:
        print(json.dumps({"result": "written", "exit": 0, "path": str(path.absolute())}))
    else:
        click.echo(f"wrote {path} · next: edit it, then hive run --plan {path}")
    return Exit.SUCCESS


def template_text(template: str, name: str, file: str) -> str:
    raw = (resources.files("hive_cli") / "templates" / f"{template}.yaml").read_text("utf-8")
    return re.sub(r"\bNAME\b", name, raw).replace("FILE", file)


def _top() -> Path | None:
    """None outside of a repository: then no schema can be referred to."""
    try:
        return top_of(Path())
    except GitProblem:
        return None
