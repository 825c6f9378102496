"""`${item}` and `${item.field}` in a template, for phases that fan out over items.

What lands in a command is quoted for the shell; `$${` stands for a plain `${`.
"""

import re
import shlex
from typing import Final

import msgspec

from hive_contracts.plan import ApprovalGate, CommandGate, Gate, Item, TaskSpec

_PLACEHOLDER: Final = re.compile(r"\$(\$\{)|\$\{([^}]*)\}")


class UnknownPlaceholder(ValueError):
    """A template names something that the item does not have."""


def placeholders(text: str) -> list[str]:
    """The names between `${` and `}`, in order."""
    return [match[2] for match in _PLACEHOLDER.finditer(text) if match[1] is None]


def render(text: str, item: Item, *, shell: bool = False) -> str:
    """`text` with its placeholders filled in. Raises UnknownPlaceholder."""

    def fill(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1]
        name, dot, field = match[2].partition(".")
        if name != "item" or (dot and field not in item.fields):
            known = ", ".join(["item", *(f"item.{key}" for key in sorted(item.fields))])
            raise UnknownPlaceholder(
                f"${{{match[2]}}} is not known for {item.value!r}: {known} are"
            )
        value = item.fields[field] if dot else item.value
        return shlex.quote(value) if shell else value

    return _PLACEHOLDER.sub(fill, text)


def render_task(template: TaskSpec, name: str, item: Item) -> TaskSpec:
    """The task of one item. Raises UnknownPlaceholder."""
    return msgspec.structs.replace(
        template,
        name=name,
        prompt=render(template.prompt, item),
        run=render(template.run, item, shell=True),
        gates=tuple(_render_gate(gate, item) for gate in template.gates),
    )


def _render_gate(gate: Gate, item: Item) -> Gate:
    match gate:
        case CommandGate(run=run):
            return msgspec.structs.replace(gate, run=render(run, item, shell=True))
        case ApprovalGate(text=text):
            return msgspec.structs.replace(gate, text=render(text, item))
