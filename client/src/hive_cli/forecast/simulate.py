"""Many possible courses of what is open, drawn from what was: Monte Carlo. Pure, and seeded.

    open work of all missions ──▶ a queue, first come first served ──▶ slots ──▶ merge ──▶ next
    missions to come, at the rate at which they came ──┘        one at a time, of a mission

People are taken to answer at once: what waits for them is not in it.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from hive_cli.forecast.history import History, Mission
from hive_cli.forecast.samples import LEAST, Samples, drawn, one_of
from hive_cli.forecast.units import Unit, units_of

RUNS: Final = 500
MOST_UNITS: Final = 5_000
MOST_ARRIVALS: Final = 5_000
"""In one run."""


class TooLittle(Exception):
    """There is too little history to say anything."""


class Course(Struct, frozen=True):
    """One possible course of a mission."""

    seconds: float
    """From now to its end."""
    usd: float
    unpriced: bool


class Forecast(Struct, frozen=True):
    mission_id: str
    name: str
    left: int
    """Tasks that are not merged yet."""
    total: int
    slots: int
    courses: tuple[Course, ...]
    samples: int
    """Finished tasks that durations were drawn from."""
    exact: bool
    """Whether all of them are of its profile and repository at least."""
    spent: float
    unknown_phases: int
    """Phases of which nobody knows yet how many tasks they have: counted as one."""

    def seconds(self, share: float) -> float:
        """Within which so many of the courses ended."""
        return quantile([course.seconds for course in self.courses], share)

    def usd(self, share: float) -> float | None:
        """The whole cost in so many of the courses; None where nobody knows."""
        if any(course.unpriced for course in self.courses):
            return None
        return self.spent + quantile([course.usd for course in self.courses], share)


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]


def open_missions(history: History) -> list[Mission]:
    return [m for m in history.missions.values() if m.ended_at is None and m.phases]


def forecast(
    history: History, slots: int, seed: int, *, now: float | None = None, runs: int = RUNS
) -> dict[str, Forecast]:
    """By mission. Raises TooLittle."""
    moment = history.now if now is None else now
    samples = Samples(history)
    if len(samples.work) < LEAST:
        raise TooLittle(f"{len(samples.work)} finished tasks, {LEAST} at least are needed")
    missions = open_missions(history)
    units = [unit for mission in missions for unit in units_of(history, mission, moment)]
    units = units[:MOST_UNITS]
    rate = _rate(history, moment)
    chance = random.Random(seed)
    courses: dict[str, list[Course]] = defaultdict(list)
    for _ in range(runs):
        ends = _run(units, samples, max(slots, 1), rate, chance)
        for mission in missions:
            courses[mission.mission_id].append(_course(mission, history, ends, samples, chance))
    return {
        m.mission_id: _told(m, history, units, samples, slots, courses[m.mission_id])
        for m in missions
    }


def _rate(history: History, now: float) -> float:
    """Work tasks that were planned in a second."""
    if history.began_at is None or now <= history.began_at:
        return 0.0
    return sum(t.kind == "work" for t in history.tasks.values()) / (now - history.began_at)


class _Ends(Struct):
    """What a run led to."""

    merged: dict[str, float]
    """The moment of each mission's last merge, in seconds from now."""
    usd: dict[str, float]
    unpriced: set[str]


def _run(
    units: Sequence[Unit], samples: Samples, slots: int, rate: float, chance: random.Random
) -> _Ends:
    """One course of all that is open, with what comes meanwhile."""
    ends = _Ends({}, defaultdict(float), set())
    known = {unit.key for unit in units}
    waits = {unit.key: known.intersection(unit.after) for unit in units}
    followers: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        for key in waits[unit.key]:
            followers[key].append(unit)
    queue: list[tuple[float, int, Unit | None, float]] = []
    events: list[tuple[float, int, str, Unit | None]] = []
    branch: dict[str, float] = defaultdict(float)
    number, free, left, arrivals = 0, slots, len(units), 0

    def happens(at: float, what: str, unit: Unit | None) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (at, number, what, unit))

    def length(unit: Unit | None) -> float:
        if unit is None:
            return chance.choice(samples.work).seconds
        pool, _ = samples.of(unit.kind)
        sample = drawn(pool, unit.held, chance)
        ends.usd[unit.mission_id] += sample.usd
        if sample.unpriced:
            ends.unpriced.add(unit.mission_id)
        return max(0.0, sample.seconds - unit.held)

    def ready(unit: Unit | None, at: float) -> None:
        nonlocal number
        number += 1
        heapq.heappush(queue, (at, number, unit, length(unit)))

    for unit in units:
        if unit.worked:
            happens(0.0, "worked", unit)
        elif unit.running:
            free -= 1
            happens(length(unit), "done", unit)
        elif not waits[unit.key]:
            ready(unit, 0.0)
    if rate > 0:
        happens(chance.expovariate(rate), "arrives", None)
    now = 0.0
    while left:
        while queue and free > 0:
            _, _, first, seconds = heapq.heappop(queue)
            free -= 1
            happens(now + seconds, "done", first)
        if not events:
            break  # what is left waits for something that will not come
        now, _, what, about = heapq.heappop(events)
        match what:
            case "arrives":
                ready(None, now)
                arrivals += 1
                if arrivals < MOST_ARRIVALS:
                    happens(now + chance.expovariate(rate), "arrives", None)
            case "done" | "worked":
                free += what == "done"
                if about is not None:
                    merged = now
                    if about.merges:
                        begins = max(now, branch[about.mission_id])
                        merged = begins + one_of(samples.merges, chance)
                        branch[about.mission_id] = merged
                    happens(merged, "merged", about)
            case _:
                assert about is not None
                left -= 1
                ends.merged[about.mission_id] = now
                for follower in followers[about.key]:
                    waits[follower.key].discard(about.key)
                    if not waits[follower.key]:
                        ready(follower, now)
    return ends


def _course(
    mission: Mission, history: History, ends: _Ends, samples: Samples, chance: random.Random
) -> Course:
    id = mission.mission_id
    begun = any(history.tasks[task].kind == "work" for task in mission.tasks)
    opening = 0.0 if begun else one_of(samples.openings, chance)
    closing = one_of(samples.closings, chance)
    seconds = opening + ends.merged.get(id, 0.0) + closing
    return Course(seconds, ends.usd.get(id, 0.0), id in ends.unpriced)


def _told(
    mission: Mission,
    history: History,
    units: Sequence[Unit],
    samples: Samples,
    slots: int,
    courses: Sequence[Course],
) -> Forecast:
    own = [unit for unit in units if unit.mission_id == mission.mission_id]
    works = [t for id in mission.tasks if (t := history.tasks[id]).kind == "work"]
    pools = [samples.of(unit.kind) for unit in own]
    coming = sum(not unit.planned for unit in own)
    return Forecast(
        mission.mission_id,
        mission.name,
        left=len(own),
        total=len(works) + coming,
        slots=slots,
        courses=tuple(courses),
        samples=min((len(pool) for pool, _ in pools), default=len(samples.work)),
        exact=all(exact for _, exact in pools),
        spent=sum(history.tasks[id].usd for id in mission.tasks),
        unknown_phases=sum(
            bool(phase.for_each) and name not in mission.items and name not in mission.completed
            for name, phase in mission.phases.items()
        ),
    )
