"""An agent's output for people: the JSON objects on its lines as text, all else as it is."""

from typing import Any, Final

import msgspec

from hive_shared.profiles import Shown, show, showings

_LONGEST: Final = 4 * 1024 * 1024
"""Bytes of a line that is waited for; a longer one is shown as it comes."""


class AgentLines:
    """Pieces in, pieces out; an object is held until its line has ended."""

    def __init__(self) -> None:
        self._held = b""
        self._at_start = True
        """Whether what comes next begins a line of the output."""
        self._is_open = False
        """Whether text that comes in pieces was shown, and may go on."""
        self._last = ""

    def feed(self, piece: bytes) -> bytes:
        shown = bytearray()
        self._held += piece
        while self._held:
            line, end, rest = self._held.partition(b"\n")
            if self._at_start and line.startswith(b"{"):
                if not end and len(line) <= _LONGEST:
                    break
                shown += self._event(line, end)
            else:
                shown += self._as_it_is(line + end)
            self._at_start = bool(end)
            self._held = rest
        return bytes(shown)

    def flush(self) -> bytes:
        """What was held back, and the end of the line that was open."""
        held, self._held = self._held, b""
        shown = self._event(held, b"") if held else b""
        return shown + self._close()

    def _event(self, line: bytes, end: bytes) -> bytes:
        try:
            event = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            return self._as_it_is(line + end)
        shown = show(event, showings())
        if shown is None:
            return self._as_it_is(line + end)
        return b"".join(map(self._said, shown))

    def _said(self, shown: Shown) -> bytes:
        text = shown.text.encode("utf-8", "replace")
        if shown.join:
            self._is_open, self._last = True, ""
            return text
        if shown.text == self._last:
            return b""  # progress that is told again
        closed, self._last = self._close(), shown.text
        return closed + text + b"\n"

    def _as_it_is(self, text: bytes) -> bytes:
        self._last = ""
        return self._close() + text

    def _close(self) -> bytes:
        closed, self._is_open = (b"\n" if self._is_open else b""), False
        return closed
