"""`${…}` in prompts and commands: only what is known may stand there."""

from collections.abc import Iterable
from typing import Final

from hive_contracts.files.document import FileProblem
from hive_contracts.files.items import path_item
from hive_contracts.files.reading import Path, Places
from hive_contracts.plan import Item, TaskSpec
from hive_contracts.template import UnknownPlaceholder, placeholders, render, render_task

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


def check_template(
    template: TaskSpec, items: Iterable[Item] | None, places: Places, path: Path
) -> None:
    """Every placeholder must be known for every item; None means items that a glob finds.

    Raises FileProblem.
    """
    for item in (FOUND,) if items is None else items:
        try:
            render_task(template, template.name, item)
        except UnknownPlaceholder as error:
            raise FileProblem(str(error), places.of(*path), _ESCAPE) from error
