"""A reader that keeps its snapshot open, as a backup or a forgotten session does, stops nobody."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from hive_shared.eventstore.postgres import open_postgres_store
from tests.conftest import Database, NatsAccount
from tests.integration.eventstore.test_partitions import SIZE, ensure_partitions, go_to, partitions
from tests.suites.bus import Writer, assert_bus_is_the_record, record, relay_in_process

SLOWER = 10
"""By how much the median append may slow down while the snapshot grows old: a log head of one row,
of which each append leaves a dead version, slowed down without end."""


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Callable[[], "asyncio.Future[int]"]]:
    """Held until the block ends; answers how many events it sees."""
    connection = await asyncpg.connect(database.admin_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            look = "select count(*) from hive.events"
            await connection.fetchval(look)
            yield lambda: asyncio.ensure_future(connection.fetchval(look))
    finally:
        await connection.close()


FEWEST = 400
"""Appends from which medians are taken: one moment in which the machine is busy moves none."""


async def append_for(writer: Writer, seconds: float) -> list[float]:
    """Append one after the other; the seconds that each took."""
    took: list[float] = []
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until or len(took) < FEWEST:
        await writer.write(2)
        took.append(time.monotonic() - began)
    return took


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_appends_and_the_feed_go_on_while_a_snapshot_is_held_open(
    database: Database, nats: NatsAccount, size: Callable[[int, int], int]
) -> None:
    async with (
        record(database, nats) as store,
        relay_in_process(database.url("relay"), nats.url_of("relay")),
    ):
        writer = Writer(store)
        await writer.write(100)
        async with snapshot(database) as look:
            took = await append_for(writer, size(2, 60))
            assert await look() == 100
        assert (await store.head()).position == 100 + 2 * len(took)
        quarter = max(1, len(took) // 4)
        assert median(took[-quarter:]) < SLOWER * median(took[:quarter]) + 0.01
        await assert_bus_is_the_record(store, nats.url_of("observer"))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_log_crosses_a_partitions_border_while_a_snapshot_is_held_open(
    database: Database, size: Callable[[int, int], int]
) -> None:
    admin = await asyncpg.connect(database.admin_url)
    try:
        await go_to(admin, SIZE - 20)
        before = len(await partitions(admin))
    finally:
        await admin.close()
    async with open_postgres_store(database.url("orchestrator")) as store:
        writer = Writer(store)
        async with snapshot(database) as look:
            await writer.write(40)
            assert await ensure_partitions(database) == 1
            took = await append_for(writer, size(1, 60))
            assert await look() == 1
        read = await store.read_all(SIZE - 20, 1_000_000)
        last = SIZE + 20 + 2 * len(took)
        assert [event.position for event in read] == list(range(SIZE - 19, last + 1))
    admin = await asyncpg.connect(database.admin_url)
    try:
        assert len(await partitions(admin)) == before + 1
        assert await admin.fetchval("select count(*) from hive.events_000001") == last - SIZE + 1
    finally:
        await admin.close()
