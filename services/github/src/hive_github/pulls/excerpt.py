"""The part of a job's log that matters, found while it flows by: a log may be of any size.

GitHub marks what failed with `##[error]`: each such line is kept with those before it. Where there
is none, the end of the log is what matters, as it is of a gate's output.
"""

import re
from collections import deque
from typing import Final

from hive_shared.judging.excerpt import plain_lines

MAX_LINE: Final = 2_000
"""Bytes of a line that are looked at."""
BEFORE: Final = 60
"""Lines before an error."""
ERRORS: Final = 4
"""The last so many errors are kept."""
LAST: Final = 120
"""Lines of the end, where nothing is marked."""

_TIME: Final = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ?", re.MULTILINE)
_UNPRINTED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Excerpt:
    """Feed it the log, then ask it."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: deque[bytes] = deque(maxlen=LAST)
        self._errors: deque[list[bytes]] = deque(maxlen=ERRORS)

    def feed(self, piece: bytes) -> None:
        lines = (self._rest + piece).split(b"\n")
        # What is beyond the longest line is dropped at once, also of a log without any end of line.
        self._rest = lines.pop()[:MAX_LINE]
        for line in lines:
            self._line(line[:MAX_LINE])

    def text(self, most: int) -> str:
        """At most so many characters."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""
        found = [b"\n".join(error) for error in self._errors] or [b"\n".join(self._lines)]
        parts = [clean(part.decode("utf-8", "replace")) for part in found]
        share = most // len(parts) - 8
        return "\n[…]\n".join(part[max(0, len(part) - share) :] for part in parts)

    def _line(self, line: bytes) -> None:
        self._lines.append(line)
        if b"##[error]" in line:
            self._errors.append(list(self._lines)[-BEFORE:])
            self._lines.clear()


def clean(text: str) -> str:
    """Without times, colours and what no terminal shows."""
    return _UNPRINTED.sub("", plain_lines(_TIME.sub("", text))).strip("\n")
