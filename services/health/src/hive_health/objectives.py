"""How objectives stand by what the ledger has counted."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hive_contracts.files.document import FileProblem
from hive_contracts.health import BurnRate, FiringAlert, Objectives, ObjectiveStanding
from hive_contracts.slo.burn import Counts, standing, windows
from hive_contracts.slo.objective import Objective, in_folder, shipped
from hive_contracts.slo.selector import Selector
from hive_health.tally import Series, series_of

_log = logging.getLogger("hive.health.slo")


class Counted(Protocol):
    async def windows(self, lengths: list[int]) -> list[tuple[str, int, float]]: ...


class Promises:
    """The objectives of a folder; its files are read anew whenever somebody asks."""

    def __init__(self, folder: Path, ledger: Counted) -> None:
        self._folder = folder
        self._ledger = ledger

    async def standings(self) -> Objectives:
        """Raises what the ledger raises."""
        problem = ""
        found: Sequence[Objective]
        try:
            found = in_folder(self._folder)
        except FileProblem as error:
            problem, found = str(error), shipped()
            _log.warning("an objective cannot be read: %s", error)
        lengths = sorted({length for each in found for length in windows(each)})
        rows = await self._ledger.windows(lengths)
        counted = [(series_of(key), length, value) for key, length, value in rows]
        return Objectives(tuple(stands(each, counted) for each in found), problem)


def stands(objective: Objective, counted: Iterable[tuple[Series, int, float]]) -> ObjectiveStanding:
    """One objective, by what was counted in each window."""
    counts = counts_of(objective, counted)
    judged = standing(objective, counts)
    return ObjectiveStanding(
        name=objective.name,
        title=objective.title,
        description=objective.description,
        target=objective.target,
        window_s=objective.window_s,
        total_query=str(objective.total),
        good_query="" if objective.good is None else str(objective.good),
        bad_query="" if objective.bad is None else str(objective.bad),
        bad=judged.window.bad,
        total=judged.window.total,
        budget_left=judged.budget_left,
        surely_burnt=judged.surely_burnt,
        confidence=objective.confidence,
        burns=tuple(BurnRate(length, rate) for length, rate in judged.burns),
        firing=tuple(
            FiringAlert(alert.pair.severity, alert.pair.long, alert.factor)
            for alert in judged.firing
        ),
    )


def counts_of(
    objective: Objective, counted: Iterable[tuple[Series, int, float]]
) -> Mapping[int, Counts]:
    wanted = windows(objective)
    total, bad, good = (dict.fromkeys(wanted, 0.0) for _ in range(3))
    for series, length, value in counted:
        if length not in total:
            continue
        labels = dict(series.labels)
        for selector, sums in (
            (objective.total, total),
            (objective.bad, bad),
            (objective.good, good),
        ):
            if _takes(selector, series.family, labels):
                sums[length] += value
    if objective.bad is None:
        bad = {length: max(0.0, total[length] - good[length]) for length in wanted}
    return {length: Counts(bad[length], total[length]) for length in wanted}


def _takes(selector: Selector | None, family: str, labels: Mapping[str, str]) -> bool:
    return selector is not None and selector.takes(family, labels)
