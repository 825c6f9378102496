"""An exhibit: why positions are given under a lock.

The naive log hands out positions by a sequence and reads on with `position > last`. A sequence is
not commit order: while the writer of position 7 is still committing, the reader sees 8, goes on
after it, and never looks at 7 again. The event is committed, durable, and lost to its reader.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from hive_shared.eventstore.postgres import PostgresEventStore
from tests.conftest import Database
from tests.suites.eventstore import new_stream, write

WRITERS = 16
APPENDS = 50
"""Per writer and round, of two events each."""
ROUNDS = 20
"""A round in which the commits happen to fall in order loses nothing, so there may be several."""

Read = Callable[[int], Awaitable[list[int]]]


async def follow(read: Read, writers: "asyncio.Future[list[None]]") -> int:
    """How many positions a reader sees that goes on from the last one, until the writers end."""
    seen = last = 0
    ended = False
    while True:
        positions = await read(last)
        seen += len(positions)
        last = max([last, *positions])
        if ended and not positions:
            return seen
        ended = writers.done()


async def test_the_naive_reader_loses_events(database: Database) -> None:
    pool = await asyncpg.create_pool(database.admin_url, min_size=WRITERS + 1, max_size=WRITERS + 1)
    lost = committed = 0
    for _ in range(ROUNDS):
        await pool.execute("drop table if exists naive")
        await pool.execute("create table naive (position bigserial primary key, data text)")

        async def insert() -> None:
            for _ in range(APPENDS):
                # Two events in one transaction, as plain as it can be.
                await pool.execute(2 * "insert into naive (data) values ('{}');")

        async def read(last: int) -> list[int]:
            rows = await pool.fetch("select position from naive where position > $1", last)
            return [row["position"] for row in rows]

        writers = asyncio.gather(*(insert() for _ in range(WRITERS)))
        seen = await follow(read, writers)
        written = await pool.fetchval("select count(*) from naive")
        committed += written
        lost += written - seen
        if lost:
            break
    await pool.close()
    print(f"naive reader: lost {lost} of {committed} committed events ({lost / committed:.1%})")
    assert lost, f"{ROUNDS} rounds in which all commits fell in order: raise ROUNDS or WRITERS"


async def test_our_reader_loses_none_under_the_same_load(store: PostgresEventStore) -> None:
    async def append() -> None:
        for _ in range(APPENDS):
            await store.append(write(new_stream(), 0, b"{}", b"{}"))

    async def read(last: int) -> list[int]:
        return [event.position for event in await store.read_all(last)]

    writers = asyncio.gather(*(append() for _ in range(WRITERS)))
    assert await follow(read, writers) == WRITERS * APPENDS * 2
    assert (await store.head()).position == WRITERS * APPENDS * 2
