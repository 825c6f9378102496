"""The bus as health sees it: looked at now and then, judged by what comes through. Pure."""

from typing import Final

import msgspec

from hive_contracts.health import BusSeen
from hive_shared.bus.survey import Held

STALE_SECONDS: Final = 10.0
"""A look older than this says nothing any more."""


class BusView(msgspec.Struct):
    held: Held | None = None
    looked_at: float | None = None
    """When the bus last answered; seconds on one monotonic clock."""
    moved_at: float | None = None

    def saw(self, held: Held | None, now: float) -> None:
        before = None if self.held is None else (self.held.stream, self.held.last)
        if held is not None and before != (held.stream, held.last):
            self.moved_at = now
        self.held = held
        self.looked_at = now

    def seen(self, now: float, connected: bool) -> BusSeen:
        if not connected or self.looked_at is None:
            return BusSeen("unknown")
        if now - self.looked_at > STALE_SECONDS:
            return BusSeen("silent")
        if self.held is None:
            return BusSeen("alive")
        return BusSeen(
            state="alive",
            stream=self.held.stream,
            last_position=self.held.last,
            moved_s_ago=None if self.moved_at is None else round(now - self.moved_at, 3),
            holes=self.held.holes,
        )
