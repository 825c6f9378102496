"""`${…}` in prompts and commands: only what is known may stand there."""

from collections.abc import Iterable
from typing import Final

from hive_contracts.files.document import FileProblem
from hive_contracts.files.reading import Path, Places
from hive_contracts.globs import path_item
from hive_contracts.plan import (
    ApprovalGate,
    Commanded,
    CommandGate,
    Globbed,
    HttpGate,
    Item,
    Listed,
    MetricGate,
    TaskSpec,
)
from hive_contracts.template import UnfitItem, placeholders, render, render_task

FOUND: Final = path_item("src/app.py")
"""The shape of an item that a glob finds."""

_ESCAPE: Final = "a shell's own ${NAME} is written $NAME or $${NAME}"


def plain(text: str, where: str) -> str:
    """Text of a task that has no item, `$${` turned to `${`. Raises FileProblem."""
    unknown = placeholders(text)
    if unknown:
        raise FileProblem(
            f"${{{unknown[0]}}} has no meaning here: the phase has no for_each", where, _ESCAPE
        )
    return render(text, FOUND)


def check_template(template: TaskSpec, items: Iterable[Item], places: Places, path: Path) -> None:
    """Every placeholder must be known for every item. Raises FileProblem."""
    for item in items:
        try:
            render_task(template, template.name, item)
        except UnfitItem as error:
            raise FileProblem(str(error), places.of(*path), _ESCAPE) from error


def items_to_check(source: Listed | Globbed | Commanded, template: TaskSpec) -> tuple[Item, ...]:
    """Items that have every field that those of this source can have.

    What a command prints is not known yet: it may have whatever the template asks for.
    """
    match source:
        case Listed(items=items):
            return items
        case Globbed():
            return (FOUND,)
        case Commanded():
            named = [
                name.partition(".") for text in _texts(template) for name in placeholders(text)
            ]
            return (
                Item("printed", {field: "printed" for item, _, field in named if item == "item"}),
            )


def _texts(template: TaskSpec) -> Iterable[str]:
    yield from (template.prompt, template.run, *template.paths)
    for gate in template.gates:
        match gate:
            case CommandGate(run=run):
                yield run
            case ApprovalGate(text=text):
                yield text
            case HttpGate(url=url, contains=contains):
                yield from (url, contains)
            case MetricGate(query=query):
                yield query
