"""`${item}` and `${item.field}` in a template, for phases that fan out over items.

What lands in a command is quoted for the shell, and in a pattern of paths it means only itself;
`$${` stands for a plain `${`.
"""

import json
import re
import shlex
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec

from hive_contracts.pathspecs import escaped, fault
from hive_contracts.plan import (
    ApprovalGate,
    CommandGate,
    Gate,
    GithubCheckGate,
    HttpGate,
    Item,
    MetricGate,
    TaskSpec,
)

_PLACEHOLDER: Final = re.compile(r"\$(\$\{)|\$\{([^}]*)\}")


class UnfitItem(ValueError):
    """No task can be made of an item."""


class UnknownPlaceholder(UnfitItem):
    """A template names something that the item does not have."""


def placeholders(text: str) -> list[str]:
    """The names between `${` and `}`, in order."""
    return [match[2] for match in _PLACEHOLDER.finditer(text) if match[1] is None]


def render(text: str, item: Item, quoted: Callable[[str], str] = str) -> str:
    """`text` with its placeholders filled in, each value quoted. Raises UnknownPlaceholder."""

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
        return quoted(value)

    return _PLACEHOLDER.sub(fill, text)


def render_task(template: TaskSpec, name: str, item: Item) -> TaskSpec:
    """The task of one item. Raises UnfitItem."""
    paths = tuple(render(path, item, escaped) for path in template.paths)
    for path in paths:
        if why := fault(path):
            raise UnfitItem(f"item {item.value[:80]!r} makes the path {path[:80]!r}: {why}")
    return msgspec.structs.replace(
        template,
        name=name,
        prompt=render(template.prompt, item),
        run=render(template.run, item, shlex.quote),
        gates=tuple(_render_gate(gate, item) for gate in template.gates),
        paths=paths,
    )


def _render_gate(gate: Gate, item: Item) -> Gate:
    match gate:
        case CommandGate(run=run):
            return msgspec.structs.replace(gate, run=render(run, item, shlex.quote))
        case ApprovalGate(text=text):
            return msgspec.structs.replace(gate, text=render(text, item))
        case HttpGate(url=url, contains=contains):
            return msgspec.structs.replace(
                gate, url=render(url, item, quote), contains=render(contains, item)
            )
        case MetricGate(query=query):
            return msgspec.structs.replace(gate, query=render(query, item, _in_a_string))
        case GithubCheckGate():
            return gate


def _in_a_string(value: str) -> str:
    """A value as part of a string of PromQL, in which it must stand."""
    return json.dumps(value)[1:-1]
