"""The relay and the subscriptions through what can go wrong, with real servers and processes.

Afterwards, always: the bus is the record, dense and equal; a projection lost nothing, took nothing
twice and equals its rebuild from zero.
"""

import asyncio
import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from hive_contracts.subjects import event_stream_name
from hive_shared.bus.connection import connected
from hive_shared.bus.events import EventStream, Retention
from hive_shared.bus.message import guarded, headers_of, subject_of
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.port import EventStore
from tests.conftest import Database, NatsAccount
from tests.suites.bus import (
    SOON,
    Counts,
    FastClock,
    Replica,
    Writer,
    assert_bus_is_the_record,
    eventually,
    make_counts,
    pool_of,
    record,
    relay_in_process,
    replica,
)
from tests.suites.nats import OwnNats, own_nats
from tests.system.relay.world import Backups, frozen, relay_process, renew_log_id


@pytest.fixture(autouse=True)
async def counts(database: Database) -> None:
    async with pool_of(database.url("gateway")) as pool:
        await make_counts(pool, Counts())


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[OwnNats]:
    with own_nats(tmp_path) as server:
        yield server


@pytest.fixture
async def backups(database: Database) -> AsyncIterator[Backups]:
    made = Backups(database)
    yield made
    await made.forget()


async def assert_whole(one: Replica, store: EventStore, nats: NatsAccount) -> None:
    """What the top of this module promises."""
    head = await store.head()
    await assert_bus_is_the_record(store, nats.url_of("observer"))
    await one.projector.wait_for(head.position, SOON)
    assert one.told == list(range(1, head.position + 1))
    rows = await Counts().rows(one.pool)
    await one.projector.rebuild()
    await one.projector.wait_for(head.position, SOON)
    assert await Counts().rows(one.pool) == rows
    assert await one.pool.fetchval("select sum(events) from gateway.counts") == head.position


async def write_when_possible(writer: Writer, count: int) -> int:
    """Write once the record is there again; nothing is written while it refuses connections."""
    async with asyncio.timeout(SOON):
        while True:
            with contextlib.suppress(StoreUnavailable):
                await writer.store.head()
                return await writer.write(count)
            await asyncio.sleep(0.05)


async def until_bus_is_at(nats: NatsAccount, position: int) -> None:
    async with connected(nats.url_of("observer"), "observer") as client, asyncio.timeout(SOON):
        stream = EventStream(client, Retention())
        held = await stream.look()
        while held is None or held.last < position:
            await asyncio.sleep(0.02)
            held = await stream.look()


@pytest.mark.slow
async def test_a_relay_killed_at_any_moment_loses_and_repeats_nothing(
    database: Database, nats: NatsAccount, seed: int, size: Callable[[int, int], int]
) -> None:
    chance = random.Random(seed)
    async with (
        record(database, nats) as store,
        replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one,
    ):
        writer = Writer(store)
        for _ in range(size(2, 15)):
            before = await writer.write(1)
            async with relay_process(database, nats) as relay:
                await until_bus_is_at(nats, before)
                writing = asyncio.ensure_future(writer.write(800))
                await until_bus_is_at(nats, before + chance.randrange(1, 600))
                relay.kill()
                await relay.wait()
                await writing
        async with relay_process(database, nats):
            await assert_whole(one, store, nats)


async def test_when_the_relay_at_work_is_killed_another_takes_over(
    database: Database, nats: NatsAccount
) -> None:
    async with (
        record(database, nats) as store,
        replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one,
        relay_process(database, nats) as first,
    ):
        writer = Writer(store)
        await until_bus_is_at(nats, await writer.write(100))
        async with relay_process(database, nats), relay_process(database, nats):
            await until_bus_is_at(nats, await writer.write(500))
            first.kill()
            await writer.write(500)
            await assert_whole(one, store, nats)


async def test_a_relay_that_was_frozen_while_another_worked_does_no_harm(
    database: Database, nats: NatsAccount
) -> None:
    async with (
        record(database, nats) as store,
        replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one,
        relay_process(database, nats) as first,
    ):
        writer = Writer(store)
        writing = asyncio.ensure_future(writer.write(600))
        await until_bus_is_at(nats, 50)
        with frozen(first):
            async with relay_process(database, nats):
                await writing
                await until_bus_is_at(nats, await writer.write(200))
        await writer.write(200)
        await assert_whole(one, store, nats)


@pytest.mark.parametrize("wiped", [False, True], ids=["data kept", "data wiped"])
async def test_without_nats_projections_go_on_and_with_it_again_nothing_is_missing(
    database: Database, fragile: OwnNats, wiped: bool
) -> None:
    nats = fragile.account
    async with (
        record(database, nats) as store,
        relay_in_process(database.url("relay"), nats.url_of("relay")),
        replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one,
    ):
        writer = Writer(store)
        await until_bus_is_at(nats, await writer.write(300))
        await asyncio.to_thread(fragile.stop)
        last = await writer.write(300)
        await one.projector.wait_for(last, SOON)
        url, bus = database.url("gateway"), nats.url_of("gateway")
        async with replica(url, bus, Counts()) as late:
            await late.projector.wait_for(last, SOON)
            last = await writer.write(300)
            await late.projector.wait_for(last, SOON)
            if wiped:
                shutil.rmtree(fragile.store)
            await asyncio.to_thread(fragile.start)
            await late.projector.wait_for(await writer.write(300), SOON)
            await assert_whole(one, store, nats)


@pytest.mark.parametrize("damage", ["purged", "one deleted", "last one deleted", "stream deleted"])
async def test_a_bus_that_somebody_has_emptied_is_made_anew(
    database: Database, nats: NatsAccount, damage: str
) -> None:
    async with (
        record(database, nats) as store,
        relay_in_process(database.url("relay"), nats.url_of("relay"), clock=FastClock()),
        replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one,
        connected(nats.url_of("admin"), "vandal") as vandal,
    ):
        writer, bus = Writer(store), vandal.jetstream()
        await until_bus_is_at(nats, await writer.write(300))
        name = event_stream_name((await store.head()).log_id)
        match damage:
            case "purged":
                await bus.purge_stream(name)
            case "one deleted":
                await bus.delete_msg(name, 150)
            case "last one deleted":
                await bus.delete_msg(name, 300)
            case "stream deleted":
                await bus.delete_stream(name)
        await writer.write(10)
        stream = EventStream(vandal, Retention())

        async with asyncio.timeout(SOON):
            held = await stream.look()
            while held is None or (held.first, held.holes) != (1, 0):
                await asyncio.sleep(0.05)
                held = await stream.look()
        await assert_whole(one, store, nats)


async def test_a_relay_frozen_over_a_restore_cannot_publish_the_lost_history(
    database: Database, nats: NatsAccount, backups: Backups
) -> None:
    async with record(database, nats) as store:
        writer = Writer(store)
        await writer.write(100)
        versions = dict(writer.versions)
    await backups.take()
    async with record(database, nats) as store, relay_process(database, nats) as first:
        await until_bus_is_at(nats, 100)
        with frozen(first):
            # What it has read and not published yet is of a history that will not have been.
            await Writer(store).write(300)
            await backups.put_back()
            await renew_log_id(database)
            async with (
                relay_process(database, nats),
                replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one,
            ):
                writer = Writer(store)
                writer.versions = versions
                await write_when_possible(writer, 300)
                await assert_bus_is_the_record(store, nats.url_of("observer"))
        await writer.write(100)
        async with replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one:
            await one.projector.wait_for((await store.head()).position, SOON)
            await assert_bus_is_the_record(store, nats.url_of("observer"))


async def test_a_bus_that_is_ahead_of_the_record_begins_a_new_history(
    database: Database, nats: NatsAccount, backups: Backups
) -> None:
    """The record lost its last minute and nobody said so: a promotion that lost data."""
    async with record(database, nats) as store:
        writer = Writer(store)
        await writer.write(100)
        versions = dict(writer.versions)
    await backups.take()
    async with (
        record(database, nats) as store,
        relay_in_process(database.url("relay"), nats.url_of("relay")),
        replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one,
    ):
        lost = await store.head()
        await one.projector.wait_for(await Writer(store).write(50), SOON)
        await until_bus_is_at(nats, 150)
        await backups.put_back()
        writer = Writer(store)
        writer.versions = versions
        last = await write_when_possible(writer, 20)
        await assert_bus_is_the_record(store, nats.url_of("observer"))
        now = await store.head()
        assert now.log_id != lost.log_id
        await eventually(lambda: one.projector.status().log_id == now.log_id)
        await one.projector.wait_for(last, SOON)
        assert await one.pool.fetchval("select sum(events) from gateway.counts") == last


async def test_an_event_on_the_bus_that_the_record_does_not_hold_is_never_applied(
    database: Database, nats: NatsAccount, caplog: pytest.LogCaptureFixture
) -> None:
    async with record(database, nats) as store, connected(nats.url_of("admin"), "forger") as forger:
        writer, bus = Writer(store), forger.jetstream()
        async with relay_in_process(database.url("relay"), nats.url_of("relay")):
            await until_bus_is_at(nats, await writer.write(9))
        head, [event] = await store.head(), await store.read_all(8, 1)
        stream = event_stream_name(head.log_id)
        async with replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one:
            async with asyncio.timeout(SOON):
                while (await bus.stream_info(stream)).state.consumer_count == 0:
                    await asyncio.sleep(0.02)
            forged = msgspec.structs.replace(event, position=10, id="f" * 32)
            headers = guarded(headers_of(forged, head.log_id), stream, 10)
            await bus.publish(subject_of(forged), forged.data, headers=headers)
            await eventually(lambda: "is not at position 10 of this log" in caplog.text)
            async with relay_in_process(database.url("relay"), nats.url_of("relay")):
                await writer.write(5)
                await assert_whole(one, store, nats)


async def test_while_postgresql_restarts_everything_waits_and_then_goes_on(
    database: Database, nats: NatsAccount, backups: Backups, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        record(database, nats) as store,
        relay_in_process(database.url("relay"), nats.url_of("relay"), clock=FastClock()),
        replica(database.url("gateway"), nats.url_of("gateway"), Counts()) as one,
    ):
        writer = Writer(store)
        for _ in range(2):
            await until_bus_is_at(nats, await writer.write(200))
            async with backups.cut_off():
                with pytest.raises(StoreUnavailable):
                    await store.head()
                caplog.clear()
                await eventually(lambda: "hive.relay" in {r.name for r in caplog.records})
        await write_when_possible(writer, 200)
        await assert_whole(one, store, nats)
