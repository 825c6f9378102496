"""What a handler of messages has in hand, and what came of those before.

    submits = Handling("submit", clock.monotonic)
    with submits.one():
        …

Costs two reads of the clock and a few additions a message; nothing is kept of messages that are
done but numbers, and the trace of the slowest one of late.
"""

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Final

from hive_contracts.heartbeat import HANDLED_BOUNDS, Handled, Kind
from hive_shared import telemetry

LATE_SECONDS: Final = 30.0
"""For how long the trace of a slow one is told: whoever collects metrics comes by meanwhile."""


class Handling:
    """One handler of one process; for one event loop."""

    def __init__(self, name: str, monotonic: Callable[[], float], kind: Kind = "message") -> None:
        self.name = name
        self.kind = kind
        self._monotonic = monotonic
        self._in_hand: dict[int, float] = {}
        """When each was begun; in that order."""
        self._begun = 0
        self.done = 0
        self.failed = 0
        self.seconds = 0.0
        """In all."""
        self.buckets = [0] * (len(HANDLED_BOUNDS) + 1)
        """How many took how long, each bucket for itself."""
        self._slowest: tuple[float, str, float] | None = None
        """Its seconds, its trace, and when it was done."""

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """A message is in hand; an exception that leaves counts it as failed."""
        self._begun += 1
        number, began = self._begun, self._monotonic()
        self._in_hand[number] = began
        try:
            yield
        except BaseException:
            self.failed += 1
            raise
        finally:
            del self._in_hand[number]
            self.took(self._monotonic() - began, telemetry.current())

    def took(self, seconds: float, traceparent: str = "") -> None:
        """One that was not watched is done, and was in hand for so long."""
        self.done += 1
        self.seconds += seconds
        self.buckets[bisect_left(HANDLED_BOUNDS, seconds)] += 1
        if trace := telemetry.recorded_trace(traceparent):
            slowest = self._slowest_of_late()
            if slowest is None or seconds > slowest[0]:
                self._slowest = (round(seconds, 6), trace, self._monotonic())

    def handled(self) -> Handled:
        oldest = next(iter(self._in_hand.values()), None)
        age = 0.0 if oldest is None else self._monotonic() - oldest
        return Handled(
            self.name,
            self.done,
            self.failed,
            len(self._in_hand),
            round(age, 3),
            self.kind,
            round(self.seconds, 6),
            tuple(self.buckets),
            self._slowest_of_late(),
        )

    def _slowest_of_late(self) -> tuple[float, str] | None:
        if self._slowest is None or self._monotonic() - self._slowest[2] > LATE_SECONDS:
            return None
        return self._slowest[:2]
