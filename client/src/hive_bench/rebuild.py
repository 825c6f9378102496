"""`hive bench rebuild`: a projection built again from position zero, from the record.

The projection keeps a row for each task, with its number of events and its last one. The limit is
the same number of events read from the record and decoded, and nothing done with them.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from hive_bench.eventstore import scratch_database
from hive_bench.result import CaseResult, result
from hive_contracts.envelope import Meta, NewEvent, Recorded
from hive_contracts.ids import uuid7
from hive_shared.clock import SystemClock
from hive_shared.eventstore.pool import open_pool
from hive_shared.eventstore.port import Append, EventStore, StreamVersion
from hive_shared.eventstore.postgres import open_postgres_store
from hive_shared.projection import Connection
from hive_shared.subscriptions.feed import PAGE, Feed
from hive_shared.subscriptions.projector import Projector

SECONDS: Final = 5.0
EVENTS_PER_SECOND: Final = 20_000
"""The target: as many events are rebuilt as it would take `seconds` for."""
EVENTS_PER_TASK: Final = 8
TIMEOUT_SECONDS: Final = 300.0

_SCHEMA: Final = "hive_bench"
_TABLES: Final = """
    create schema hive_bench;
    create table hive_bench.subscriptions (name text primary key, log_id text not null default '',
        position bigint not null default 0, stopped text not null default '');
    create table hive_bench.tasks (stream text primary key, events int not null, type text not null,
        version bigint not null)
"""
_FOLD: Final = """
    insert into hive_bench.tasks as t (stream, events, type, version)
    select * from unnest($1::text[], $2::int[], $3::text[], $4::bigint[])
    on conflict (stream) do update set events = t.events + excluded.events,
        type = excluded.type, version = excluded.version
"""
_DATA: Final = b'{"task_id":"018f3a1e6c5d7b2a9c4e8f0a1b2c3d4e","text":"' + b"x" * 240 + b'"}'


class Tasks:
    name = "tasks"

    async def apply(self, connection: Connection, events: Sequence[Recorded]) -> None:
        counts: dict[str, int] = {}
        last: dict[str, Recorded] = {}
        for event in events:
            counts[event.stream] = counts.get(event.stream, 0) + 1
            last[event.stream] = event
        types = [event.type for event in last.values()]
        versions = [event.version for event in last.values()]
        await connection.execute(
            _FOLD, list(last), [counts[stream] for stream in last], types, versions
        )

    async def clear(self, connection: Connection) -> None:
        await connection.execute("delete from hive_bench.tasks")


async def run(admin_url: str, *, seconds: float = SECONDS) -> list[CaseResult]:
    """Measure on the server of `admin_url`, in a database of its own.

    Raises BenchRefused where fsync or synchronous_commit is off.
    """
    count = int(EVENTS_PER_SECOND * seconds)
    async with scratch_database(admin_url) as (owner_url, writer_url):
        async with open_postgres_store(writer_url) as store:
            await _fill(store, count)
        pool = await open_pool(owner_url, 4)
        try:
            await pool.execute(_TABLES)
            async with open_postgres_store(owner_url) as store:
                limit = await _read_only(store)
                rate = await _rebuilt(pool, store)
        finally:
            await pool.close()
    return [result("rebuild", f"{count:,} events", rate, "events/s", limit=limit)]


async def _rebuilt(pool: asyncpg.Pool, store: EventStore) -> float:
    """Events a second."""
    clock = SystemClock()
    projector = Projector(pool, _SCHEMA, Tasks(), Feed(store, clock), store, clock)
    head = (await store.head()).position
    began = time.perf_counter()
    running = asyncio.create_task(projector.run())
    try:
        await projector.wait_for(head, TIMEOUT_SECONDS)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return head / (time.perf_counter() - began)


async def _read_only(store: EventStore) -> float:
    """Events a second."""
    began, position = time.perf_counter(), 0
    while events := await store.read_all(position, PAGE):
        position = events[-1].position
    return position / (time.perf_counter() - began)


async def _fill(store: EventStore, count: int) -> None:
    """Tasks whose events lie among those of others, as they do when many are at work."""
    tasks = 256
    for _ in range(max(1, count // (tasks * EVENTS_PER_TASK))):
        streams = [f"task-{_new_id()}" for _ in range(tasks)]
        for version in range(EVENTS_PER_TASK):
            await store.append(
                Append(
                    tuple(StreamVersion(stream, version) for stream in streams),
                    tuple(_event(stream) for stream in streams),
                )
            )


def _event(stream: str) -> NewEvent:
    meta = Meta(correlation=stream[5:], causation=stream[5:], actor="bench")
    return NewEvent(_new_id(), stream, "TaskNoted", _DATA, meta)


def _new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))
