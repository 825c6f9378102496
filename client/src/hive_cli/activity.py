"""What an attempt does right now, from what it prints: its last tool or words, and its tokens."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from hive_cli.harmless import harmless
from hive_contracts.v1 import log_pb2
from hive_shared.profiles import ACP_EVENTS, Profile, Shown, Using, shipped, show, showings

_LONGEST: Final = 4 * 1024 * 1024
"""Bytes of a line that is waited for."""
_KEPT: Final = 2_000
"""Characters of what an agent says in pieces."""
_TOOLS: Final = ("▸ ", "$ ", "? ")
"""What the line of a tool begins with."""


class Now(msgspec.Struct, frozen=True):
    """What is shown of an attempt at work."""

    doing: str = ""
    """One line, harmless, of any length."""
    tokens: int = 0
    """Used by this attempt so far, as far as its agent has told."""


IDLE: Final = Now()
NOTHING: Final[Mapping[str, Now]] = {}


class Activity:
    """One attempt, from what it prints."""

    def __init__(self) -> None:
        self._tool = ""
        self._said = ""
        self._joined = ""
        """What it says in pieces, as far as it has come."""
        self._output = ""
        self._next = 0
        self._held = b""
        self._is_skipping = False
        """Whether the rest of the line is left out: its beginning is not known."""
        # An event tells by itself whose it is.
        told = [profile for profile in shipped().values() if profile.events]
        self._using = [Using(profile) for profile in (*told, Profile(events=ACP_EVENTS))]

    @property
    def now(self) -> Now:
        told = [using.used for using in self._using if using.used is not None]
        tokens = max((used.input_tokens + used.output_tokens for used in told), default=0)
        quoted = f'{self._tool} "{self._said}"' if self._tool and self._said else ""
        return Now(quoted or self._tool or self._said, tokens)

    def take(self, piece: log_pb2.LogPiece) -> None:
        if piece.late:
            return
        if piece.output != self._output:
            self._output, self._next = piece.output, piece.offset
            self._held, self._is_skipping, self._joined = b"", piece.offset > 0, ""
        if piece.offset != self._next:
            self._held, self._is_skipping = b"", True
        self._next = piece.offset + len(piece.piece)
        *lines, rest = (self._held + piece.piece).split(b"\n")
        if lines and self._is_skipping:
            self._is_skipping = False
            lines = lines[1:]
        for line in lines:
            self._line(line)
        self._held = b"" if self._is_skipping else rest
        if len(rest) > _LONGEST:
            self._held, self._is_skipping = b"", True

    def _line(self, line: bytes) -> None:
        event = _event(line)
        if event is None:
            self._speak(line.decode("utf-8", "replace"))
            return
        for using in self._using:
            using.hear(event)
        shown = show(event, showings())
        for each in shown or ():
            if not each.cut and not each.usage:
                self._show(each)

    def _show(self, shown: Shown) -> None:
        if shown.join:
            self._joined = (self._joined + shown.text)[-_KEPT:]
            self._speak(self._joined)
            return
        self._joined = ""
        if shown.text.startswith(_TOOLS):
            self._tool = _first(_lines(shown.text))
        else:
            self._speak(shown.text)

    def _speak(self, text: str) -> None:
        """New words: the tools before them are done."""
        last = _first(reversed(list(_lines(text))))
        if last:
            self._said, self._tool = last, ""


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"{"):
        return None
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None


def _lines(text: str) -> Iterator[str]:
    """Those that say something, without what could move the cursor."""
    for line in harmless(text).split("\n"):
        if plain := " ".join(line.split()):
            yield plain


def _first(lines: Iterable[str]) -> str:
    return next(iter(lines), "")
