"""Availability by window: of calls as their callers saw them, and as the objective counts it."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

WINDOW_SECONDS: Final = 60.0
COUNT_EVERY: Final = 2.0
"""Seconds between two counts of what gateways told health."""
COUNTED_SECONDS: Final = 2.0 + COUNT_EVERY
"""A gateway's beat tells of a call within two seconds."""
SLOW_SECONDS: Final = 1.0
"""A call that takes longer has met a failure, and got over it."""


class Call(msgspec.Struct, frozen=True):
    """One call of a client, its tries together. Times are seconds since the beginning."""

    kind: str
    at: float
    """When it began."""
    seconds: float
    error: str = ""
    """Why it failed; empty where it was answered within its deadline."""


class Kill(msgspec.Struct, frozen=True):
    program: str
    at: float
    back_s: float | None = None
    """Until another process of it ran; None where none did."""


class Killed(msgspec.Struct, frozen=True):
    """What was done to one program."""

    program: str
    times: int
    back: int
    """How often another process of it ran afterwards."""
    longest_s: float | None = None
    """Until then; None where none ever did."""


class Counters(msgspec.Struct, frozen=True):
    """The objective `gateway-availability`, as health has counted it."""

    at: float
    bad: float
    total: float


class Window(msgspec.Struct, frozen=True):
    begins: float
    calls: int
    failed: int
    slow: int
    longest_s: float
    killed: tuple[str, ...] = ()
    slo_bad: float | None = None
    """Of the objective's counters in this time; None where they were not read."""
    slo_total: float | None = None

    @property
    def availability(self) -> float | None:
        return share(self.failed, self.calls)

    @property
    def slo(self) -> float | None:
        if self.slo_bad is None or self.slo_total is None:
            return None
        return share(self.slo_bad, self.slo_total)


class Outcome(msgspec.Struct, frozen=True):
    """How a mission that was launched under load stood in the end."""

    name: str
    status: str
    """As the hive tells it; "lost" where it knows none of that name."""
    merges: int = 0
    """Of its one task's work, in the mission's branch."""

    @property
    def done_once(self) -> bool:
        return self.status == "succeeded" and self.merges == 1


class Uptime(msgspec.Struct, frozen=True):
    """What a run showed."""

    target: float
    """The share of calls that is to be answered."""
    whole: Window
    windows: tuple[Window, ...]
    kills: tuple[Kill, ...]
    errors: tuple[tuple[str, int], ...] = ()
    """Why calls failed, and how often."""
    events: int = 0
    """That a subscriber saw."""
    events_missing: int = 0
    """Of those recorded until the end."""
    missions: tuple[Outcome, ...] = ()
    """Each that was launched, and what else the hive has of theirs."""
    objective_asked: bool = True
    """Whether what the objective counted has to reach the target, too."""
    programs: tuple[str, ...] = ()
    """All processes that the hive had when it began, by name."""

    @property
    def worst(self) -> Window:
        return min(self.windows, key=lambda window: window.availability or 0.0)

    @property
    def killed(self) -> tuple[Killed, ...]:
        """By program, those that were never killed too."""
        names = dict.fromkeys((*self.programs, *(kill.program for kill in self.kills)))
        return tuple(_killed(name, self.kills) for name in names)

    @property
    def met(self) -> bool:
        """Whether callers and the objective saw enough calls answered, no event was lost, and
        each mission was done once. What is not known is not met."""
        shares = [self.whole.availability]
        if self.objective_asked:
            shares.append(self.whole.slo)
        enough = all(share is not None and share >= self.target for share in shares)
        return enough and not self.events_missing and not self.undone

    @property
    def undone(self) -> tuple[Outcome, ...]:
        """Missions that did not succeed, or whose work was not merged exactly once."""
        return tuple(each for each in self.missions if not each.done_once)


def _killed(program: str, kills: Iterable[Kill]) -> Killed:
    own = [kill for kill in kills if kill.program == program]
    backs = [kill.back_s for kill in own if kill.back_s is not None]
    return Killed(program, len(own), len(backs), max(backs, default=None))


def share(bad: float, total: float) -> float | None:
    """Of what was good; None where there was nothing."""
    return None if total <= 0 else 1 - bad / total


def windows(
    calls: Sequence[Call], kills: Sequence[Kill], counters: Sequence[Counters], length: float
) -> tuple[Window, ...]:
    """A call belongs to the window in which it began. The last one may be shorter."""
    end = max((call.at for call in calls), default=0.0)
    starts = [n * length for n in range(int(end // length) + 1)]
    return tuple(window(calls, kills, counters, begins, begins + length) for begins in starts)


def window(
    calls: Iterable[Call],
    kills: Iterable[Kill],
    counters: Sequence[Counters],
    begins: float,
    ends: float,
) -> Window:
    own = [call for call in calls if begins <= call.at < ends]
    before, after = _counted(counters, begins), _counted(counters, ends)
    return Window(
        begins,
        calls=len(own),
        failed=sum(bool(call.error) for call in own),
        slow=sum(call.seconds > SLOW_SECONDS for call in own),
        longest_s=round(max((call.seconds for call in own), default=0.0), 3),
        killed=tuple(kill.program for kill in kills if begins <= kill.at < ends),
        slo_bad=after.bad - before.bad if counters else None,
        slo_total=after.total - before.total if counters else None,
    )


def _counted(counters: Sequence[Counters], upto: float) -> Counters:
    """What was counted of the calls up to that moment: so much later it is read."""
    if upto <= 0:
        return Counters(0.0, 0.0, 0.0)
    later = (each for each in counters if each.at >= upto + COUNTED_SECONDS)
    return next(later, counters[-1]) if counters else Counters(0.0, 0.0, 0.0)
