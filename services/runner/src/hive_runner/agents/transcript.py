"""What an agent prints: kept as output, and read for what it tells of itself.

An agent whose profile has events prints a JSON object on each line; other lines are what its
program says beside them. Both may say why it failed; what comes before its last words does not
count, for most errors are got over.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from hive_contracts.outcome import MAX_SAID, Usage
from hive_runner.errors import plain
from hive_runner.processes.output import Output
from hive_shared.profiles import Profile, Reading, Using, at, has

_MAX_LINE: Final = 4 * 1024 * 1024
"""Bytes: an event with a whole file in it is read, a flood without an end is not held."""
_MAX_ID: Final = 200
_LINES: Final = 40
_LINE_SHOWN: Final = 500
_ERROR_SHOWN: Final = 2_000
_READ_AT_ONCE: Final = 2_000
"""Lines of one piece that are read, the last ones: a flood must not stop the runner."""
_LOOKED_AT: Final = 8
_WIDEST: Final = 4
"""Bytes of a character in UTF-8, at most."""


class Told(msgspec.Struct):
    """What an agent has told so far."""

    session: str = ""
    said: str = ""
    error: str = ""
    """What went wrong, if nothing came after it."""
    resets_at: float = 0
    """When a limit of its provider is lifted, in seconds since 1970, if it gave that number."""
    usage: Usage | None = None
    lines: deque[str] = msgspec.field(default_factory=lambda: deque(maxlen=_LINES))
    """The last lines that are no events, and errors."""


class Transcript(Output):
    def __init__(
        self,
        path: Path,
        limit: int,
        profile: Profile,
        on_lines: Callable[[list[str]], None] | None = None,
        heard: Callable[[int, bytes], None] = lambda _, __: None,
        on_usage: Callable[[Usage], None] = lambda _: None,
        on_asks: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        """`on_lines` is told of new lines that may say why the agent fails, the last few;
        `on_usage` of all that was used so far, each time the agent tells of it; `on_asks` of what
        an agent asks by its protocol."""
        super().__init__(path, limit, heard)
        self.told = Told()
        self._profile = profile
        self._on_lines = on_lines
        self._on_asks = on_asks
        self._another = True
        """Whether a message in pieces begins with the next one."""
        self._on_usage = on_usage
        self._using = Using(profile)
        self._new = 0
        """Of the last lines, those that came with this piece."""
        self._rest = bytearray()
        self._skipping = False

    def write(self, piece: bytes) -> None:
        super().write(piece)
        *lines, rest = piece.split(b"\n")
        if lines:
            if not self._skipping:
                lines[0] = bytes(self._rest) + lines[0]
            else:
                lines[0] = b""
            self._skipping = False
            self._rest.clear()
            self._hear(lines[-_READ_AT_ONCE:])
        self._rest += rest
        if len(self._rest) > _MAX_LINE:
            self._skipping = True
            self._rest.clear()

    def end(self) -> None:
        """The agent has ended: what it printed last may have no end of line."""
        if not self._skipping:
            self._hear([bytes(self._rest)])
        self._rest.clear()

    def _hear(self, lines: list[bytes]) -> None:
        self._new = 0
        for line in lines:
            self._hear_one(line.strip())
        if self._new and self._on_lines is not None:
            self._on_lines(list(self.told.lines)[-min(self._new, _LOOKED_AT) :])

    def _hear_one(self, line: bytes) -> None:
        if not line:
            return
        event = _event(line) if self._profile.events else None
        if event is None:
            self._note(line[: _LINE_SHOWN * _WIDEST].decode("utf-8", "replace"))
            return
        if self._profile.protocol == "acp" and event.get("type") == "asks":
            self._on_asks(event)
        for reading in self._profile.events:
            if has(event, reading.when):
                self._read(event, reading)

    def _read(self, event: dict[str, Any], reading: Reading) -> None:
        told = self.told
        told.session = _text(event, reading.session)[:_MAX_ID] or told.session
        if said := _text(event, reading.message):
            goes_on = reading.join and not self._another
            told.said = (told.said + said if goes_on else said)[-MAX_SAID:]
            self._another = not reading.join
            told.error, told.resets_at = "", 0
            told.lines.clear()
            self._new = 0
        self._another = self._another or reading.ends
        if error := _text(event, reading.error):
            told.error = error[:_ERROR_SHOWN]
            self._note(error)
        if resets := at(event, reading.resets):
            told.resets_at = float(resets) if isinstance(resets, int | float) else 0
        if self._using.take(event, reading) and self._using.used is not None:
            told.usage = self._using.used
            self._on_usage(told.usage)

    def _note(self, line: str) -> None:
        self.told.lines.append(plain(line[:_LINE_SHOWN]))
        self._new += 1


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"{"):
        return None
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None


def _text(event: dict[str, Any], path: str) -> str:
    value = at(event, path)
    return plain(value) if isinstance(value, str) else ""
