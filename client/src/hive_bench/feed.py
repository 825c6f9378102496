"""`hive bench feed`: from the commit of an event to a subscriber outside.

A writer, a relay and a NATS server of their own; the subscriber is another connection to that
server, which is pushed the event stream. The time of an event begins when the database has answered
that it is committed. Two cases keep a pace, and their limit is that pace; the last one writes as
fast as it can, and its limit is what was committed in that time.
"""

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import asyncpg
from nats.aio.client import Client

from hive_bench.eventstore import changed_url, scratch_database
from hive_bench.result import CaseResult, result
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.ids import uuid7
from hive_contracts.subjects import APPENDED
from hive_shared.bus.connection import connected
from hive_shared.bus.errors import BusUnavailable
from hive_shared.bus.live import LiveBus, LiveEvents
from hive_shared.eventstore.port import Append, StreamVersion
from hive_shared.eventstore.postgres import PostgresEventStore, open_postgres_store
from hive_stack import binaries, nats
from hive_stack.ports import free_port

SECONDS: Final = 5.0
"""How long each case is measured."""
PACES: Final = (100, 1000)
"""Events a second, each in an append of its own."""
CALLERS: Final = 16
"""Of the case without a pace; each append holds two events."""
DRAIN_SECONDS: Final = 60.0

_DATA: Final = b'{"task_id":"018f3a1e6c5d7b2a9c4e8f0a1b2c3d4e","text":"' + b"x" * 240 + b'"}'


class Subscriber:
    """Notes when each position arrived."""

    def __init__(self) -> None:
        self.arrived: dict[int, float] = {}
        self._came = asyncio.Event()
        self._noted = asyncio.Event()
        self._reader: LiveEvents | None = None

    async def follow(self, client: Client, store: PostgresEventStore) -> None:
        head = await store.head()
        async with asyncio.timeout(DRAIN_SECONDS):
            while self._reader is None:
                try:
                    self._reader = await LiveBus(client).open(
                        head.log_id, head.position, self._came.set
                    )
                except BusUnavailable:
                    await asyncio.sleep(0.1)
        while True:
            await self._came.wait()
            self._came.clear()
            events = await self._reader.take(10_000)
            now = time.perf_counter()
            for event in events:
                self.arrived[event.position] = now
            self._noted.set()

    async def until(self, position: int) -> None:
        async with asyncio.timeout(DRAIN_SECONDS):
            while position not in self.arrived:
                self._noted.clear()
                await self._noted.wait()


async def run(admin_url: str, *, seconds: float = SECONDS) -> list[CaseResult]:
    """Measure on the server of `admin_url`, in a database of its own.

    Raises BenchRefused where fsync or synchronous_commit is off, StackError where NATS fails.
    """
    with _nats_server() as bus_url:
        async with (
            scratch_database(admin_url) as (owner_url, writer_url),
            _relay(owner_url, bus_url("relay")),
            connected(bus_url("orchestrator"), "writer") as hints,
            connected(bus_url("observer"), "subscriber") as client,
        ):
            committed: dict[int, float] = {}
            sending = set[asyncio.Task[None]]()

            def on_appended(position: int) -> None:
                committed[position] = time.perf_counter()
                task = asyncio.ensure_future(hints.publish(APPENDED))
                sending.add(task)
                task.add_done_callback(sending.discard)

            async with open_postgres_store(writer_url, on_appended=on_appended) as store:
                subscriber = Subscriber()
                following = asyncio.create_task(subscriber.follow(client, store))
                await subscriber.until(await _append(store, 1))
                cases = []
                for pace in PACES:
                    committed.clear()
                    await subscriber.until(await _paced(store, pace, seconds))
                    cases.append(_case(f"{pace:,} events/s", pace, committed, subscriber, pace))
                cases.append(await _at_full_speed(store, seconds, committed, subscriber))
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            return cases


def _case(
    name: str, pace: float, committed: dict[int, float], subscriber: Subscriber, limit: float
) -> CaseResult:
    durations = _durations(committed, subscriber.arrived)
    return result("feed", name, pace, "events/s", durations, limit)


def _durations(committed: dict[int, float], arrived: dict[int, float]) -> list[float]:
    """Of the last event of each commit: the moment is known of no other one."""
    return [max(0.0, arrived[position] - at) for position, at in committed.items()]


async def _paced(store: PostgresEventStore, pace: int, seconds: float) -> int:
    """Appends at that pace, however long each takes; answers the last position."""
    began, appending = time.perf_counter(), []
    for number in range(int(pace * seconds)):
        due = began + number / pace
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        appending.append(asyncio.create_task(_append(store, 1)))
    return max(await asyncio.gather(*appending))


async def _at_full_speed(
    store: PostgresEventStore,
    seconds: float,
    committed: dict[int, float],
    subscriber: Subscriber,
) -> CaseResult:
    committed.clear()
    before = (await store.head()).position
    began = time.perf_counter()

    async def call() -> int:
        last = 0
        while time.perf_counter() < began + seconds:
            last = await _append(store, 2)
        return last

    last = max(await asyncio.gather(*(call() for _ in range(CALLERS))))
    rate = (last - before) / (time.perf_counter() - began)
    await subscriber.until(last)
    delivered = (last - before) / (subscriber.arrived[last] - began)
    name = f"as fast as {CALLERS} callers can"
    return _case(name, delivered, committed, subscriber, rate)


async def _append(store: PostgresEventStore, count: int) -> int:
    stream = f"task-{_new_id()}"
    meta = Meta(correlation=stream[5:], causation=stream[5:], actor="bench")
    events = tuple(NewEvent(_new_id(), stream, "TaskNoted", _DATA, meta) for _ in range(count))
    return (await store.append(Append((StreamVersion(stream, 0),), events))).position


def _new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


@contextlib.contextmanager
def _nats_server() -> Iterator["_BusUrl"]:
    with tempfile.TemporaryDirectory(prefix="hive-bench-") as name:
        folder, password = Path(name), secrets.token_hex(16)
        config = nats.NatsConfig(
            binary=binaries.find_nats(),
            store=folder / "nats",
            config=folder / "nats.conf",
            port=free_port(),
            log=folder / "nats.log",
        )
        users = dict.fromkeys((*nats.SERVICES, nats.OBSERVER), password)
        nats.write_config(config, {"BENCH": nats.account_config(users)}, name="bench")
        process = nats.start(config)
        try:
            yield _BusUrl(config.port, password)
        finally:
            nats.stop_server(process)


class _BusUrl:
    def __init__(self, port: int, password: str) -> None:
        self._port = port
        self._password = password

    def __call__(self, user: str) -> str:
        return nats.url(self._port, user, self._password)


@contextlib.asynccontextmanager
async def _relay(owner_url: str, bus_url: str) -> AsyncIterator[None]:
    """A relay's process, with a login of its own that has the rights of hive_relay."""
    role, password = f"hive_bench_relay_{os.urandom(6).hex()}", secrets.token_hex(16)
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(f"create role {role} login password '{password}' in role hive_relay")
        relay = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hive_shared.relay"),
            env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
            | {
                "HIVE_POSTGRES_URL": changed_url(owner_url, login=f"{role}:{password}"),
                "HIVE_NATS_URL": bus_url,
                "HIVE_LOG_LEVEL": "error",
            },
        )
        try:
            yield
        finally:
            relay.terminate()
            await relay.wait()
    finally:
        await owner.execute(f"drop role if exists {role}")
        await owner.close()
