"""The test GitHub's time: it stands still until a test moves it, or follows the machine's."""

import time
from datetime import UTC, datetime
from typing import Final

NOON: Final = 1_767_268_800.0
"""2026-01-01T12:00:00Z, where a clock that stands still begins."""


class TestClock:
    """Seconds since 1970, moved by hand; with `follow` it also goes on by itself."""

    __test__ = False  # pytest takes it for a test otherwise

    def __init__(self, start: float | None = None, *, follow: bool = False) -> None:
        """`start` is NOON where it is not told, and now for one that follows."""
        self._begun = time.time() if follow else None
        self._start = start if start is not None else (self._begun or NOON)

    def now(self) -> float:
        return self._start + (time.time() - self._begun if self._begun is not None else 0)

    def advance(self, seconds: float) -> None:
        self._start += seconds


def stamp(seconds: float) -> str:
    """As GitHub writes a moment."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
