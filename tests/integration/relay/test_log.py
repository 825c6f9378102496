"""What the relay asks of the log, and does to it, as its own role."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from hive_contracts.subjects import event_stream_name
from hive_shared.bus.events import Retention
from hive_shared.bus.survey import Held
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.relay.log import REBUILD_EVENTS, PostgresLog
from tests.conftest import Database, NatsAccount
from tests.suites.bus import FastClock, Writer, pool_of, record, running


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with pool_of(database.url("relay")) as opened:
        yield opened


@pytest.fixture
async def store(database: Database, nats: NatsAccount) -> AsyncIterator[PostgresEventStore]:
    async with record(database, nats) as opened:
        yield opened


async def test_the_bus_is_made_from_the_oldest_event_that_it_would_still_keep(
    pool: asyncpg.Pool, store: PostgresEventStore
) -> None:
    async def recent(max_age_s: float) -> int:
        return await PostgresLog(pool, Retention(max_age_s)).recent_position()

    assert await recent(3600) == 1
    writer = Writer(store, streams=1)
    await writer.write(5)
    await pool.execute("select pg_sleep(1)")
    await writer.write(6)
    assert await recent(3600) == 1
    age = await pool.fetchval(
        "select extract(epoch from clock_timestamp() - recorded_at)::float8"
        " from hive.events where position = 5"
    )
    assert await recent(age) == 6
    assert await recent(0) == 12
    assert REBUILD_EVENTS > 11


async def test_a_new_history_begins_only_where_bus_and_record_contradict_each_other(
    pool: asyncpg.Pool, store: PostgresEventStore
) -> None:
    log = PostgresLog(pool, Retention())
    await Writer(store).write(9)
    head, [last] = await store.head(), await store.read_all(8, 1)
    true = Held(event_stream_name(head.log_id), 1, 1, 9, 9, last.id, 10**9)
    assert await log.renew_if_bus_is_wrong(true, head.log_id) == head.log_id
    purged = msgspec.structs.replace(true, first=10, messages=0, last_id="")
    assert await log.renew_if_bus_is_wrong(purged, head.log_id) == head.log_id
    foreign = msgspec.structs.replace(true, stream="HIVE_EVENTS_ffffffff", last=99)
    assert await log.renew_if_bus_is_wrong(foreign, head.log_id) == head.log_id

    ahead = msgspec.structs.replace(true, last=10, last_id="f" * 32)
    second = await log.renew_if_bus_is_wrong(ahead, head.log_id)
    assert second not in (head.log_id, "")
    assert (await store.head()).log_id == second
    # Another relay that saw the same has nothing left to do.
    assert await log.renew_if_bus_is_wrong(ahead, head.log_id) == second

    other = msgspec.structs.replace(true, stream=event_stream_name(second), last_id="f" * 32)
    assert await log.renew_if_bus_is_wrong(other, second) not in (head.log_id, second)


async def test_upkeep_may_do_what_it_does(pool: asyncpg.Pool) -> None:
    clock = FastClock()
    async with running(PostgresLog(pool, Retention()).keep_up(clock)):
        await clock.sleep(100)
    partitions = await pool.fetchval(
        "select count(*) from pg_inherits where inhparent = 'hive.events'::regclass"
    )
    assert partitions == 3


class DayInAMoment(SystemClock):
    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 1_000_000)


async def test_a_log_that_was_damaged_is_told_by_its_daily_proof(
    pool: asyncpg.Pool,
    store: PostgresEventStore,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = PostgresLog(pool, Retention())
    await Writer(store, streams=1).write(3)
    assert await log.faults() == []
    async with running(log.check_daily(DayInAMoment())):
        admin = await asyncpg.connect(database.admin_url)
        await admin.execute("update hive.streams set version = 9")
        await admin.close()
        async with asyncio.timeout(10):
            while "hive.streams says another version" not in caplog.text:
                await asyncio.sleep(0.02)
