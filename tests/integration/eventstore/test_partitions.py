"""The log goes on over the border of a partition, whoever is looking."""

import asyncio

import asyncpg
import pytest

from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.postgres import PostgresEventStore
from tests.conftest import Database
from tests.suites.eventstore import new_stream, settle, write

SIZE = 10_000_000


async def partitions(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "select inhrelid::regclass::text as name from pg_inherits"
        " where inhparent = 'hive.events'::regclass order by 1"
    )
    return [row["name"] for row in rows]


async def go_to(connection: asyncpg.Connection, position: int) -> None:
    """Let the log end at this position, as if all before it had been written and archived."""
    await connection.execute(
        """
        insert into hive.events
            (position, stream, version, category, id, type, data, meta, recorded_at)
        values ($1, 'task-0', 1, 'task', '0', 'TaskPlanned', '{}',
            '{"correlation":"","causation":"","actor":""}', clock_timestamp())
        """,
        position,
    )


async def ensure_partitions(database: Database) -> int:
    relay = await asyncpg.connect(database.url("relay"))
    try:
        return int(await relay.fetchval("select hive.ensure_partitions()", timeout=10))
    finally:
        await relay.close()


async def test_a_new_log_has_its_partition_and_two_ahead(
    database: Database, admin: asyncpg.Connection
) -> None:
    assert await partitions(admin) == [f"hive.events_00000{n}" for n in range(3)]
    assert await ensure_partitions(database) == 0


async def test_an_append_crosses_the_border(
    store: PostgresEventStore, database: Database, admin: asyncpg.Connection
) -> None:
    await go_to(admin, SIZE - 3)
    stream = new_stream()
    await settle(store, [write(stream, 0, *[b"{}"] * 4), write(stream, 4, b"{}", b"{}")])
    read = await store.read_all(SIZE - 3)
    assert [e.position for e in read] == list(range(SIZE - 2, SIZE + 4))
    assert await store.read_stream(stream) == read
    assert await store.read_category("task", SIZE - 3) == read
    assert (await store.head()).position == SIZE + 3
    assert await admin.fetchval("select count(*) from hive.events_000001") == 4
    assert await ensure_partitions(database) == 1
    assert (await partitions(admin))[-1] == "hive.events_000003"


async def test_partitions_are_made_beside_open_readers_and_writers(
    store: PostgresEventStore, database: Database, admin: asyncpg.Connection
) -> None:
    await go_to(admin, SIZE - 5)
    async with admin.transaction(isolation="repeatable_read"):
        assert await admin.fetchval("select count(*) from hive.events") == 1
        made, *_ = await asyncio.gather(
            asyncio.gather(ensure_partitions(database), ensure_partitions(database)),
            settle(store, [write(new_stream(), 0, b"1", b"2") for _ in range(20)]),
        )
        assert await admin.fetchval("select count(*) from hive.events") == 1
    assert sum(made) + await ensure_partitions(database) == 1
    assert (await store.head()).position == SIZE + 35


async def test_a_partition_made_later_is_append_only_and_indexed_like_the_first(
    store: PostgresEventStore, database: Database, admin: asyncpg.Connection
) -> None:
    await go_to(admin, SIZE * 3 - 1)
    await ensure_partitions(database)
    await store.append(write(new_stream()))
    assert await admin.fetchval("select count(*) from hive.events_000003") == 1
    for sql in (
        "truncate hive.events_000003",
        "delete from hive.events_000003",
        "update hive.events_000003 set version = 2",
    ):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await admin.execute(sql)
    indexes = "select count(*) from pg_index where indrelid = $1::text::regclass"
    assert await admin.fetchval(indexes, "hive.events_000003") == 3
    assert await admin.fetchval(indexes, "hive.events_000000") == 3


async def test_without_a_partition_nothing_is_lost_and_the_remedy_is_named(
    store: PostgresEventStore, database: Database, admin: asyncpg.Connection
) -> None:
    await go_to(admin, SIZE * 3 - 2)
    append = write(new_stream(), 0, b"1", b"2")
    with pytest.raises(StoreUnavailable, match="ensure_partitions"):
        await store.append(append)
    assert (await store.head()).position == SIZE * 3 - 2
    await ensure_partitions(database)
    await store.append(append)
    assert (await store.head()).position == SIZE * 3
