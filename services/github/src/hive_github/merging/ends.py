"""The ends of the times that checks are given to begin: each is acted upon when it comes.

    a merge waits for it ──▶ expected here ──the end──▶ the mission is looked at

Known in this process alone, by whoever looked. A process that begins looks at all that is to be
merged, and so does a loop from time to time, so one that is lost is a minute late.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from hive_shared.clock import Clock
from hive_shared.wake import Wake

AFTER_SECONDS: Final = 0.05
"""It is over by the database's clock, and ours may be a little ahead."""
IDLE_SECONDS: Final = 3600.0


class Ends:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        """By mission: when it is looked at next."""
        self._sooner = Wake(clock)

    def expect(self, mission_id: str, seconds: float) -> None:
        """The mission's is over so many seconds from now; of several the first counts."""
        due = self._clock.monotonic() + seconds + AFTER_SECONDS
        self._due[mission_id] = min(due, self._due.get(mission_id, due))
        self._sooner.set()

    async def run(self, look: Callable[[str], Awaitable[None]]) -> None:
        """Until cancelled. Whatever is not over then is expected anew by `look`."""
        while True:
            now = self._clock.monotonic()
            for mission_id in [id for id, due in self._due.items() if due <= now]:
                del self._due[mission_id]
                await look(mission_id)
            first = min(self._due.values(), default=now + IDLE_SECONDS)
            await self._sooner.wait(max(first - self._clock.monotonic(), 0.0))
