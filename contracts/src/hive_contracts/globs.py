"""What a glob over tracked files finds: what to ask git for, and what of its answers counts.

A pattern with `!` in front takes away, one with `/` at the end names folders. Git answers for
files; of folders it knows nothing, so they are matched here the way git reads a glob.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from hive_contracts.plan import Globbed, Item

_APART: Final = ":(glob)*/.git/*"
"""Matches no tracked file. Where all that is wanted begins with one folder's name, git skips as
much of what is taken away too, and `**/tests/**` becomes `**`."""


def file_pathspecs(globbed: Globbed) -> tuple[str, ...]:
    """For `git ls-files`: the files that match; empty where only folders are asked for."""
    files = [pattern for pattern in _wanted(globbed) if not pattern.endswith("/")]
    if not files:
        return ()
    without = _without(globbed)
    apart = (_APART,) if without else ()
    return (*(f":(glob){pattern}" for pattern in files), *apart, *without)


def folder_pathspecs(globbed: Globbed) -> tuple[str, ...]:
    """For `git ls-files`: the files whose folders may match; empty where none are asked for."""
    return (":(glob)**", *_without(globbed)) if _folder_patterns(globbed) else ()


def found(globbed: Globbed, files: Iterable[str], below: Iterable[str]) -> list[Item]:
    """The items, in order. `files` and `below` are git's answers to the two questions above."""
    values = set(files)
    if globbed.per == "directory":
        values = {str(PurePosixPath(path).parent) for path in values}
    patterns = _folder_patterns(globbed)
    if patterns:
        values |= _matching(_folders(below), patterns)
    return [path_item(value) for value in sorted(values)]


def path_item(path: str) -> Item:
    """A path or text: `${item.name}` is its last part, `${item.dir}` its folder."""
    pure = PurePosixPath(path)
    return Item(path, {"path": path, "name": pure.name or ".", "dir": str(pure.parent)})


def _wanted(globbed: Globbed) -> list[str]:
    return [pattern for pattern in globbed.patterns if not pattern.startswith("!")]


def _folder_patterns(globbed: Globbed) -> list[str]:
    return [pattern for pattern in _wanted(globbed) if pattern.endswith("/")]


def _without(globbed: Globbed) -> list[str]:
    return [_exclusion(pattern[1:]) for pattern in globbed.patterns if pattern.startswith("!")]


def _exclusion(pattern: str) -> str:
    return f":(exclude,glob){pattern}**" if pattern.endswith("/") else f":(exclude,glob){pattern}"


def _folders(files: Iterable[str]) -> set[str]:
    """All folders that hold one of these files, at any depth."""
    return {str(folder) for file in files for folder in PurePosixPath(file).parents if folder.name}


def _matching(folders: set[str], patterns: list[str]) -> set[str]:
    regexes = [re.compile(regex_of(pattern.rstrip("/"))) for pattern in patterns]
    return {folder for folder in folders if any(regex.fullmatch(folder) for regex in regexes)}


_TOKEN: Final = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def regex_of(pattern: str) -> str:
    """The regular expression of a glob as git reads it: only `**` goes across `/`."""
    return "".join(_translated(token) for token in _TOKEN.findall(pattern))


def _translated(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "/**":
            return "/.*"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case _ if len(token) > 1:
            negated = token[1] == "!"
            inner = token[2:-1] if negated else token[1:-1]
            return f"[{'^' if negated else ''}{inner.replace(chr(92), chr(92) * 2)}]"
        case _:
            return re.escape(token)
