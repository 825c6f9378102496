"""Which events bring a mission's checks up to date, and how often."""

from datetime import UTC, datetime

import pytest

from hive_contracts.codec import AnyEvent, encode, stream_of
from hive_contracts.envelope import Meta, Recorded
from hive_contracts.github.check import ButtonPressed, CheckPlace
from hive_contracts.github.pull_request import BranchPushed, MergeAwaited
from hive_contracts.mission import MissionLaunched
from hive_contracts.plan import PullRequestWish
from hive_contracts.task import ApprovalGiven, AttemptStarted, TaskRequeued
from hive_github.api.errors import Limited
from hive_github.api.limits import Urgency
from hive_github.api.waiting import urgency
from hive_github.checks.effect import APART_SECONDS, CheckWork
from hive_shared.clock import SystemClock
from hive_shared.subscriptions.effects import PutOff

MOMENT = datetime(2026, 11, 28, tzinfo=UTC)
M, T = "0" * 31 + "1", "0" * 31 + "2"


class Hands(SystemClock):
    """Moved on by hand."""

    at = 100.0

    def monotonic(self) -> float:
        return self.at


class Shows:
    def __init__(self) -> None:
        self.turns: list[tuple[str, bool]] = []
        self.for_whom: list[Urgency] = []
        self.left = 0
        self.limit: Limited | None = None

    async def show(self, mission_id: str, cause: str, *, anew: bool = False) -> bool:
        if self.limit is not None:
            raise self.limit
        self.turns.append((mission_id, anew))
        self.for_whom.append(urgency())
        self.left = max(0, self.left - 1)
        return self.left == 0


class World:
    def __init__(self) -> None:
        self.clock, self.shows = Hands(), Shows()
        self.work = CheckWork(self.shows, self.clock)
        self._position = 0

    def recorded(self, event: AnyEvent) -> Recorded:
        self._position += 1
        return Recorded(
            position=self._position,
            stream=stream_of(event),
            version=self._position,
            id=f"{self._position:032x}",
            type=type(event).__name__,
            data=encode(event),
            meta=Meta(M, "c", "hive"),
            recorded_at=MOMENT,
        )

    def wants(self, event: AnyEvent) -> bool:
        return self.work.wants(self.recorded(event))

    async def happens(self, event: AnyEvent) -> Recorded:
        recorded = self.recorded(event)
        assert self.work.wants(recorded)
        await self.work.perform(recorded, "e" * 32)
        return recorded


@pytest.fixture
def world() -> World:
    return World()


PRESSED = ButtonPressed(M, "i", CheckPlace("t", "c" * 40), "approve", "github:ada", "done")


def test_only_what_checks_tell_of_is_wanted(world: World) -> None:
    for told in (AttemptStarted(T, 1), BranchPushed(M, "b", "c" * 40), PRESSED):
        assert world.wants(told)
    for other in (TaskRequeued(T, 60), MergeAwaited(M, "x")):
        assert not world.wants(other)


def test_a_mission_without_a_pull_request_costs_nothing(world: World) -> None:
    assert not world.wants(MissionLaunched(M, "fix-1", "fix"))
    assert not world.wants(AttemptStarted(T, 1))
    assert world.wants(BranchPushed(M, "b", "c" * 40)), "somebody asked for one since"
    assert world.wants(AttemptStarted(T, 1))


def test_a_mission_that_wishes_for_one_is_told_of(world: World) -> None:
    wish = PullRequestWish("acme/shop")
    assert not world.wants(MissionLaunched(M, "fix-1", "fix", pull_request=wish))
    assert world.wants(AttemptStarted(T, 1))


async def test_what_happens_soon_after_is_put_off_and_written_together(world: World) -> None:
    await world.happens(AttemptStarted(T, 1))
    second, third = world.recorded(AttemptStarted(T, 2)), world.recorded(ApprovalGiven(T, "g", "a"))
    for event in (second, third):
        assert world.work.wants(event)
        with pytest.raises(PutOff) as put_off:
            await world.work.perform(event, "e" * 32)
        assert 0 < put_off.value.seconds <= APART_SECONDS
    world.clock.at += APART_SECONDS
    await world.work.perform(second, "e" * 32)
    await world.work.perform(third, "e" * 32)
    assert world.shows.turns == [(M, False)] * 2, "the third was written with the second"


async def test_what_is_left_to_write_is_written_in_another_turn(world: World) -> None:
    world.shows.left = 2
    event = world.recorded(AttemptStarted(T, 1))
    assert world.work.wants(event)
    with pytest.raises(PutOff):
        await world.work.perform(event, "e" * 32)
    world.clock.at += APART_SECONDS
    await world.work.perform(event, "e" * 32)
    assert len(world.shows.turns) == 2


async def test_a_push_or_a_button_tries_again_what_github_refused(world: World) -> None:
    await world.happens(BranchPushed(M, "b", "c" * 40))
    world.clock.at += APART_SECONDS
    await world.happens(PRESSED)
    assert world.shows.turns == [(M, True)] * 2


async def test_a_limit_of_githubs_is_waited_for(world: World) -> None:
    world.shows.limit = Limited(90, "GitHub's limit is reached")
    event = world.recorded(AttemptStarted(T, 1))
    with pytest.raises(PutOff) as put_off:
        await world.work.perform(event, "e" * 32)
    assert put_off.value.seconds == 90


async def test_of_what_came_of_a_button_somebody_wants_to_read(world: World) -> None:
    await world.happens(AttemptStarted(T, 1))
    world.clock.at += APART_SECONDS
    await world.happens(PRESSED)
    assert world.shows.for_whom == ["background", "person"]
