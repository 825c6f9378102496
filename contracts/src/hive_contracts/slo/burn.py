"""Error budgets, and how fast they burn.

The budget of a window is the share of events that may be bad. It burns at 1 where it would be used
up exactly at the window's end. An alert looks at two windows at once (Google's SRE workbook,
chapter 5): a long one, so that a moment's trouble is no alert, and a twelfth of it, so that the
alert ends soon after the trouble does. It takes as many events, and as much evidence, as the
objective asks for, so that three bad ones of five on a quiet night wake nobody.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from hive_contracts.slo.evidence import at_least, evidence, needed
from hive_contracts.slo.objective import Objective

Severity = Literal["page", "ticket"]

HOUR: Final = 3600
DAY: Final = 24 * HOUR


class Pair(msgspec.Struct, frozen=True):
    """Two windows of an alert, in seconds, and the share of the budget that the long one may use
    before somebody is told."""

    long: int
    short: int
    share: float
    severity: Severity


PAIRS: Final = (
    Pair(HOUR, 5 * 60, 0.02, "page"),
    Pair(6 * HOUR, 30 * 60, 0.05, "page"),
    Pair(DAY, 2 * HOUR, 0.1, "ticket"),
    Pair(3 * DAY, 6 * HOUR, 0.1, "ticket"),
)


class Counts(msgspec.Struct, frozen=True):
    """Events of one window."""

    bad: float = 0
    total: float = 0

    @property
    def ratio(self) -> float | None:
        return self.bad / self.total if self.total > 0 else None


class Alert(msgspec.Struct, frozen=True):
    """A pair of windows, as it applies to one objective."""

    pair: Pair
    factor: float
    """The rate of burning above which it is told."""
    threshold: float
    """The ratio of bad events above which it is told."""


class Standing(msgspec.Struct, frozen=True):
    """An objective at one moment."""

    name: str
    window: Counts
    budget_left: float | None
    """Of the whole, 1 to 0, negative where it is overdrawn; None where nothing happened yet."""
    surely_burnt: float
    """The share of the budget that is used up with the objective's confidence."""
    burns: tuple[tuple[int, float | None], ...]
    """The rate of burning by window in seconds; None where nothing happened in it."""
    firing: tuple[Alert, ...] = ()


def alerts(objective: Objective) -> list[Alert]:
    """Those that can ever be met: a threshold of one or more is out of reach."""
    found = []
    for pair in PAIRS:
        factor = max(1.0, pair.share * objective.window_s / pair.long)
        threshold = factor * objective.budget
        if pair.long <= objective.window_s and threshold < 1:
            found.append(Alert(pair, factor, threshold))
    return found


def windows(objective: Objective) -> list[int]:
    """Every window that is looked at, in seconds, the shortest first."""
    pairs = [alert.pair for alert in alerts(objective)]
    lengths = {pair.long for pair in pairs} | {pair.short for pair in pairs}
    return sorted(lengths | {objective.window_s})


def standing(objective: Objective, counts: Mapping[int, Counts]) -> Standing:
    """Judge an objective by the counts of its `windows`."""
    whole = counts[objective.window_s]
    burns = tuple((length, _burn(counts[length], objective)) for length in windows(objective))
    ratio = whole.ratio
    surely = at_least(whole.bad, whole.total, objective.confidence)
    return Standing(
        name=objective.name,
        window=whole,
        budget_left=None if ratio is None else 1 - ratio / objective.budget,
        surely_burnt=surely / objective.budget,
        burns=burns,
        firing=tuple(a for a in alerts(objective) if _fires(a, objective, counts)),
    )


def _burn(counts: Counts, objective: Objective) -> float | None:
    return None if counts.ratio is None else counts.ratio / objective.budget


def _fires(alert: Alert, objective: Objective, counts: Mapping[int, Counts]) -> bool:
    long, short = counts[alert.pair.long], counts[alert.pair.short]
    if long.ratio is None or short.ratio is None:
        return False
    return (
        long.ratio > alert.threshold
        and short.ratio > alert.threshold
        and long.total >= objective.least_events
        and evidence(long.bad, long.total, alert.threshold) > needed(objective.confidence)
    )
