"""Projections over a real record, with and without a bus."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.projection import Behind, BeyondHead, Stopped
from tests.conftest import Database, NatsAccount
from tests.suites.bus import (
    SOON,
    Counts,
    Replica,
    Writer,
    eventually,
    make_counts,
    pool_of,
    record,
    relay_in_process,
    replica,
)


@pytest.fixture
async def store(database: Database, nats: NatsAccount) -> AsyncIterator[PostgresEventStore]:
    async with record(database, nats) as opened:
        yield opened


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with pool_of(database.url("gateway")) as opened:
        await make_counts(opened, Counts())
        yield opened


async def equals_a_rebuild(one: Replica, projection: Counts, position: int) -> bool:
    before = await projection.rows(one.pool)
    await one.projector.rebuild()
    await one.projector.wait_for(position, SOON)
    return before != [] and await projection.rows(one.pool) == before


@pytest.mark.parametrize("with_bus", [False, True], ids=["record alone", "bus"])
async def test_rows_are_the_fold_of_all_events_and_equal_a_rebuild(
    database: Database,
    nats: NatsAccount,
    store: PostgresEventStore,
    pool: asyncpg.Pool,
    with_bus: bool,
) -> None:
    bus = nats.url_of("gateway") if with_bus else ""
    writer = Writer(store)
    await writer.write(1500)
    async with (
        relay_in_process(database.url("relay"), nats.url_of("relay")),
        replica(database.url("gateway"), bus, Counts()) as one,
    ):
        await one.projector.wait_for(1500, SOON)
        for _ in range(2):
            last = await writer.write(250)
            await one.projector.wait_for(last, SOON)
        counted = {row[0]: row[1] for row in await Counts().rows(pool)}
        assert counted == writer.versions
        assert one.told == list(range(1, 2001))
        assert await equals_a_rebuild(one, Counts(), 2000)
        assert one.told == list(range(1, 2001))


async def test_of_two_replicas_each_applies_nothing_twice_and_tells_everything(
    database: Database, nats: NatsAccount, store: PostgresEventStore, pool: asyncpg.Pool
) -> None:
    url, bus = database.url("gateway"), nats.url_of("gateway")
    async with (
        relay_in_process(database.url("relay"), nats.url_of("relay")),
        replica(url, bus, Counts()) as one,
        replica(url, "", Counts()) as other,
    ):
        writer = Writer(store)
        for _ in range(10):
            last = await writer.write(60)
        await one.projector.wait_for(last, SOON)
        await other.projector.wait_for(last, SOON)
        assert await pool.fetchval("select sum(events) from gateway.counts") == last
        # Rows that another replica has written are there before one tells of them.
        await eventually(lambda: one.told[-1:] == other.told[-1:] == [last])
        assert one.told == other.told == list(range(1, last + 1))
        assert await equals_a_rebuild(other, Counts(), last)
        await one.projector.wait_for(last, SOON)


async def test_an_event_that_cannot_be_applied_stops_it_there_and_is_not_skipped(
    database: Database, store: PostgresEventStore, pool: asyncpg.Pool
) -> None:
    writer, projection = Writer(store), Counts()
    projection.poison = "TaskPoisoned"
    async with replica(database.url("gateway"), "", projection) as one:
        await writer.write(10)
        await writer.write(1, type="TaskPoisoned")
        last = await writer.write(10)
        await eventually(lambda: one.projector.status().stopped)
        assert one.projector.status().position == 10
        with pytest.raises(Stopped, match="TaskPoisoned at position 11"):
            await one.projector.wait_for(last, SOON)
        row = await pool.fetchrow("select position, stopped from gateway.subscriptions")
        assert row["position"] == 10
        assert "cannot apply" in row["stopped"]
        projection.poison = ""
        await one.projector.rebuild()
        await one.projector.wait_for(last, SOON)
        assert one.projector.status().stopped == ""
        assert await pool.fetchval("select stopped from gateway.subscriptions") == ""


async def test_waiting_ends_in_time_or_is_refused_beyond_the_head(
    database: Database, store: PostgresEventStore, pool: asyncpg.Pool
) -> None:
    last = await Writer(store).write(1)
    async with replica(database.url("gateway"), "", Counts()) as one:
        await one.projector.wait_for(last, SOON)
        with pytest.raises(BeyondHead):
            await one.projector.wait_for(last + 1, SOON)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("select from gateway.subscriptions for update")
            last = await Writer(store).write(1)
            with pytest.raises(Behind):
                await one.projector.wait_for(last, 0.2)
        await one.projector.wait_for(last, SOON)
