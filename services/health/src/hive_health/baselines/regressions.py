"""What agents usually need, where that changed, and what had been changed before. Pure.

Attempts are compared with those of the same work: the same phase of the same mission, by the same
profile, on the same repository. Another model, prompt, set of gates or release is no other work; it
is what a change is put down to.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from hive_contracts.health import AttemptBaseline, AttemptChange, Cause
from hive_health.baselines.attempts import VALUES, Attempt, Metric, measured
from hive_health.baselines.change_points import change_points

MOST: Final = 200
"""Attempts of a series that are looked at, the newest."""
NEAR: Final = 3
"""A change is found so many attempts beside its true place, or closer."""
_MATTERS: Final[dict[Metric, float]] = {
    "success": 0.1, "seconds": 1.2, "usd": 1.2, "tokens": 1.2,
}  # fmt: skip
"""A smaller change is none to people: a difference of shares, or else a ratio."""
_CAUSES: Final = ("model", "prompt", "gates", "version")

Work = tuple[str, str, str, str]


def _work(attempt: Attempt) -> Work:
    return attempt.repository, attempt.mission, attempt.phase, attempt.profile


def baselines(attempts: Iterable[Attempt]) -> list[AttemptBaseline]:
    """One for each work, model and prompt; the one that was used last first."""
    groups: dict[tuple[Work, str, str], list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        groups[_work(attempt), attempt.model, attempt.prompt].append(attempt)
    found = []
    for (work, model, prompt), group in groups.items():
        repository, mission, phase, profile = work
        seconds = [value for _, value in measured("seconds", group)]
        usd = [value for _, value in measured("usd", group)]
        tokens = [value for _, value in measured("tokens", group)]
        found.append(
            AttemptBaseline(
                repository=repository,
                mission=mission,
                phase=phase,
                profile=profile,
                model=model,
                prompt=prompt,
                attempts=len(group),
                succeeded=sum(each.outcome == "succeeded" for each in group),
                seconds_p50=_quantile(seconds, 0.5),
                seconds_p95=_quantile(seconds, 0.95),
                usd_mean=statistics.fmean(usd) if usd else None,
                tokens_mean=statistics.fmean(tokens) if tokens else None,
                last_at=max(each.ended_at for each in group),
            )
        )
    return sorted(found, key=lambda each: each.last_at, reverse=True)


def changes(attempts: Iterable[Attempt]) -> list[AttemptChange]:
    """All that changed, the newest first. Takes a second for some ten series of 200 attempts."""
    series: dict[Work, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda each: each.ended_at):
        series[_work(attempt)].append(attempt)
    found = [
        change
        for work, group in series.items()
        for metric in VALUES
        for change in _changes(work, metric, group[-MOST:])
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)


def _changes(work: Work, metric: Metric, group: Sequence[Attempt]) -> list[AttemptChange]:
    known = measured(metric, group)
    values = [value if metric == "success" else math.log1p(max(0.0, value)) for _, value in known]
    places = [0, *(split.at for split in change_points(values)), len(values)]
    found = []
    for (start, at), end in zip(pairwise(places), places[2:], strict=False):
        before = _middle(metric, [value for _, value in known[start:at]])
        after = _middle(metric, [value for _, value in known[at:end]])
        if not _matters(metric, before, after):
            continue
        repository, mission, phase, profile = work
        found.append(
            AttemptChange(
                repository=repository,
                mission=mission,
                phase=phase,
                profile=profile,
                metric=metric,
                at=known[at][0].ended_at,
                before=before,
                after=after,
                worse=(after < before) == (metric == "success"),
                attempts_before=at - start,
                attempts_after=end - at,
                causes=tuple(_causes([attempt for attempt, _ in known], at)),
            )
        )
    return found


def _causes(group: Sequence[Attempt], at: int) -> list[Cause]:
    """What was another in the attempts around a change, the nearest first."""
    found: list[tuple[int, Cause]] = []
    for index in range(max(1, at - NEAR), min(len(group), at + NEAR + 1)):
        old, new = group[index - 1], group[index]
        for what in _CAUSES:
            before, after = getattr(old, what), getattr(new, what)
            if before != after:
                found.append((abs(index - at), Cause(what, before, after, new.ended_at)))
    return [cause for _, cause in sorted(found, key=lambda each: each[0])]


def _middle(metric: Metric, values: Sequence[float]) -> float:
    return statistics.fmean(values) if metric == "success" else statistics.median(values)


def _matters(metric: Metric, before: float, after: float) -> bool:
    if metric == "success":
        return abs(after - before) >= _MATTERS[metric]
    low, high = sorted((before, after))
    return high > 0 and (low <= 0 or high / low >= _MATTERS[metric])


def _quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share does not exceed."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
