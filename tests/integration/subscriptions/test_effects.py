"""Effects: once and in order per stream, tried again, parked, replayed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hive_contracts.envelope import Recorded
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.subscriptions.effects import MAX_TRIES, EffectRunner, delay_after
from hive_shared.subscriptions.feed import Feed
from hive_shared.subscriptions.parking import (
    NotParked,
    ParkedStream,
    list_parked,
    list_subscriptions,
    replay_parked,
    show_parked,
)
from tests.conftest import Database, NatsAccount
from tests.suites.bus import SOON, FastClock, Writer, eventually, pool_of, record, running


class Calls:
    """An effect that calls the outside: keeps each call, and fails for some streams."""

    name = "gateway.calls"

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.tried: list[tuple[int, str]] = []
        self.done: list[Recorded] = []
        self.news = asyncio.Event()

    def wants(self, event: Recorded) -> bool:
        return event.type == "TaskNoted"

    async def perform(self, event: Recorded, effect_id: str) -> None:
        self.tried.append((event.position, effect_id))
        if event.stream in self.failing:
            raise ConnectionError("the outside is down")
        self.done.append(event)
        self.news.set()

    async def until_done(self, count: int) -> None:
        async with asyncio.timeout(SOON):
            while len(self.done) < count:
                await self.news.wait()
                self.news.clear()

    def versions(self, stream: str) -> list[int]:
        return [event.version for event in self.done if event.stream == stream]


@pytest.fixture
async def store(database: Database, nats: NatsAccount) -> AsyncIterator[PostgresEventStore]:
    async with record(database, nats) as opened:
        yield opened


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with pool_of(database.url("gateway")) as opened:
        yield opened


@contextlib.asynccontextmanager
async def performing(
    pool: asyncpg.Pool, store: PostgresEventStore, effect: Calls, holder: str = "one"
) -> AsyncIterator[None]:
    clock = FastClock()
    feed = Feed(store, clock)
    runner = EffectRunner(pool, "gateway", effect, feed, store, clock, holder)
    async with running(runner.run()):
        yield


async def until(pool: asyncpg.Pool, position: int) -> None:
    """The subscription stands there."""
    async with asyncio.timeout(SOON):
        standing = await list_subscriptions(pool)
        while [s.position for s in standing] != [position]:
            await asyncio.sleep(0.02)
            standing = await list_subscriptions(pool)


async def until_parked(pool: asyncpg.Pool, stream: str) -> ParkedStream:
    """Let no time pass between the tries, until it is parked."""
    async with asyncio.timeout(SOON):
        while True:
            await pool.execute("update gateway.parked set next_at = '-infinity'")
            for parked in await list_parked(pool):
                if parked.stream == stream:
                    return parked
            await asyncio.sleep(0.02)


async def test_each_wanted_event_has_its_effect_once_and_in_order(
    pool: asyncpg.Pool, store: PostgresEventStore
) -> None:
    writer, effect = Writer(store), Calls()
    await writer.write(60)
    await writer.write(5, type="TaskIgnored")
    async with performing(pool, store, effect):
        await until(pool, 65)
    await writer.write(20)
    async with performing(pool, store, effect, holder="after a restart"):
        await until(pool, 85)
    assert [event.position for event in effect.done] == [*range(1, 61), *range(66, 86)]
    assert len({effect_id for _, effect_id in effect.tried}) == 80


async def test_an_effect_that_was_done_but_not_noted_is_repeated_under_the_same_id(
    pool: asyncpg.Pool, store: PostgresEventStore
) -> None:
    writer, effect = Writer(store, streams=1), Calls()
    await writer.write(1)
    done = asyncio.Event()

    class Dying(Calls):
        async def perform(self, event: Recorded, effect_id: str) -> None:
            await super().perform(event, effect_id)
            done.set()
            await asyncio.Event().wait()

    dying = Dying()
    async with performing(pool, store, dying, holder="dying"):
        await done.wait()
    async with performing(pool, store, effect, holder="next"):
        await until(pool, 1)
    assert effect.tried == dying.tried


async def test_a_failing_stream_is_parked_with_its_later_events_while_others_go_on(
    pool: asyncpg.Pool, store: PostgresEventStore
) -> None:
    writer, effect = Writer(store, streams=2), Calls()
    bad, good = writer.streams
    effect.failing.add(bad)
    async with performing(pool, store, effect):
        await writer.write(3, stream=bad)
        await writer.write(4, stream=good)
        await effect.until_done(4)
        assert effect.versions(good) == [1, 2, 3, 4]
        parked = await until_parked(pool, bad)
        assert (parked.position, parked.tries, parked.waiting) == (1, MAX_TRIES, (2, 3))
        assert parked.error == "ConnectionError: the outside is down"
        assert {position for position, _ in effect.tried if position <= 3} == {1}
        assert len({effect_id for position, effect_id in effect.tried if position == 1}) == 1

        effect.failing.clear()
        assert await replay_parked(pool, effect.name, bad) == 3
        await effect.until_done(7)
        assert effect.versions(bad) == [1, 2, 3]
        await writer.write(1, stream=bad)
        await effect.until_done(8)
    assert await list_parked(pool) == []
    with pytest.raises(NotParked):
        await show_parked(pool, effect.name, bad)


async def test_what_stands_still_survives_a_restart(
    pool: asyncpg.Pool, store: PostgresEventStore
) -> None:
    writer, effect = Writer(store, streams=1), Calls()
    [stream] = writer.streams
    effect.failing.add(stream)
    await writer.write(2)
    async with performing(pool, store, effect):
        await until_parked(pool, stream)
    effect.failing.clear()
    async with performing(pool, store, effect, holder="two"):
        last = await writer.write(1)
        await until(pool, last)
        assert effect.done == []
        assert (await show_parked(pool, effect.name, stream)).waiting == (2, 3)
        await replay_parked(pool, effect.name, stream)
        await effect.until_done(3)
    assert effect.versions(stream) == [1, 2, 3]


async def test_of_two_processes_one_performs_and_the_other_takes_over(
    pool: asyncpg.Pool, store: PostgresEventStore
) -> None:
    writer, first, second = Writer(store), Calls(), Calls()
    async with performing(pool, store, second, holder="two"):
        async with asyncio.timeout(SOON):
            while await pool.fetchval("select holder from gateway.subscriptions") != "two":
                await asyncio.sleep(0.02)
        async with performing(pool, store, first, holder="one"):
            await writer.write(10)
            await until(pool, 10)
    async with performing(pool, store, first, holder="one"):
        await writer.write(10)
        await until(pool, 20)
    assert [e.position for e in second.done] == list(range(1, 11))
    assert [e.position for e in first.done] == list(range(11, 21))


async def test_a_process_that_was_taken_over_notes_nothing_more(
    pool: asyncpg.Pool, store: PostgresEventStore
) -> None:
    """Frozen within an effect, for longer than it holds the subscription."""
    writer, effect = Writer(store, streams=1), Calls()
    thawed = asyncio.Event()

    class Freezing(Calls):
        async def perform(self, event: Recorded, effect_id: str) -> None:
            self.tried.append((event.position, effect_id))
            await thawed.wait()
            raise ConnectionError("too late")

    frozen = Freezing()
    await writer.write(2)
    async with performing(pool, store, frozen, holder="frozen"):
        await eventually(lambda: frozen.tried)
        await pool.execute("update gateway.subscriptions set held_until = '-infinity'")
        async with performing(pool, store, effect, holder="other"):
            await effect.until_done(2)
            thawed.set()
            await writer.write(1)
            await effect.until_done(3)
    assert effect.versions(writer.streams[0]) == [1, 2, 3]
    assert frozen.tried[0] == effect.tried[0]
    assert await pool.fetchval("select count(*) from gateway.parked") == 0


def test_the_delay_doubles_up_to_five_minutes() -> None:
    assert [delay_after(n) for n in (1, 2, 3, 8, 9, 10, 40)] == [1, 2, 4, 128, 256, 300, 300]
