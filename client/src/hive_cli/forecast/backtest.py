"""Forecasts as they would have been made, beside what came: how far they can be relied on. Pure.

Each mission that has succeeded is forecast at its first work and half-way, from what was known at
those moments only. Missions that waited for people are left out: nobody forecasts those.
"""

import statistics
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from hive_cli.forecast.history import History
from hive_cli.forecast.simulate import TooLittle, forecast
from hive_contracts.codec import AnyEvent

MOST: Final = 60
"""Forecasts that are made; of more, the newest."""
RUNS: Final = 200

Timed = tuple[AnyEvent, float]
"""An event, and when it was recorded."""


class Tried(Struct, frozen=True):
    """One forecast, and what came."""

    mission: str
    p50: float
    """Seconds."""
    p85: float
    came: float
    """Seconds after which the mission had really ended."""


class Backtest(Struct, frozen=True):
    tried: tuple[Tried, ...]
    too_early: int
    """Moments at which there was too little history."""
    with_people: int
    """Missions that waited for people."""

    def within(self, which: Literal["p50", "p85"]) -> float | None:
        """The share that ended within the p50 or the p85."""
        if not self.tried:
            return None
        kept = sum(t.came <= (t.p50 if which == "p50" else t.p85) for t in self.tried)
        return kept / len(self.tried)

    @property
    def error(self) -> float | None:
        """The median of how far the p50 was off, as a share of what came."""
        off = [abs(t.p50 - t.came) / t.came for t in self.tried if t.came > 0]
        return statistics.median(off) if off else None


def backtest(events: Sequence[Timed], slots: int, seed: int, *, runs: int = RUNS) -> Backtest:
    """`slots`: where the record does not say how many there were."""
    whole = History()
    for event, at in events:
        whole.apply(event, at)
    moments: list[tuple[float, str, float]] = []
    with_people = 0
    for mission in whole.missions.values():
        works = [t for id in mission.tasks if (t := whole.tasks[id]).kind == "work"]
        if not (mission.succeeded and mission.ended_at and works):
            continue
        if mission.asked_people:
            with_people += 1
            continue
        first = works[0].planned_at
        halfway = (first + mission.ended_at) / 2
        moments += [(at, mission.mission_id, mission.ended_at) for at in (first, halfway)]
    return _tried(events, sorted(moments)[-MOST:], with_people, slots, seed, runs)


def _tried(
    events: Sequence[Timed],
    moments: Sequence[tuple[float, str, float]],
    with_people: int,
    slots: int,
    seed: int,
    runs: int,
) -> Backtest:
    history, tried, too_early = History(), [], 0
    coming = iter(events)
    following = next(coming, None)
    for at, mission_id, ended_at in moments:
        while following is not None and following[1] <= at:
            history.apply(*following)
            following = next(coming, None)
        there = sum(history.sessions.values()) or slots
        try:
            told = forecast(history, there, seed, now=at, runs=runs).get(mission_id)
        except TooLittle:
            too_early += 1
            continue
        if told is not None:
            tried.append(Tried(told.name, told.seconds(0.5), told.seconds(0.85), ended_at - at))
    return Backtest(tuple(tried), too_early, with_people)
