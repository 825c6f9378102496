"""What a command prints, kept in files: all of it, or its beginning and its end.

output          up to half of the limit
output.recent   then these two in turn: when `recent` is full it becomes `older`, so at least
output.older    the last quarter of the limit is there
"""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from hive_contracts.output import left_out
from hive_contracts.plan import MAX_TAIL
from hive_runner.errors import plain

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
        self._head: IO[bytes] = path.open("wb")
        self._part: IO[bytes] | None = None
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
        for path in self._written():
            if len(end) < wanted:
                end = _last(path, wanted - len(end)) + end
        return plain(end.decode("utf-8", "replace"))[-characters:]

    def finish(self) -> Path:
        """One file with all that was kept, and a line that says what was left out."""
        self._flush()
        if self._part is not None:
            parts = [path for path in (self._older, self._recent) if path.exists()]
            missing = self.size - self._head.tell() - sum(path.stat().st_size for path in parts)
            if missing:
                self._head.write(left_out(missing))
            for path in parts:
                with path.open("rb") as file:
                    while piece := file.read(1 << 20):
                        self._head.write(piece)
        self.close()
        return self._path

    def close(self) -> None:
        self._head.close()
        if self._part is not None:
            self._part.close()

    def _open_part(self) -> IO[bytes]:
        if self._part is not None and self._part.tell() >= self._part_limit:
            self._part.close()
            self._recent.replace(self._older)
            self._part = None
        if self._part is None:
            self._part = self._recent.open("wb")
        return self._part

    def _written(self) -> list[Path]:
        """The files, the last first."""
        self._flush()
        return [path for path in (self._recent, self._older, self._path) if path.exists()]

    def _flush(self) -> None:
        for file in (self._head, self._part):
            if file is not None and not file.closed:
                file.flush()


def _last(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read()
