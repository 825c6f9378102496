"""How many runners are wanted, out of how many slots tasks take and wait for. Pure.

    slots that tasks hold, and that they wait for            every two seconds
          │ divided by the slots of a runner, rounded up
          ▼
    needed ──more than wanted, for all of UP_SECONDS──▶ wanted rises to the least of that time
           ──less than wanted, for all of the hold─────▶ wanted falls to the most of that time

So a moment's queue starts no runner, a burst starts them at once, and what a burst needed stays
until no burst has needed it for the hold (two minutes): between a rise and a fall below it at least
that time passes, whatever the shape of the load. Kubernetes' HorizontalPodAutoscaler has the same
rule (stabilization windows).

What is not known moves nothing: after a gap the windows begin anew, and a fall waits for a whole
one.
"""

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

UP_SECONDS: Final = 4.0
HOLD_SECONDS: Final = 120.0
GAP_SECONDS: Final = 10.0
"""Between two looks; after a longer one nothing is known of the time between."""
SLOTS: Final = Fraction(4)
"""Of a runner, where none was ever heard."""


class Level:
    """One number that follows what is needed. Times are seconds on one monotonic clock."""

    def __init__(self, wanted: int = 0, hold: float = HOLD_SECONDS) -> None:
        self.wanted = wanted
        self._hold = hold
        self._seen: list[tuple[float, int]] = []
        self._since = math.inf
        """Since when it has been looked at without a gap."""

    def see(self, at: float, needed: int) -> int:
        """What is wanted now."""
        if not self._seen or at - self._seen[-1][0] > GAP_SECONDS:
            self._seen, self._since = [], at
        self._seen = [seen for seen in self._seen if seen[0] >= at - self._hold]
        self._seen.append((at, needed))
        if at - self._since >= UP_SECONDS:
            least = min(needed for seen, needed in self._seen if seen >= at - UP_SECONDS)
            self.wanted = max(self.wanted, least)
        if at - self._since >= self._hold:
            self.wanted = min(self.wanted, max(needed for _, needed in self._seen))
        return self.wanted


class Sizes:
    """The whole, and each profile by itself."""

    def __init__(
        self,
        runners: int = 0,
        agents: Mapping[str, int] | None = None,
        hold: float = HOLD_SECONDS,
    ) -> None:
        """With what was wanted last; `hold` is the seconds that it stays so."""
        self._hold = hold
        self.whole = Level(runners, hold)
        self._agents = {agent: Level(wanted, hold) for agent, wanted in (agents or {}).items()}

    def see(self, at: float, whole: int, agents: Mapping[str, int], slots: Fraction) -> None:
        """`whole` and `agents` are slots, `slots` those of one runner."""
        self.whole.see(at, runners_for(whole, slots))
        for agent in {*self._agents, *agents}:
            level = self._agents.setdefault(agent, Level(hold=self._hold))
            level.see(at, runners_for(agents.get(agent, 0), slots))
        # Nothing is wanted of it, and nothing was in all of its window.
        for agent in [a for a, level in self._agents.items() if a not in agents]:
            if not self._agents[agent].wanted:
                del self._agents[agent]

    @property
    def agents(self) -> dict[str, int]:
        """Of which some are wanted."""
        return {a: level.wanted for a, level in sorted(self._agents.items()) if level.wanted}


def runners_for(slots_needed: int, slots: Fraction) -> int:
    return math.ceil(slots_needed / max(slots, Fraction(1)))


def slots_each(slots: Iterable[int]) -> Fraction:
    """Of one runner, on an average, so that the runners that are there come out as many as they
    are."""
    known = [each for each in slots if each > 0]
    return Fraction(sum(known), len(known)) if known else SLOTS
