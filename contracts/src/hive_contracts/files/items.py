"""What a phase fans out over: a written list, a glob over tracked files, or a command's lines."""

from pathlib import PurePosixPath

from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import ForEachEntry
from hive_contracts.files.reading import Path, Places
from hive_contracts.globs import path_item
from hive_contracts.plan import (
    Commanded,
    Globbed,
    Item,
    Listed,
)


def compile_source(entry: ForEachEntry, places: Places, path: Path) -> Listed | Globbed | Commanded:
    """Raises FileProblem."""
    written = (entry.list is not None) + (entry.glob is not None) + bool(entry.command.strip())
    if written != 1:
        raise FileProblem(
            "for_each needs either a list, a glob or a command",
            places.of(*path),
            'write {glob: "src/*/"}',
        )
    if not 0 <= entry.min <= entry.max <= 10_000:
        raise FileProblem(
            "`min` and `max` of for_each must be in order and from 0 to 10000",
            places.of(*path),
            "write such as min: 1, max: 200",
        )
    if entry.glob is not None:
        return _globbed(entry, entry.glob, places, path)
    if entry.command:
        return Commanded(entry.command)
    return _listed(entry, places, (*path, "list"))


def _globbed(entry: ForEachEntry, patterns: tuple[str, ...], places: Places, path: Path) -> Globbed:
    inside: Path = (*path, "glob")
    for number, pattern in enumerate(patterns):
        _check_pattern(pattern, places.of(*inside, number))
    if all(pattern.startswith("!") for pattern in patterns):
        raise FileProblem(
            "the glob only takes away: nothing is left",
            places.of(*inside),
            "add a pattern without !",
        )
    return Globbed(patterns, entry.per)


def _check_pattern(pattern: str, where: str) -> None:
    bare = pattern.removeprefix("!")
    if not bare:
        raise FileProblem(
            "a pattern of the glob is empty", where, "write such as src/*.py, or take it out"
        )
    if bare.startswith(("/", "~")) or ".." in PurePosixPath(bare).parts:
        raise FileProblem(
            f"the pattern {pattern!r} leaves the repository",
            where,
            "write it relative to the repository's root",
        )


def _listed(entry: ForEachEntry, places: Places, path: Path) -> Listed:
    items: dict[str, Item] = {}
    for number, written in enumerate(entry.list or ()):
        where = places.of(*path, number)
        item = _item(written, where)
        if item.value in items:
            raise FileProblem(f"the item {item.value!r} stands twice", where, "keep one of them")
        items[item.value] = item
    if not entry.min <= len(items) <= entry.max:
        raise FileProblem(
            f"the list has {len(items)} items, and {entry.min} to {entry.max} are allowed",
            places.of(*path),
            "change the list, `min` or `max`",
        )
    return Listed(tuple(items.values()))


def _item(written: str | dict[str, str], where: str) -> Item:
    if isinstance(written, str):
        return path_item(written)
    if "name" not in written:
        raise FileProblem("an item has no `name`", where, "add `name: …`; ${item} stands for it")
    return Item(written["name"], dict(written))
