"""Forecasts: what is exact where nothing varies, and right as often as they say where it does."""

import random
from collections.abc import Iterable, Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hive_cli.forecast.backtest import Timed, backtest
from hive_cli.forecast.command import _runners, clock, show
from hive_cli.forecast.history import TYPES, History
from hive_cli.forecast.samples import LONGER, Kind, Sample, Samples, drawn
from hive_cli.forecast.simulate import Forecast, TooLittle, forecast, quantile
from hive_cli.problems import Problem
from hive_contracts.codec import event_types
from hive_contracts.mission import ItemsFound, MissionLaunched, MissionSucceeded, PhaseDefined
from hive_contracts.outcome import AgentRun, Usage, WorkDone
from hive_contracts.plan import ForEach, Globbed, Item, Phase, TaskSpec
from hive_contracts.runner import SessionOpened
from hive_contracts.task import (
    ApprovalRequested,
    AttemptSucceeded,
    TaskLeased,
    TaskPlanned,
    TaskSucceeded,
)


class World:
    """Missions without a repository: their tasks hold slots for as long as is said."""

    def __init__(self, slots: int = 2) -> None:
        self.events: list[Timed] = [(SessionOpened("r", "s", "anvil", slots), 0.0)]
        self._ids = count(1)

    def launch(self, at: float, *phases: Phase) -> str:
        id = f"{next(self._ids):032x}"
        self.events.append((MissionLaunched(id, f"m-{id[-4:]}", "m"), at))
        self.events += [(PhaseDefined(id, phase), at) for phase in phases]
        return id

    def plan(self, mission: str, name: str, at: float, agent: str = "", phase: str = "p") -> str:
        id = f"{next(self._ids):032x}"
        spec = TaskSpec(name, run="x", agent=agent)
        self.events.append((TaskPlanned(id, mission, "m", phase, "work", spec), at))
        return id

    def lease(self, task: str, at: float) -> None:
        self.events.append((TaskLeased(task, 1, "work", "r", "s", 60), at))

    def done(self, task: str, mission: str, at: float, usd: float | None = 0) -> None:
        usage = Usage(billed_usd=usd) if usd is not None else Usage(unpriced=1)
        result = WorkDone(agent=AgentRun("claude", usage=usage))
        self.events += [
            (AttemptSucceeded(task, 1, result), at),
            (TaskSucceeded(task, mission, 1, result), at),
        ]

    def end(self, mission: str, at: float) -> None:
        self.events.append((MissionSucceeded(mission, "m"), at))

    def finished(self, seconds: Iterable[float], agent: str = "", usd: float | None = 0) -> None:
        """Missions of one task each, one after the other, long before time 1000."""
        for long in seconds:
            mission = self.launch(1.0, phase("a"))
            task = self.plan(mission, "a", 1.0, agent)
            self.lease(task, 1.0)
            self.done(task, mission, 1.0 + long, usd)
            self.end(mission, 1.0 + long)

    def history(self) -> History:
        history = History()
        for event, at in sorted(self.events, key=lambda timed: timed[1]):
            history.apply(event, at)
        return history


def phase(*names: str, name: str = "p", needs: tuple[str, ...] = ()) -> Phase:
    return Phase(name, needs=needs, tasks=tuple(TaskSpec(each, run="x") for each in names))


def told(world: World, slots: int, now: float = 1e6, runs: int = 50) -> Forecast:
    [one] = forecast(world.history(), slots, 1, now=now, runs=runs).values()
    return one


@pytest.mark.parametrize(("slots", "seconds"), [(1, 40), (2, 20), (3, 20), (4, 10), (9, 10)])
def test_where_nothing_varies_it_is_exact(slots: int, seconds: float) -> None:
    world = World()
    world.finished([10.0] * 5)
    mission = world.launch(1e6, phase("a", "b", "c", "d"))
    for name in "abcd":
        world.plan(mission, name, 1e6)
    each = told(world, slots)
    assert each.seconds(0.5) == pytest.approx(seconds, abs=0.1)
    assert each.seconds(0.85) == pytest.approx(seconds, abs=0.1)
    assert (each.left, each.total, each.samples, each.exact) == (4, 4, 5, True)


def test_a_phase_waits_for_those_that_it_needs_and_what_runs_has_run_already() -> None:
    world = World()
    world.finished([10.0] * 5)
    mission = world.launch(1e6, phase("a"), phase("b", "c", name="q", needs=("p",)))
    task = world.plan(mission, "a", 1e6)
    world.lease(task, 1e6)
    each = told(world, 2, now=1e6 + 4)
    assert each.seconds(0.5) == pytest.approx(6 + 10, abs=0.1)
    assert (each.left, each.total) == (3, 3)


def test_what_has_taken_longer_than_everything_before_takes_longer_still() -> None:
    chance = random.Random(1)
    usual = [Sample(10.0), Sample(20.0)]
    assert drawn(usual, 15, chance).seconds == 20
    assert drawn(usual, 40, chance).seconds == 40 * LONGER


def test_other_missions_stand_in_the_queue_before_it() -> None:
    world = World()
    world.finished([10.0] * 5)
    before = world.launch(1e6, phase("a", "b"))
    mission = world.launch(1e6, phase("a"))
    for name in "ab":
        world.plan(before, name, 1e6)
    world.plan(mission, "a", 1e6)
    both = forecast(world.history(), 1, 1, now=1e6, runs=20)
    assert both[before].seconds(0.5) == pytest.approx(20, abs=0.1)
    assert both[mission].seconds(0.5) == pytest.approx(30, abs=0.1)


def test_the_more_missions_come_the_later_those_that_are_open_end() -> None:
    later = []
    for now in (1e6, 200.0, 80.0):  # since the beginning six tasks came: 0, 3 and 7.5 in 100 s
        world = World()
        world.finished([10.0] * 5)
        phases = [phase("a", name=f"p{n}", needs=(f"p{n - 1}",) if n else ()) for n in range(6)]
        mission = world.launch(now, *phases)
        world.plan(mission, "a", now, phase="p0")
        later.append(told(world, 1, now=now, runs=200).seconds(0.85))
    assert later[0] == pytest.approx(60, abs=0.1), "nobody comes in between"
    assert later[0] + 10 < later[1] < later[2] - 10


def test_the_narrowest_kind_with_enough_tasks_is_drawn_from() -> None:
    world = World()
    world.finished([10.0] * 5, agent="claude")
    world.finished([90.0] * 4, agent="codex")
    samples = Samples(world.history())
    pool, exact = samples.of(Kind("claude", ""))
    assert ({each.seconds for each in pool}, exact) == ({10.0}, True)
    pool, exact = samples.of(Kind("codex", ""))
    assert (len(pool), exact) == (9, False)
    pool, exact = samples.of(Kind("claude", "", "m", "p"))
    assert (len(pool), exact) == (5, True)  # of the same phase of the same mission
    pool, exact = samples.of(Kind("claude", "elsewhere"))
    assert ({each.seconds for each in pool}, exact) == ({10.0}, False)


def test_cost_is_what_was_spent_and_what_is_drawn_and_unknown_where_an_agent_is_silent() -> None:
    world = World()
    world.finished([10.0] * 5, usd=2.0)
    mission = world.launch(1e6, phase("a", "b"))
    done = world.plan(mission, "a", 1e6)
    world.lease(done, 1e6)
    world.done(done, mission, 1e6 + 9, usd=0.5)
    world.plan(mission, "b", 1e6)
    each = told(world, 1, now=1e6 + 9)
    assert each.usd(0.5) == each.usd(0.85) == 2.5
    silent = World()
    silent.finished([10.0] * 5, usd=None)
    silent.plan(silent.launch(1e6, phase("a")), "a", 1e6)
    assert told(silent, 1).usd(0.5) is None


def test_with_too_little_history_nothing_is_said() -> None:
    world = World()
    world.finished([10.0] * 4)
    world.plan(world.launch(1e6, phase("a")), "a", 1e6)
    with pytest.raises(TooLittle, match="4 finished tasks, 5 at least"):
        forecast(world.history(), 1, 1)


def test_the_same_seed_says_the_same() -> None:
    world = World()
    world.finished([1.0, 5.0, 9.0, 30.0, 60.0])
    world.plan(world.launch(1e6, phase("a")), "a", 1e6)
    assert told(world, 1).courses == told(world, 1).courses
    history = world.history()
    assert forecast(history, 1, 1, now=1e6) != forecast(history, 1, 2, now=1e6)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(1, 50), min_size=5, max_size=12),
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(0, 99),
)
def test_it_ends_not_before_the_work_can_be_done_nor_after_it_would_be_one_by_one(
    seconds: Sequence[float], tasks: int, slots: int, seed: int
) -> None:
    world = World()
    world.finished(seconds)
    names = [f"t{n}" for n in range(tasks)]
    mission = world.launch(1e6, phase(*names))
    for name in names:
        world.plan(mission, name, 1e6)
    [each] = forecast(world.history(), slots, seed, now=1e6, runs=10).values()
    rounds = -(-tasks // slots)
    for course in each.courses:
        assert min(seconds) * rounds - 0.01 <= course.seconds
        assert course.seconds <= max(seconds) * tasks + 0.01
    assert each.seconds(0.5) <= each.seconds(0.85)


def test_forecasts_hold_as_often_as_they_say() -> None:
    """A world of 80 missions whose tasks take between seconds and minutes, two slots for all."""
    chance, world, now = random.Random(7), World(slots=2), 0.0
    for _ in range(80):
        now += chance.expovariate(1 / 400)
        names = [f"t{n}" for n in range(chance.randint(2, 6))]
        mission = world.launch(now, phase(*names))
        free = [now, now]
        tasks = [world.plan(mission, name, now) for name in names]
        for task in tasks:
            begins = min(free)
            ends = begins + chance.lognormvariate(3.5, 0.8)
            free[free.index(begins)] = ends
            world.lease(task, begins)
            world.done(task, mission, ends)
        world.end(mission, max(free))
        now = max(free)
    done = backtest(sorted(world.events, key=lambda timed: timed[1]), 2, seed=1, runs=100)
    assert len(done.tried) == 60
    p50, p85 = done.within("p50"), done.within("p85")
    assert p50 is not None and p85 is not None and done.error is not None
    assert 0.35 <= p50 <= 0.65
    assert 0.75 <= p85 <= 0.95
    assert done.error < 0.6  # tasks vary by a factor of two either way


def test_missions_that_waited_for_people_and_times_without_history_are_counted_apart() -> None:
    world = World()
    world.finished([10.0] * 3)
    mission = world.launch(50, phase("a"))
    task = world.plan(mission, "a", 50)
    world.events.append((ApprovalRequested(task, mission, "ready", "Ready?"), 51))
    world.lease(task, 60)
    world.done(task, mission, 70)
    world.end(mission, 70)
    done = backtest(sorted(world.events, key=lambda timed: timed[1]), 2, seed=1)
    assert (done.with_people, done.too_early, done.tried) == (1, 6, ())
    assert done.within("p50") is done.error is None


def test_the_same_phase_of_an_earlier_run_says_more_than_the_whole_repository() -> None:
    world = World()
    world.finished([10.0] * 5)
    other = world.launch(1.0, phase("a", name="slow"))
    for n in range(9):
        task = world.plan(other, f"t{n}", 1.0, phase="slow")
        world.lease(task, 1.0)
        world.done(task, other, 501.0)
    world.end(other, 501.0)
    world.plan(world.launch(1e6, phase("a")), "a", 1e6)
    assert told(world, 1).seconds(0.85) == pytest.approx(10, abs=0.1)


def test_quantiles_times_and_numbers_of_runners() -> None:
    assert [quantile([3, 1, 2], share) for share in (0.0, 0.5, 1.0)] == [1, 2, 3]
    assert (_runners("4", 2), _runners("+2", 2)) == (4, 4)
    for wrong in ("two", "-1", "0", "+0", "1.5"):
        with pytest.raises(Problem, match="no number of runners"):
            _runners(wrong, 2)
    assert len(clock(0, 86_400 * 3)) == len("1970-01-01 00:00")
    assert len(clock(86_400.0, 86_400.0)) == len("00:00:00")
    assert {type for _, type in event_types()} >= set(TYPES)


def test_what_people_read_names_times_costs_and_what_it_rests_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World()
    world.finished([10.0] * 5, agent="claude", usd=0.5)
    mission = world.launch(1e6, phase("a", "b"))
    world.plan(mission, "a", 1e6, agent="claude")
    one, four = told(world, 1), told(world, 4)
    show([(1, one), (2, four)], 1e6)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{one.name}   2 of 2 tasks left"
    assert said[1].startswith("  with 1 runner, 1 slots: p50 ")
    assert said[2].startswith("  · with 2 runners, 4 slots: p50 ")
    assert said[2].endswith("cost $1.00 to $1.00")
    assert said[3] == "  drawn from 5 finished tasks, not all of them of its profile and repository"


def test_a_fan_out_that_nobody_has_counted_yet_is_said_to_be_one() -> None:
    world = World()
    world.finished([10.0] * 5)
    fan = Phase("f", for_each=ForEach(Globbed(("*/",)), TaskSpec("t", run="x")))
    mission = world.launch(1e6, phase("a"), fan)
    world.plan(mission, "a", 1e6)
    each = told(world, 1)
    assert (each.left, each.unknown_phases) == (2, 1)
    items = tuple(Item(f"i{n}") for n in range(4))
    world.events.append((ItemsFound(mission, "f", items), 1e6))
    each = told(world, 1)
    assert (each.left, each.unknown_phases) == (5, 0)
    assert each.seconds(0.5) == pytest.approx(50, abs=0.1)
