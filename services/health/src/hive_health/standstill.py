"""For how long something has not come forward though there is something to come to. Pure."""

import msgspec


class Standstill(msgspec.Struct):
    """Looked at now and then; moments are seconds on one monotonic clock."""

    position: int = -1
    since: float | None = None
    """When it was first seen where it is now, with more to come; None while it has caught up."""

    def saw(self, position: int, end: int, now: float) -> float:
        """It is at `position` and could come to `end`. Answers for how many seconds it has stood
        still."""
        if position != self.position or position >= end:
            self.position = position
            self.since = now if position < end else None
        elif self.since is None:
            self.since = now
        return 0.0 if self.since is None else now - self.since
