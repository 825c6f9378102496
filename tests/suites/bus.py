"""What the tests of bus, relay and subscriptions share: a record that is written to, a relay that
runs, and the comparison of the feed with the record.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Final

import asyncpg
import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from hive_contracts.envelope import Meta, NewEvent, Recorded
from hive_contracts.ids import uuid7
from hive_contracts.subjects import APPENDED, event_stream_name, split_stream
from hive_shared.bus.connection import connected
from hive_shared.bus.errors import Overtaken, StreamChanged
from hive_shared.bus.events import EventStream, Retention
from hive_shared.bus.live import LiveBus
from hive_shared.bus.survey import Held, survey
from hive_shared.clock import Clock, SystemClock
from hive_shared.eventstore.pool import open_pool
from hive_shared.eventstore.port import Append, EventStore, StreamVersion
from hive_shared.eventstore.postgres import PostgresEventStore, open_postgres_store
from hive_shared.projection import Connection
from hive_shared.relay.log import PostgresLog
from hive_shared.relay.relay import Relay
from hive_shared.subscriptions.feed import Feed
from hive_shared.subscriptions.projector import Projector
from hive_shared.wake import Wake
from tests.conftest import Database, NatsAccount

SOON: Final = 60.0
"""Seconds that a test waits for what must come."""


async def settled(client: Client) -> None:
    """The server has all that this client sent.

    One `flush` does not say so: its PING overtakes what was queued just before, and goes first.
    """
    await client.flush()
    await client.flush()


class FastClock(SystemClock):
    """Fifty seconds pass in one; for what would have to be waited for."""

    def monotonic(self) -> float:
        return super().monotonic() * 50

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 50)


class Writer:
    """Appends events of a few task streams to a record."""

    def __init__(self, store: EventStore, streams: int = 5) -> None:
        self.store = store
        self._ids = (uuid7(n, os.urandom(10)) for n in itertools.count(1))
        self.versions = {f"task-{next(self._ids)}": 0 for _ in range(streams)}

    @property
    def streams(self) -> list[str]:
        return list(self.versions)

    async def write(self, count: int, type: str = "TaskNoted", stream: str = "") -> int:
        """Append so many events, a few at a time; answers the last position."""
        position = 0
        names = itertools.cycle([stream] if stream else self.streams)
        while count > 0:
            name, size = next(names), min(count, 40)
            position = await self._append(name, size, type)
            count -= size
        return position

    async def _append(self, stream: str, size: int, type: str) -> int:
        version = self.versions[stream]
        _, task_id = split_stream(stream)
        events = tuple(
            NewEvent(
                id=next(self._ids),
                stream=stream,
                type=type,
                data=msgspec.json.encode({"task_id": task_id, "text": f"ü {version + n}"}),
                meta=Meta(correlation=task_id, causation=task_id, actor="tester"),
            )
            for n in range(size)
        )
        done = await self.store.append(Append((StreamVersion(stream, version),), events))
        self.versions[stream] = version + size
        return done.position


class Counts:
    """A projection: how many events each stream has, and a digest of their order."""

    name = "counts"

    def __init__(self, schema: str = "gateway") -> None:
        self.table = f"{schema}.counts"
        self.poison = ""

    async def apply(self, connection: Connection, events: Sequence[Recorded]) -> None:
        for event in events:
            if event.type == self.poison:
                raise ValueError(f"cannot apply {event.type}")
        await connection.executemany(
            f"insert into {self.table} as c (stream, events, digest) values ($1, 1, md5($2))"
            " on conflict (stream) do update set events = c.events + 1,"
            " digest = md5(c.digest || $2)",
            [(event.stream, f"{event.position} {event.id}") for event in events],
        )

    async def clear(self, connection: Connection) -> None:
        await connection.execute(f"delete from {self.table}")

    async def rows(self, pool: asyncpg.Pool) -> list[tuple[object, ...]]:
        return [tuple(r) for r in await pool.fetch(f"select * from {self.table} order by stream")]


async def make_counts(pool: asyncpg.Pool, projection: Counts) -> None:
    await pool.execute(
        f"create table {projection.table} (stream text primary key, events int, digest text)"
    )


@contextlib.asynccontextmanager
async def running(
    *jobs: Coroutine[Any, Any, object],
) -> AsyncIterator[list["asyncio.Task[object]"]]:
    """Run these until the block ends; a job that fails fails the test."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        yield tasks
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def eventually(condition: Callable[[], object], seconds: float = SOON) -> None:
    """Until it holds; looks again whenever the event loop has done something else."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def record(database: Database, nats: NatsAccount) -> AsyncIterator[PostgresEventStore]:
    """The record as the orchestrator opens it: it says on the bus that it has appended."""
    sending = set[asyncio.Task[None]]()
    async with connected(nats.url_of("orchestrator"), "writer") as client:

        def hint(_: int) -> None:
            if client.is_connected:
                task = asyncio.ensure_future(client.publish(APPENDED))
                sending.add(task)
                task.add_done_callback(sending.discard)

        async with open_postgres_store(database.url("orchestrator"), on_appended=hint) as store:
            yield store
            await asyncio.gather(*sending, return_exceptions=True)


@contextlib.asynccontextmanager
async def relay_in_process(
    postgres_url: str, nats_url: str, clock: Clock | None = None
) -> AsyncIterator[Relay]:
    """A relay that runs in this event loop."""
    retention, clock = Retention(), clock or SystemClock()
    wake = Wake(clock)

    async def hear(client: Client) -> None:
        async def hinted(_: Msg) -> None:
            wake.set()

        await client.subscribe(APPENDED, cb=hinted)

    async with (
        open_postgres_store(postgres_url) as store,
        pool_of(postgres_url) as pool,
        connected(nats_url, "relay", wake.set, hear) as client,
    ):
        log = PostgresLog(pool, retention)
        relay = Relay(store, log, EventStream(client, retention), clock, wake)
        async with running(relay.run()):
            yield relay


@contextlib.asynccontextmanager
async def pool_of(url: str, connections: int = 4) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(url, connections)
    try:
        yield pool
    finally:
        pool.terminate()


class Replica(msgspec.Struct):
    """One replica of a service that projects."""

    projector: Projector
    pool: asyncpg.Pool
    store: PostgresEventStore
    told: list[int]
    """Positions that a follower here was told, in the order in which it was."""


@contextlib.asynccontextmanager
async def replica(
    postgres_url: str, nats_url: str, projection: Counts, schema: str = "gateway"
) -> AsyncIterator[Replica]:
    clock, told = SystemClock(), list[int]()
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_postgres_store(postgres_url))
        pool = await stack.enter_async_context(pool_of(postgres_url))
        bus = None
        if nats_url:
            bus = LiveBus(await stack.enter_async_context(connected(nats_url, "replica")))
        projector = Projector(pool, schema, projection, Feed(store, clock, bus), store, clock)
        projector.follow(lambda done: told.extend(e.position for e in done.events))
        await stack.enter_async_context(running(projector.run()))
        yield Replica(projector, pool, store, told)


class MemoryBus:
    """The relay's side of an event stream, with the guards of the real one."""

    def __init__(self) -> None:
        self.stream = ""
        self.began = 1
        self.messages: list[Recorded] = []
        self.made = 0

    @property
    def last(self) -> int:
        return self.began - 1 + len(self.messages)

    async def look(self) -> Held | None:
        if not self.stream:
            return None
        last_id = self.messages[-1].id if self.messages else ""
        count = len(self.messages)
        return Held(self.stream, self.began, self.began, self.last, count, last_id, 10**12)

    async def make(self, log_id: str, began: int) -> None:
        self.stream, self.began, self.messages = event_stream_name(log_id), began, []
        self.made += 1

    async def id_at(self, log_id: str, position: int) -> str:
        number = position - self.began
        there = self.stream == event_stream_name(log_id) and 0 <= number < len(self.messages)
        return self.messages[number].id if there else ""

    async def publish(self, log_id: str, events: Sequence[Recorded]) -> list[int]:
        if self.stream != event_stream_name(log_id):
            raise StreamChanged
        stored = []
        for event in events:
            if event.position == self.last + 1:
                self.messages.append(event)
                stored.append(event.position)
        if not stored:
            raise Overtaken
        return stored


async def bus_events(nats_url: str, log_id: str, after: int, upto: int) -> list[Recorded]:
    """What a reader of the bus gets, up to a position."""
    came, events = asyncio.Event(), list[Recorded]()
    async with connected(nats_url, "observer") as client, asyncio.timeout(SOON):
        reader = await LiveBus(client).open(log_id, after, came.set)
        while not events or events[-1].position < upto:
            await came.wait()
            came.clear()
            events += await reader.take(10_000)
        await reader.close()
    return events


async def assert_bus_is_the_record(store: EventStore, nats_url: str, after: int = 0) -> None:
    """The feed is dense from `after + 1` to the head, and equal to the record."""
    async with connected(nats_url, "inspector") as client, asyncio.timeout(SOON):
        stream = EventStream(client, Retention())
        while True:
            surveyed = await survey(store, await stream.look(), SystemClock().now_ms())
            if surveyed.verdict == "ok":
                break
            await asyncio.sleep(0.02)
    head = surveyed.head
    recorded = [
        event
        for start in range(after, head.position, 1000)
        for event in await store.read_all(start, 1000)
    ]
    assert await bus_events(nats_url, head.log_id, after, head.position) == recorded
