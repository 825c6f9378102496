"""The database's clock, carried on between two looks at it; what is decided on it no jump can earn.

    anchor = (what it said, our monotonic then)        now = what it said + what went by since

This machine's clock may be set by an hour while an incident is calm or a policy's state is held:
its seconds since 1970 are not looked at once the database's are known. The database's may be set,
too, and often is the same machine's. So a look moves ours towards it by a twentieth of what went
by at most: it never goes back, and a jump counts as little as the time that it took.
"""

from typing import Final

from hive_shared.clock import Clock

SLEW: Final = 0.05


class RecordClock:
    """A `Clock`; this machine's until the database's is known."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._anchor: tuple[float, float] | None = None
        """Milliseconds since 1970 as the database said, and our monotonic milliseconds then."""

    def saw(self, database_ms: float) -> None:
        """What the database's clock says now."""
        mono = self._clock.monotonic() * 1000
        if self._anchor is None:
            self._anchor = database_ms, mono
            return
        said, then = self._anchor
        ours, most = said + mono - then, SLEW * (mono - then)
        self._anchor = ours + max(-most, min(most, database_ms - ours)), mono

    def now_ms(self) -> int:
        if self._anchor is None:
            return self._clock.now_ms()
        said, then = self._anchor
        return int(said + self._clock.monotonic() * 1000 - then)

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
