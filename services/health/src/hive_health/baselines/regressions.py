"""What agents usually need, where that changed, and what had been changed before. Pure.

Attempts are compared with those of the same work: the same phase of the same mission, by the same
profile, on the same repository. Another model, prompt, set of gates, profile of that name or
release is no other work; it is what a change is put down to.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Literal

import msgspec

from hive_contracts.health import AttemptBaseline, AttemptChange, Cause, EventBefore
from hive_health.baselines.attempts import VALUES, Attempt, Metric, measured
from hive_health.baselines.change_points import (
    LEAST,
    PERMUTATIONS,
    SIGNIFICANCE,
    change_points,
)

What = Literal["model", "prompt", "gates", "settings", "version"]
MOST: Final = 200
"""Attempts of a series that are looked at, the newest."""
NEAR: Final = 3
"""A change is found so many attempts beside its true place, or closer."""
_MATTERS: Final[dict[Metric, float]] = {
    "success": 0.1, "seconds": 1.2, "usd": 1.2, "tokens": 1.2, "waiting": 1.2,
}  # fmt: skip
"""A smaller change is none to people: a difference of shares, or else a ratio."""
WAITING_SECONDS: Final = 5.0
"""A wait that became longer or shorter by less is the same to people."""
STRICT: Final = 0.001
"""How seldom a random order may be split as well, before people are told; `hive baselines` shows
more (decision record 69)."""
STRICT_PERMUTATIONS: Final = 999
_CAUSES: Final[tuple[What, ...]] = ("model", "prompt", "gates", "settings", "version")
_COMMON: Final[tuple[What, ...]] = ("version",)
"""Of these, what attempts of all missions have in common: each mission has prompts of its own."""

Work = tuple[str, str, str, str]
"""Repository, mission, phase and profile. All but the last are empty for what is compared over all
missions."""


class Regression(msgspec.Struct, frozen=True):
    """A work that became worse, and still is."""

    change: AttemptChange
    near: tuple[int, ...]
    """Positions of the attempts around it: the same change may be found a little beside its place.
    """
    is_sure: bool
    """Whether it is no chance by the stricter measure, too."""

    @property
    def series(self) -> str:
        of = self.change
        return " ".join((of.repository, of.mission, of.phase, of.profile, of.metric))


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
        waited = [value for _, value in measured("waiting", group)]
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
                waited_p50=_quantile(waited, 0.5),
                last_at=max(each.ended_at for each in group),
            )
        )
    return sorted(found, key=lambda each: each.last_at, reverse=True)


def changes(attempts: Iterable[Attempt]) -> list[AttemptChange]:
    """All that changed, the newest first. Takes a second for some ten series of 200 attempts."""
    found = [
        change
        for work, group in works(attempts).items()
        for metric in metrics_of(work)
        for change in _changes(work, metric, group)
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)


def works(attempts: Iterable[Attempt]) -> dict[Work, list[Attempt]]:
    """The newest attempts of each work, and of each profile over all missions; the oldest first."""
    series: dict[Work, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda each: each.ended_at):
        series[_work(attempt)].append(attempt)
        series["", "", "", attempt.profile].append(attempt)
    return {work: group[-MOST:] for work, group in series.items()}


def metrics_of(work: Work) -> list[Metric]:
    """What is compared: how long a task waits depends on runners, and not on its mission."""
    over_all = not any(work[:3])
    return [metric for metric in VALUES if (metric == "waiting") == over_all]


def regressions(attempts: Iterable[Attempt]) -> list[Regression]:
    """The works that are worse than they were before a change. What came back since is none.

    Takes a second for a work of 200 attempts that changed, and hardly any time for others.
    """
    return [found for work, group in works(attempts).items() for found in worse_of(work, group)]


def worse_of(work: Work, group: Sequence[Attempt]) -> list[Regression]:
    """Those of one series of `works`."""
    return [found for metric in metrics_of(work) for found in _regressions(work, metric, group)]


def _regressions(work: Work, metric: Metric, group: Sequence[Attempt]) -> list[Regression]:
    known = [attempt for attempt, _ in measured(metric, group)]
    found = [(_place(known, each), each) for each in _changes(work, metric, group)]
    worse = [(at, each) for at, each in found if each.worse and _is_still(each, found[-1][1])]
    if not worse:
        return []
    sure = [
        _place(known, each)
        for each in _changes(work, metric, group, STRICT, STRICT_PERMUTATIONS)
        if each.worse
    ]
    return [_regression(known, at, each, sure) for at, each in worse]


def _place(known: Sequence[Attempt], change: AttemptChange) -> int:
    """The index of the first attempt after a change."""
    return next(n for n, attempt in enumerate(known) if attempt.ended_at == change.at)


def _is_still(change: AttemptChange, last: AttemptChange) -> bool:
    """Whether what came after all later changes is worse than what was before this one."""
    worse = (last.after < change.before) == (change.metric == "success")
    return worse and _matters(change.metric, change.before, last.after)


def _regression(
    known: Sequence[Attempt], at: int, change: AttemptChange, sure: Sequence[int]
) -> Regression:
    near = tuple(each.position for each in known[max(0, at - LEAST + 1) : at + LEAST])
    return Regression(change, near, any(abs(each - at) <= NEAR for each in sure))


def _changes(
    work: Work, metric: Metric, group: Sequence[Attempt],
    significance: float = SIGNIFICANCE, permutations: int = PERMUTATIONS,
) -> list[AttemptChange]:  # fmt: skip
    known = measured(metric, group)
    values = [value if metric == "success" else math.log1p(max(0.0, value)) for _, value in known]
    splits = change_points(values, significance=significance, permutations=permutations)
    places = [0, *(split.at for split in splits), len(values)]
    found = []
    for (start, at), end in zip(pairwise(places), places[2:], strict=False):
        before = _middle(metric, [value for _, value in known[start:at]])
        after = _middle(metric, [value for _, value in known[at:end]])
        if not _matters(metric, before, after):
            continue
        repository, mission, phase, profile = work
        series = [attempt for attempt, _ in known]
        causes = _causes(metric, series, at)
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
                causes=tuple(causes),
                position=series[at].position,
                preceded_by=_before(series, at, causes),
            )
        )
    return found


def _causes(metric: Metric, group: Sequence[Attempt], at: int) -> list[Cause]:
    """What was another in the attempts around a change, the nearest first."""
    looked_at = _COMMON if metric == "waiting" else _CAUSES
    found: list[tuple[int, Cause]] = []
    for index in range(max(1, at - NEAR), min(len(group), at + NEAR + 1)):
        old, new = group[index - 1], group[index]
        for what in looked_at:
            before, after = getattr(old, what), getattr(new, what)
            if what == "settings" and not (before and after):
                continue  # an older runner did not tell them
            if before != after:
                found.append((abs(index - at), Cause(what, before, after, new.ended_at)))
    return [cause for _, cause in sorted(found, key=lambda each: each[0])]


def _before(group: Sequence[Attempt], at: int, causes: Sequence[Cause]) -> EventBefore:
    """Of the nearest cause the first attempt that it was in, until its launch is known."""
    if not causes:
        return _end_of(group[at - 1], "attempt")
    first = next(attempt for attempt in group if attempt.ended_at == causes[0].at)
    return _end_of(first, causes[0].what)


def _end_of(attempt: Attempt, kind: What | Literal["attempt"]) -> EventBefore:
    return EventBefore(attempt.position, kind, int(attempt.ended_at.timestamp() * 1000))


def _middle(metric: Metric, values: Sequence[float]) -> float:
    return statistics.fmean(values) if metric == "success" else statistics.median(values)


def _matters(metric: Metric, before: float, after: float) -> bool:
    if metric == "success":
        return abs(after - before) >= _MATTERS[metric]
    if metric == "waiting" and abs(after - before) < WAITING_SECONDS:
        return False
    low, high = sorted((before, after))
    return high > 0 and (low <= 0 or high / low >= _MATTERS[metric])


def _quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share does not exceed."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
