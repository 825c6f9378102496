"""What a command prints, kept in files: all of it, or its beginning and its end.

output          up to half of the limit
output.recent   then these two in turn: when `recent` is full it becomes `older`, so at least
output.older    the last quarter of the limit is there

They are read by the descriptors that wrote them: without a sandbox a command can put a link to
another file, or a pipe, in the place of one.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from hive_contracts.outcome import MAX_TAIL
from hive_contracts.output import left_out
from hive_runner.errors import plain
from hive_runner.repositories.removal import remove_entry

_WIDEST: Final = 4
"""Bytes of a character in UTF-8, at most."""


class Output:
    """The output of one command, or of several one after the other."""

    def __init__(
        self, path: Path, limit: int, heard: Callable[[int, bytes], None] = lambda _, __: None
    ) -> None:
        """`heard` is told of each piece and its offset as it comes; it must not wait."""
        self._path = path
        self._older = path.with_name(path.name + ".older")
        self._recent = path.with_name(path.name + ".recent")
        self._head_limit = limit // 2
        self._part_limit = limit // 4
        self._head = _fresh(path)
        self._part: IO[bytes] | None = None
        self._last_part: IO[bytes] | None = None
        self._heard = heard
        self.size = 0
        """Bytes that were printed, kept or not."""

    def write(self, piece: bytes) -> None:
        room = max(0, self._head_limit - self._head.tell())
        self._heard(self.size, piece)
        self.size += len(piece)
        self._head.write(piece[:room])
        rest = piece[room:]
        while rest:
            part = self._open_part()
            room = self._part_limit - part.tell()
            part.write(rest[:room])
            rest = rest[room:]

    def tail(self, characters: int = MAX_TAIL) -> str:
        """The end of it, as text that any record can hold."""
        wanted = characters * _WIDEST
        end = b""
        for file in (self._part, self._last_part, self._head):
            if file is not None and not file.closed and len(end) < wanted:
                end = _end(file, wanted - len(end)) + end
        return plain(end.decode("utf-8", "replace"))[-characters:]

    def finish(self) -> Path:
        """One file with all that was kept, and a line that says what was left out."""
        if self._part is not None:
            parts = [part for part in (self._last_part, self._part) if part is not None]
            missing = self.size - self._head.tell() - sum(part.tell() for part in parts)
            if missing:
                self._head.write(left_out(missing))
            for part in parts:
                _copy(part, self._head)
        self._head.flush()
        if not _is_at(self._head, self._path):
            with _fresh(self._path) as again:
                _copy(self._head, again)
        self.close()
        return self._path

    def close(self) -> None:
        for file in (self._head, self._part, self._last_part):
            if file is not None:
                file.close()

    def _open_part(self) -> IO[bytes]:
        if self._part is not None and self._part.tell() >= self._part_limit:
            if self._last_part is not None:
                self._last_part.close()
            self._last_part, self._part = self._part, None
            self._recent.replace(self._older)
        if self._part is None:
            self._part = _fresh(self._recent)
        return self._part


def _fresh(path: Path) -> IO[bytes]:
    """A new file, whatever stands in its place. Raises OSError."""
    if os.path.lexists(path):
        remove_entry(path)
    return path.open("x+b")


def _end(file: IO[bytes], size: int) -> bytes:
    """Its last bytes; it can be written on afterwards."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - size))
    return file.read()


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    source.seek(0)
    while piece := source.read(1 << 20):
        target.write(piece)


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except OSError:
        return False
