"""Below GitHub's limits together: replicas, priorities, storms, lost counters."""

import asyncio
import contextlib

import msgspec
import pytest

from hive_github.api.counters import OwnCounters
from hive_github.api.errors import Limited
from hive_github.api.limits import (
    CONTENT_A_MINUTE,
    POINTS_A_MINUTE,
    SECONDARY_MOST,
    URGENCIES,
    Limit,
    Urgency,
    growing,
    is_limited,
    limit_in,
)
from hive_github.api.throttle import Known, Throttle
from hive_shared.clock import Clock

BODY = b'{"message":"You have exceeded a secondary rate limit."}'


class Stepping(Clock):
    """Time goes on only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def now_ms(self) -> int:
        return round(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Ground:
    def __init__(self) -> None:
        self.clock = Stepping()
        self.counters = OwnCounters(self.clock)
        self.recorded: list[Known] = []

    async def recall(self) -> list[Known]:
        return self.recorded

    async def tell(self, known: Known) -> None:
        self.recorded.append(known)

    def replica(self) -> Throttle:
        return Throttle(self.counters, self.clock, self.recall, self.tell)

    async def write(self, throttle: Throttle, *, content: bool = False) -> None:
        await throttle.enter(7, "core", 5, content=content, urgency="background")


@pytest.mark.parametrize(
    ("status", "headers", "body", "found"),
    [
        pytest.param(
            403, {"retry-after": "30"}, BODY, Limit("secondary", 30), id="GitHub names the time"
        ),
        pytest.param(403, {}, BODY, Limit("secondary", 60, named=False), id="GitHub names none"),
        pytest.param(429, {}, b"", Limit("secondary", 60, named=False), id="429 without a word"),
        pytest.param(
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1100"},
            b"",
            Limit("primary", 101),
            id="the hour's are used up",
        ),
        pytest.param(403, {"x-ratelimit-remaining": "9"}, b"no", None, id="a plain no is no limit"),
        pytest.param(
            200,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1100"},
            b"",
            Limit("primary", 101),
            id="the last one that there was",
        ),
        pytest.param(
            200,
            {
                "x-ratelimit-remaining": "200",
                "x-ratelimit-limit": "5000",
                "x-ratelimit-reset": "1100",
            },
            b"",
            Limit("reserve", 101),
            id="the rest is for people",
        ),
        pytest.param(200, {"x-ratelimit-remaining": "soon"}, b"", None, id="what is no number"),
        pytest.param(200, {}, b"", None, id="an Enterprise Server without limits"),
    ],
)
def test_an_answer_tells_of_a_limit(
    status: int, headers: dict[str, str], body: bytes, found: Limit | None
) -> None:
    assert limit_in(status, headers, body, 1000.0) == found


@pytest.mark.parametrize(
    ("errors", "limited"),
    [
        ([{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}], True),
        ([{"message": "You have exceeded a secondary rate limit."}], True),
        ([{"type": "NOT_FOUND", "message": "Could not resolve"}], False),
        (None, False),
        ("of another kind", False),
    ],
)
def test_graphql_tells_of_a_limit_whatever_its_status(errors: object, limited: bool) -> None:
    assert is_limited(msgspec.json.encode({"data": None, "errors": errors})) is limited


def test_each_refusal_in_a_row_doubles_the_wait_up_to_an_hour() -> None:
    assert [growing(60, strike) for strike in (1, 2, 3)] == [60, 120, 240]
    assert growing(60, 1000) == SECONDARY_MOST


async def test_a_secondary_limit_closes_all_pools_for_all_replicas_until_it_ends() -> None:
    ground = Ground()
    one, other = ground.replica(), ground.replica()
    with pytest.raises(Limited) as raised:
        await one.observe(7, "core", 403, {"retry-after": "90"}, BODY)
    assert raised.value.seconds == 90
    for throttle in (one, other):
        for pool in ("core", "graphql"):
            with pytest.raises(Limited):
                await throttle.enter(7, pool, 1, content=False, urgency="person")
    await other.enter(8, "core", 1, content=False, urgency="background")  # another installation
    ground.clock.now += 91
    await other.enter(7, "core", 1, content=False, urgency="background")


async def test_a_hundred_agents_meet_a_secondary_limit_once() -> None:
    """The server here refuses whoever comes within its minute, and bans those who come again."""
    ground = Ground()
    agents = [ground.replica() for _ in range(100)]
    refused = done = 0
    banned_until = 0.0
    waiting = dict.fromkeys(range(100), 0.0)
    while waiting:
        number = min(waiting, key=lambda each: (waiting[each], each))
        ground.clock.now = max(ground.clock.now, waiting[number])
        try:
            await ground.write(agents[number], content=True)
            if done == 20 and not refused:
                banned_until = ground.clock.now + 60
            if ground.clock.now < banned_until:
                refused += 1
                await agents[number].observe(7, "core", 403, {"retry-after": "60"}, BODY)
        except Limited as limited:
            waiting[number] = ground.clock.now + limited.seconds
            continue
        done += 1
        del waiting[number]
    assert (done, refused) == (100, 1)


async def test_writes_of_all_replicas_are_spread_over_the_minute() -> None:
    ground = Ground()
    replicas = [ground.replica() for _ in range(4)]
    began = ground.clock.now
    for number in range(40):
        await ground.write(replicas[number % 4])
    assert ground.clock.now - began >= 39


async def test_no_minute_has_more_contents_than_allowed_whenever_it_begins() -> None:
    ground = Ground()
    ground.clock.now = 1_800_000_000.0 + 59.5  # a minute of the clock is about to end
    throttle, told = ground.replica(), list[float]()
    while len(told) < 200:
        try:
            await throttle.enter(7, "core", 1, content=True, urgency="person")
        except Limited as limited:
            ground.clock.now += limited.seconds
            continue
        told.append(ground.clock.now)
    for begin in told:
        assert sum(begin <= at < begin + 60 for at in told) <= CONTENT_A_MINUTE["person"]


async def test_after_a_secondary_limit_half_as_much_is_done_for_an_hour() -> None:
    ground = Ground()
    throttle = ground.replica()
    await throttle.enter(7, "core", 1, content=True, urgency="person")
    ground.clock.now += 3000  # the hour begins with the limit, and not with the first call
    with pytest.raises(Limited):
        await throttle.observe(7, "core", 403, {"retry-after": "5"}, BODY)
    ground.clock.now += 6
    done = 0
    with pytest.raises(Limited):
        while True:
            await throttle.enter(7, "core", 1, content=True, urgency="person")
            done += 1
    assert done == CONTENT_A_MINUTE["person"] // 2
    ground.clock.now += 3590
    with pytest.raises(Limited):
        for _ in range(CONTENT_A_MINUTE["person"]):
            await throttle.enter(7, "core", 1, content=True, urgency="person")
    ground.clock.now += 61
    for _ in range(CONTENT_A_MINUTE["person"]):
        await throttle.enter(7, "core", 1, content=True, urgency="person")


async def test_background_work_leaves_contents_and_points_to_people() -> None:
    ground = Ground()
    ground.clock.now = 1_800_000_000.0
    throttle = ground.replica()

    async def person(*, content: bool) -> None:
        await throttle.enter(7, "core", 5, content=content, urgency="person")

    for _ in range(CONTENT_A_MINUTE["background"]):
        await throttle.enter(7, "core", 1, content=True, urgency="background")
    with pytest.raises(Limited):
        await throttle.enter(7, "core", 1, content=True, urgency="background")
    await person(content=True)
    for _ in range(POINTS_A_MINUTE["background"] - CONTENT_A_MINUTE["background"] - 5):
        await throttle.enter(7, "core", 1, content=False, urgency="background")
    with pytest.raises(Limited):
        await throttle.enter(7, "core", 1, content=False, urgency="background")
    await person(content=False)


async def test_where_little_is_left_a_person_comes_before_work_and_work_before_all_else() -> None:
    ground = Ground()
    throttle = ground.replica()
    done: dict[Urgency, int] = dict.fromkeys(URGENCIES, 0)
    for urgency in URGENCIES:
        with pytest.raises(Limited):
            while True:
                await throttle.enter(7, "core", 1, content=True, urgency=urgency)
                done[urgency] += 1
        for before in URGENCIES[: URGENCIES.index(urgency)]:
            with pytest.raises(Limited):
                await throttle.enter(7, "core", 1, content=True, urgency=before)
    assert done == {"background": 60, "work": 8, "person": 7}


async def test_what_missions_wait_for_does_not_stand_behind_what_nobody_waits_for() -> None:
    ground = Ground()
    throttle = ground.replica()
    began = ground.clock.now
    for _ in range(4):
        await throttle.enter(7, "core", 5, content=False, urgency="background")
    behind = ground.clock.now
    assert behind - began == 3
    await throttle.enter(7, "core", 5, content=False, urgency="work")
    await throttle.enter(7, "core", 5, content=False, urgency="person")
    assert ground.clock.now == behind
    await throttle.enter(7, "core", 5, content=False, urgency="work")
    assert ground.clock.now - behind == 1


async def test_what_is_left_of_the_hour_is_kept_for_people() -> None:
    ground = Ground()
    throttle = ground.replica()
    headers = {
        "x-ratelimit-remaining": "100",
        "x-ratelimit-limit": "5000",
        "x-ratelimit-reset": str(int(ground.clock.now) + 600),
    }
    await throttle.observe(7, "core", 200, headers, b"")
    for urgency in ("background", "work"):
        with pytest.raises(Limited):
            await throttle.enter(7, "core", 1, content=False, urgency=urgency)
    await throttle.enter(7, "core", 1, content=False, urgency="person")
    await throttle.enter(7, "graphql", 1, content=False, urgency="background")


async def test_lost_counters_close_again_what_was_recorded() -> None:
    ground = Ground()
    with pytest.raises(Limited):
        await ground.replica().observe(7, "core", 403, {"retry-after": "90"}, BODY)
    ground.counters = OwnCounters(ground.clock)
    with pytest.raises(Limited):
        await ground.write(ground.replica())


async def test_whoever_comes_while_another_restores_what_was_lost_does_not_go_on() -> None:
    ground = Ground()
    with pytest.raises(Limited):
        await ground.replica().observe(7, "core", 403, {"retry-after": "90"}, BODY)
    ground.counters = OwnCounters(ground.clock)
    reading, read = asyncio.Event(), asyncio.Event()

    async def slow() -> list[Known]:
        reading.set()
        await read.wait()
        return ground.recorded

    first = Throttle(ground.counters, ground.clock, slow, ground.tell)
    restoring = asyncio.create_task(ground.write(first))
    await reading.wait()
    with pytest.raises(Limited):
        await ground.write(ground.replica())
    read.set()
    with pytest.raises(Limited):
        await restoring


async def test_the_record_is_read_once_for_all_who_wait_in_a_process() -> None:
    ground, reads = Ground(), list[int]()

    async def slow() -> list[Known]:
        reads.append(1)
        await asyncio.sleep(0)
        return ground.recorded

    throttle = Throttle(ground.counters, ground.clock, slow, ground.tell)
    await asyncio.gather(
        *(throttle.enter(7, "core", 1, content=False, urgency="person") for _ in range(100))
    )
    assert len(reads) == 1


async def test_a_limit_that_comes_while_one_waits_for_its_turn_stops_it() -> None:
    ground = Ground()
    throttle = ground.replica()
    await ground.write(throttle)

    class Meanwhile(Stepping):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            with contextlib.suppress(Limited):
                await throttle.observe(7, "graphql", 403, {"retry-after": "90"}, BODY)

    waiting = Throttle(ground.counters, Meanwhile(), ground.recall, ground.tell)
    with pytest.raises(Limited):
        await ground.write(waiting)
