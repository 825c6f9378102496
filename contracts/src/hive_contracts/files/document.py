"""YAML 1.2 text to a tree of nodes that know their line.

Only plain data comes through: text, numbers, truth values, lists and mappings with text as keys.
Duplicate keys, custom tags, NUL characters and aliases that grow without bound are refused.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

MAX_BYTES: Final = 1_000_000
"""Of one file."""
MAX_NODES: Final = 100_000
"""Of one file, every alias counted as often as it is used."""
MAX_DEPTH: Final = 32

_REMEDIES: Final = {
    "mapping values are not allowed": "put the text in quotes, or below `key: |`: a colon with a"
    " space after it begins a value; or the line is indented too far",
    "found undefined alias": "put the text in quotes: a * in front has a meaning of its own",
    "found character '\\t'": "indent with spaces: a tab is not allowed",
    "that cannot start any token": "put the text in quotes",
    "expected <block end>": "look at the indentation, and at quotes around only a part of the text",
}
_CORRECT: Final = "correct the line: its indentation, its quotes, or a character that has a meaning"
_FLATTER: Final = "write them flatter: no key of these files is so deep"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TAG: Final = "tag:yaml.org,2002:"
_PLAIN: Final = frozenset({"str", "int", "float", "bool", "null", "timestamp", "merge", "value"})


class FileProblem(Exception):
    """Something in a file that a person wrote cannot stand as it is."""

    def __init__(self, message: str, where: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        """File and line, such as `fix.yaml:7`."""
        self.remedy = remedy
        """What to do about it: every problem has one."""

    def __str__(self) -> str:
        return f"{self.where}: {self.message} ({self.remedy})"


class Node(msgspec.Struct, frozen=True):
    """A piece of a file: `content` is a mapping, a list, or the text of a scalar as written."""

    file: str
    line: int
    """From 1; of a value, or of the key that names it."""
    kind: str
    """`mapping`, `list`, `text`, `int`, `float`, `bool` or `null`."""
    content: "dict[str, Node] | list[Node] | str"

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    def problem(self, message: str, remedy: str) -> FileProblem:
        return FileProblem(message, self.where, remedy)


def parse_document(text: str, where: str) -> Node:
    """The mapping that a file holds. Raises FileProblem."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise FileProblem(
            f"the file has {size:,} bytes, and {MAX_BYTES:,} are allowed",
            where,
            "keep long texts and lists in files of the repository",
        )
    tree = _compose(text, where)
    if tree is None:
        raise FileProblem("the file is empty", where, "begin with a `key: value` line")
    if not isinstance(tree, MappingNode):
        raise FileProblem(
            "the file must be a mapping of keys to values", where, "begin with a `key: value` line"
        )
    return _Converter(where).node(tree, depth=0)


def plain_data(node: Node) -> Any:
    """Dictionaries, lists and texts; numbers as they were written, None for nothing."""
    if isinstance(node.content, dict):
        return {key: plain_data(child) for key, child in node.content.items()}
    if isinstance(node.content, list):
        return [plain_data(child) for child in node.content]
    return None if node.kind == "null" else node.content


def _compose(text: str, where: str) -> object:
    try:
        _check_depth(text, where)
        return YAML(typ="safe", pure=True).compose(text)
    except FileProblem:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        detail = error.problem or error.context or "it does not parse"
        message, place = f"this is not valid YAML: {detail}", f"{where}:{line}"
        raise FileProblem(message, place, _remedy(detail)) from error
    except YAMLError as error:
        detail = " ".join(str(error).split())
        raise FileProblem(f"this is not valid YAML: {detail}", where, _CORRECT) from error
    except Exception as error:
        # The library lets some broken texts through to Python's own errors: `"\\U00110000"`.
        raise FileProblem(f"this is not valid YAML: {error}", where, _CORRECT) from error


def _remedy(detail: str) -> str:
    """For what people trip over most."""
    return next((remedy for sign, remedy in _REMEDIES.items() if sign in detail), _CORRECT)


def _check_depth(text: str, where: str) -> None:
    """The composer calls itself for each level, and its time grows with the square of the depth."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1
            raise FileProblem(_too_deep(), f"{where}:{line}", _FLATTER)


def _too_deep() -> str:
    return f"values are nested more than {MAX_DEPTH} deep"


class _Converter:
    """Walks a composed tree once, and counts what it has seen."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._seen = 0

    def node(self, raw: object, depth: int, line: int | None = None) -> Node:
        assert isinstance(raw, ScalarNode | SequenceNode | MappingNode)
        line = raw.start_mark.line + 1 if line is None else line
        self._count(line, depth)
        tag = str(raw.tag or "")
        kind = tag.removeprefix(_TAG)
        if isinstance(raw, MappingNode) and kind == "map":
            return Node(self._file, line, "mapping", dict(self._pairs(raw, depth)))
        if isinstance(raw, SequenceNode) and kind == "seq":
            items = [self.node(item, depth + 1) for item in raw.value]
            return Node(self._file, line, "list", items)
        if isinstance(raw, ScalarNode) and kind in _PLAIN:
            return self._scalar(raw, kind, line)
        raise self._problem(line, f"the tag {tag} is not allowed here", "write plain values")

    def _pairs(self, raw: MappingNode, depth: int) -> Iterator[tuple[str, Node]]:
        first: dict[str, int] = {}
        for key, value in raw.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                raise self._problem(line, "a key must be plain text", "write such as `name: value`")
            name = self._text(key, line)
            if name in first:
                raise self._problem(
                    line,
                    f"the key `{name}` stands twice, first in line {first[name]}",
                    "keep one of them",
                )
            first[name] = line
            yield name, self.node(value, depth + 1, line)

    def _scalar(self, raw: ScalarNode, kind: str, line: int) -> Node:
        text = self._text(raw, line)
        if kind not in ("int", "float", "bool", "null"):
            kind = "text"
        return Node(self._file, line, kind, text)

    def _text(self, raw: ScalarNode, line: int) -> str:
        """Text that every part of the hive can store."""
        text = str(raw.value)
        if "\x00" in text:
            raise self._problem(line, "a NUL character is not allowed in text", "remove it")
        if _SURROGATE.search(text):
            raise self._problem(line, "half of a UTF-16 pair is no character", "write it as itself")
        return text

    def _count(self, line: int, depth: int) -> None:
        self._seen += 1
        if self._seen > MAX_NODES:
            raise self._problem(
                line,
                f"the file has more than {MAX_NODES:,} values, its aliases expanded",
                "use fewer aliases",
            )
        if depth > MAX_DEPTH:
            raise self._problem(line, _too_deep(), _FLATTER)

    def _problem(self, line: int, message: str, remedy: str) -> FileProblem:
        return FileProblem(message, f"{self._file}:{line}", remedy)
