"""The time that checks are given to begin on a commit, before all that is there and green counts.

    pushed, opened, made ready, retargeted ──▶ checks begin, some seconds later ──▶ over

Both ends are of the database's clock, so no machine's own clock matters, and since the beginning is
in the record, neither does a restart.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from hive_github.merging.ends import Ends


class Grace:
    def __init__(self, seconds: float, now: Callable[[], Awaitable[datetime]], ends: Ends) -> None:
        """`now` is the database's time; `ends` looks at a mission again once its time is over."""
        self._time = timedelta(seconds=seconds)
        self._now = now
        self._ends = ends

    async def until(self, mission_id: str, since: datetime) -> str:
        """When it is over, for people, to the second; empty where it is. Raises StoreError.

        It has to be the same as long as it is not over: it is recorded once.
        """
        end = since + self._time
        if not self._time or (left := (end - await self._now()).total_seconds()) <= 0:
            return ""
        self._ends.expect(mission_id, left)
        return f"{end.astimezone(UTC) + timedelta(seconds=1):%H:%M:%S} UTC"
