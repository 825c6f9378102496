"""What a gate printed, as annotations at lines of files. Pure.

Compilers, linters and test runners agree on `path:line: message`, with a column or without. Only
paths that can be files of the repository are taken; a line more or less is no fault of the gate.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

MOST: Final = 250
"""Annotations of one check; GitHub shows no more than some at a time, and takes 50 a request."""
A_REQUEST: Final = 50
MAX_MESSAGE: Final = 2_000
MAX_PATH: Final = 1_000
MAX_LINE: Final = 10_000_000

_AT: Final = re.compile(
    r"(?P<path>[^\s:()\"'<>|]+):(?P<line>[0-9]{1,8})(?::(?P<column>[0-9]{1,8}))?:\s*(?P<message>\S.*)"
)
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

Level = Literal["failure", "warning", "notice"]


class Annotation(msgspec.Struct, frozen=True):
    path: str
    line: int
    level: Level
    message: str

    def wire(self) -> dict[str, object]:
        """As REST takes it."""
        return {
            "path": self.path,
            "start_line": self.line,
            "end_line": self.line,
            "annotation_level": self.level,
            "message": self.message,
        }


def annotations_in(output: str) -> tuple[tuple[Annotation, ...], int]:
    """Each once, in the order of the output, and how many there were beyond MOST."""
    found = dict.fromkeys(_found(output))
    return tuple(found)[:MOST], max(0, len(found) - MOST)


def _found(output: str) -> Iterator[Annotation]:
    for written in output.splitlines():
        match = _AT.match(_ANSI.sub("", written).strip())
        if match is None:
            continue
        path, line = match["path"].removeprefix("./"), int(match["line"])
        if not _is_file(path) or not 1 <= line <= MAX_LINE:
            continue
        message = "".join(c if c.isprintable() else " " for c in match["message"])[:MAX_MESSAGE]
        yield Annotation(path, line, _level(message), message)


def _is_file(path: str) -> bool:
    """Whether it can be a file of the repository: relative, and inside it."""
    parts = path.split("/")
    return (
        len(path) <= MAX_PATH
        and path.isprintable()
        and "\\" not in path
        and all(part not in ("", ".", "..") for part in parts)
        # `localhost:8000: refused` and `12:30: done` are no files.
        and ("/" in path or "." in path)
        and not re.fullmatch(r"[0-9.]+", path)
        and "://" not in path
    )


def _level(message: str) -> Level:
    word = message.lower()
    if word.startswith(("warning", "warn")):
        return "warning"
    return "notice" if word.startswith(("note", "info", "help")) else "failure"
