"""How long work took, and what it cost: drawn again for work to come. Pure."""

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from hive_cli.forecast.history import History, Task

LEAST: Final = 5
"""Tasks of a kind below which those of a wider kind are taken."""
LONGER: Final = 1.5
"""What has taken longer than everything before is expected to take so many times as long."""


class Sample(Struct, frozen=True):
    """One task that is done."""

    seconds: float
    """For which it held a slot."""
    usd: float = 0
    unpriced: bool = False


class Kind(Struct, frozen=True):
    """What a task is like."""

    agent: str
    repository: str
    series: str = ""
    """Of its mission: runs of one mission do the same."""
    phase: str = ""


class Samples:
    """Of the same phase of that mission and its earlier runs, else by profile and repository, else
    by profile, else all."""

    def __init__(self, history: History) -> None:
        self._same: dict[Kind, list[Sample]] = defaultdict(list)
        self._exact: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        self._profile: dict[str, list[Sample]] = defaultdict(list)
        self.work: list[Sample] = []
        self.merges: list[float] = []
        self.openings: list[float] = []
        """Seconds from a launch to its first work."""
        self.closings: list[float] = []
        """Seconds from the last merge to the mission's end."""
        for task in history.tasks.values():
            mission = history.missions.get(task.mission_id)
            self._learn(task, "" if mission is None else mission.series)
        for mission in history.missions.values():
            works = [t for id in mission.tasks if (t := history.tasks[id]).kind == "work"]
            if works:
                self.openings.append(max(0.0, works[0].planned_at - mission.launched_at))
            done = [t.done_at for t in works if t.done_at is not None]
            if mission.succeeded and mission.ended_at is not None and done:
                last = mission.last_merge_at or max(done)
                self.closings.append(max(0.0, mission.ended_at - last))

    def of(self, kind: Kind) -> tuple[list[Sample], bool]:
        """The samples to draw from, and whether they are of this profile and repository."""
        for exact in (self._same[kind], self._exact[kind.agent, kind.repository]):
            if len(exact) >= LEAST:
                return exact, True
        wider = self._profile[kind.agent]
        return (wider, False) if len(wider) >= LEAST else (self.work, False)

    def _learn(self, task: Task, series: str) -> None:
        if task.done_at is None or task.with_person or not task.busy:
            return
        if task.kind == "merge":
            self.merges.append(task.busy)
        elif task.kind == "work" and task.succeeded:
            sample = Sample(task.busy, task.usd, task.unpriced)
            kind = Kind(task.agent, task.repository, series, task.phase)
            self._same[kind].append(sample)
            self._exact[task.agent, task.repository].append(sample)
            self._profile[task.agent].append(sample)
            self.work.append(sample)


def drawn(samples: list[Sample], held: float, chance: random.Random) -> Sample:
    """One of them that is longer than what has passed already."""
    if held <= 0:
        return chance.choice(samples)
    longer = [sample for sample in samples if sample.seconds > held]
    if longer:
        return chance.choice(longer)
    usual = chance.choice(samples)
    return Sample(held * LONGER, usual.usd, usual.unpriced)


def one_of(seconds: Iterable[float], chance: random.Random) -> float:
    """0 where there are none."""
    known = list(seconds)
    return chance.choice(known) if known else 0.0
