"""The structs of the files as people read them: each key, its form, its default, its meaning.

A key's meaning is the docstring below its field, which only the source has.
"""

import ast
import functools
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any, Final, Literal, Union

import msgspec

from hive_contracts.files.incidents import IncidentsFile
from hive_contracts.files.mission import Mission
from hive_contracts.files.policy import PolicyFile
from hive_contracts.files.reading import Amount, Count, Duration, Part
from hive_contracts.files.repository import RepositoryFile

ROOTS: Final[dict[str, type[msgspec.Struct]]] = {
    "mission": Mission,
    "repository": RepositoryFile,
    "incidents": IncidentsFile,
    "policy": PolicyFile,
}
"""The files, by the names that people give them."""


class Key(msgspec.Struct, frozen=True):
    name: str
    form: str
    """`text`, `list of text`, `mapping of names to Task`."""
    default: str
    """As it is written in YAML; empty where there is none."""
    required: bool
    meaning: str


def structs_of(root: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """A file's struct and all that are found in it, in the order in which they are met."""
    found: dict[type[msgspec.Struct], None] = {root: None}
    waiting = [root]
    while waiting:
        hints = typing.get_type_hints(waiting.pop(0))
        for field_type in hints.values():
            for struct in _structs_in(field_type):
                if struct not in found:
                    found[struct] = None
                    waiting.append(struct)
    return list(found)


def keys_of(struct: type[msgspec.Struct]) -> list[Key]:
    """The keys that may be written, in the order of the source."""
    hints, meanings = typing.get_type_hints(struct), meanings_of(struct)
    return [
        Key(
            field.encode_name,
            form(hints[field.name]),
            _default(field),
            field.required,
            meanings.get(field.name, ""),
        )
        for field in msgspec.structs.fields(struct)
    ]


@functools.cache
def meanings_of(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The docstrings of a struct's own fields, as one line each."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = _docstring(following)
            if text:
                found[statement.target.id] = " ".join(text.split())
    return found


def summary_of(struct: type[msgspec.Struct]) -> str:
    return " ".join((inspect.getdoc(struct) or "").split())


def title_of(struct: type[msgspec.Struct]) -> str:
    """What people call it: `PhaseEntry` is a phase."""
    return struct.__name__.removesuffix("Entry").removesuffix("File")


def form(wanted: Any) -> str:
    """A field's type in words."""
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (Union, types.UnionType):
        return " or ".join(form(member) for member in inner if member is not types.NoneType)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in inner)
    if origin is tuple:
        return f"list of {form(inner[0])}"
    if origin is dict:
        return f"mapping of names to {form(inner[1])}"
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return title_of(wanted)
    return _FORMS[wanted]


_FORMS: Final[dict[type, str]] = {
    str: "text",
    int: "number",
    bool: "true or false",
    Duration: "duration",
    Count: "number, also as `300k` or `6M`",
    Amount: "number",
    Part: "part of 1, also as `80%`",
}


def duration(seconds: float) -> str:
    """`90s`, `30m`, `2h`, `1d`: the shortest form that says the same."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _docstring(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value.value if isinstance(statement.value.value, str) else ""
    return ""


def _default(field: msgspec.structs.FieldInfo) -> str:
    default = field.default
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, Duration):
        return duration(default)
    return str(default) if isinstance(default, str | int) else ""


def _structs_in(wanted: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        yield wanted
    for inner in typing.get_args(wanted):
        if inner is not Ellipsis:
            yield from _structs_in(inner)
