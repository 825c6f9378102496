"""A tree of nodes to a typed struct.

The structs are the format: their fields are the keys that are allowed, their types what may stand
there. Forms are taken as people write them (one item where a list may stand, a number where text
is wanted, `30m` for a duration); meaning is not guessed.
"""

import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeVar, Union

import msgspec

from hive_contracts.files.document import FileProblem, Node

T = TypeVar("T")
Path = tuple[str | int, ...]

_DURATION: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(s|m|h|d)?\s*")
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,18}")
MAX_DURATION: Final = 366 * 86400
"""Seconds; longer ones are a mistake, and would be no number for the clocks that count them."""
_COUNT: Final = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([kKM]?)\s*")
_COUNTED: Final = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000}
_AMOUNT: Final = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*")
_PART: Final = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*(%?)\s*")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}
_NAMES: Final = {
    "mapping": "a mapping",
    "list": "a list",
    "text": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}


class Duration(float):
    """Seconds; people write `90`, `30m`, `2h` or `1d`."""


class Count(int):
    """A whole number; people write `6000000`, `300k` or `6M`."""


class Amount(float):
    """A number that may have a fraction."""


class Part(float):
    """From 0 to 1; people write `80%` or `0.8`."""


class Places:
    """Where in a file each value stands, for what is found wrong after it was read."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[Path, int] = {}

    def remember(self, path: Path, line: int) -> None:
        self._lines[path] = line

    def of(self, *path: str | int) -> str:
        """File and line of a value, or of the nearest thing around it that was written."""
        while path and path not in self._lines:
            path = path[:-1]
        line = self._lines.get(path)
        return self._file if line is None else f"{self._file}:{line}"


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean x?` for a mistyped name, else the names that are known."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known here: {', '.join(names)}" if names else "none is known here"


def read(node: Node, wanted: type[T], places: Places, path: Path = ()) -> T:
    """The value of type `wanted` that a node holds. Raises FileProblem."""
    return typing.cast(T, _Reader(places).value(node, wanted, path))


class _Reader:
    def __init__(self, places: Places) -> None:
        self._places = places

    def value(self, node: Node, wanted: Any, path: Path) -> Any:
        self._places.remember(path, node.line)
        origin = typing.get_origin(wanted)
        if origin in (Union, types.UnionType):
            return self._union(node, typing.get_args(wanted), path)
        if origin is tuple:
            return self._items(node, typing.get_args(wanted)[0], path)
        if origin is dict:
            return self._mapping(node, typing.get_args(wanted)[1], path)
        if origin is Literal:
            return _choice(node, typing.get_args(wanted), path)
        if issubclass(wanted, msgspec.Struct):
            return self._struct(node, wanted, path)
        return _scalar(node, wanted, path)

    def _union(self, node: Node, members: tuple[Any, ...], path: Path) -> Any:
        """`None` for an absent value; a struct for a mapping; else what is left."""
        rest = [member for member in members if member is not types.NoneType]
        if node.kind == "mapping":
            fitting = [member for member in rest if _holds_mapping(member)]
        else:
            fitting = [member for member in rest if not _holds_mapping(member)]
        return self.value(node, (fitting or rest)[0], path)

    def _items(self, node: Node, member: Any, path: Path) -> tuple[Any, ...]:
        if node.kind == "null":
            raise _unexpected(node, "a list", path)
        items = node.content if isinstance(node.content, list) else [node]
        return tuple(self.value(item, member, (*path, n)) for n, item in enumerate(items))

    def _mapping(self, node: Node, member: Any, path: Path) -> dict[str, Any]:
        if not isinstance(node.content, dict):
            raise _unexpected(node, "a mapping of names", path)
        return {key: self.value(child, member, (*path, key)) for key, child in node.content.items()}

    def _struct(self, node: Node, wanted: type[msgspec.Struct], path: Path) -> msgspec.Struct:
        if not isinstance(node.content, dict):
            raise _unexpected(node, "a mapping", path)
        hints = typing.get_type_hints(wanted)
        fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
        values: dict[str, Any] = {}
        for key, child in node.content.items():
            if key not in fields:
                raise _unknown_key(child, key, fields)
            field = fields[key]
            values[field.name] = self.value(child, hints[field.name], (*path, key))
        for key, field in fields.items():
            if field.required and field.name not in values:
                raise node.problem(f"`{key}` is missing{_inside(path)}", f"add a line `{key}: …`")
        return wanted(**values)


def _holds_mapping(member: Any) -> bool:
    if typing.get_origin(member) is dict:
        return True
    return isinstance(member, type) and issubclass(member, msgspec.Struct)


def _scalar(node: Node, wanted: type, path: Path) -> Any:
    text = node.content
    if not isinstance(text, str) or node.kind == "null":
        raise _unexpected(node, _wanted_name(wanted), path)
    if wanted is str:
        return text
    if wanted is bool and node.kind == "bool":
        return text.lower() == "true"
    if wanted is int and node.kind == "int":
        if _WHOLE.fullmatch(text) is None:
            raise _unexpected(node, "a whole number of at most 18 digits", path)
        return int(text)
    if wanted is Duration:
        return _duration(node, text, path)
    if wanted in _NUMBERS:
        return _number(node, text, wanted, path)
    raise _unexpected(node, _wanted_name(wanted), path)


def count_of(text: str) -> Count | None:
    """`6M` as 6,000,000; None where it is no whole number."""
    match = _COUNT.fullmatch(text)
    if match is None:
        return None
    value = float(match[1]) * _COUNTED[match[2]]
    return Count(value) if value == int(value) else None


def amount_of(text: str) -> Amount | None:
    match = _AMOUNT.fullmatch(text)
    return Amount(match[1]) if match else None


def duration_of(text: str) -> Duration | None:
    """`2h` as 7,200; None where it is no duration."""
    match = _DURATION.fullmatch(text)
    return Duration(float(match[1]) * _UNITS[match[2]]) if match else None


def _part_of(text: str) -> Part | None:
    match = _PART.fullmatch(text)
    value = float(match[1]) / (100 if match[2] else 1) if match else 2.0
    return Part(value) if value <= 1 else None


_NUMBERS: Final[Mapping[type, tuple[Callable[[str], Any], str, str]]] = {
    Count: (count_of, "a whole number", "write such as 6000000, 300k or 6M"),
    Amount: (amount_of, "an amount", "write such as 40 or 2.50"),
    Part: (_part_of, "a part", "write such as 80%"),
}


def _number(node: Node, text: str, wanted: type, path: Path) -> Any:
    parse, name, remedy = _NUMBERS[wanted]
    value = parse(text)
    if value is None:
        raise node.problem(f"{text!r} is not {name}{_inside(path)}", remedy)
    return value


def _duration(node: Node, text: str, path: Path) -> Duration:
    seconds = duration_of(text)
    if seconds is None:
        raise node.problem(
            f"{text!r} is no duration{_inside(path)}", "write seconds, or such as 90s, 30m, 2h, 1d"
        )
    if seconds > MAX_DURATION:
        raise node.problem(
            f"the duration{_inside(path)} is longer than a year", "write a shorter one"
        )
    return seconds


def _choice(node: Node, choices: tuple[str, ...], path: Path) -> str:
    if not isinstance(node.content, str):
        raise _unexpected(node, " or ".join(f"`{choice}`" for choice in choices), path)
    if node.content not in choices:
        raise node.problem(
            f"{node.content!r} is not allowed{_inside(path)}", nearest(str(node.content), choices)
        )
    return str(node.content)


def _unknown_key(node: Node, key: str, fields: Mapping[str, object]) -> FileProblem:
    return node.problem(f"unknown key `{key}`", nearest(key, fields))


def _unexpected(node: Node, wanted: str, path: Path) -> FileProblem:
    message = f"expected {wanted}{_inside(path)}, found {_NAMES[node.kind]}"
    if wanted == "text" and isinstance(node.content, str) and node.kind != "null":
        return node.problem(message, "put it in quotes")
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    also = f" after `{key}:`, or take the key out" if key else ""
    return node.problem(message, f"write {wanted}{also}")


def _wanted_name(wanted: type) -> str:
    if wanted in _NUMBERS:
        return _NUMBERS[wanted][1]
    known = {str: "text", int: "a whole number", bool: "true or false", Duration: "a duration"}
    return known[wanted]


def _inside(path: Path) -> str:
    return f" in `{'.'.join(map(str, path))}`" if path else ""
