"""The event stream's writer and reader against a real NATS."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from hive_contracts.envelope import Recorded
from hive_contracts.subjects import event_stream_name
from hive_shared.bus.connection import connected
from hive_shared.bus.errors import BrokenFeed, BusUnavailable, Overtaken, StreamChanged
from hive_shared.bus.events import EventStream, Retention
from hive_shared.bus.live import LiveBus
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from tests.conftest import NatsAccount
from tests.suites.bus import SOON, Writer, bus_events

LOG, OTHER = "1" * 32, "2" * 32


@pytest.fixture
async def client(nats: NatsAccount) -> AsyncIterator[Client]:
    async with connected(nats.url_of("relay"), "relay") as opened:
        yield opened


@pytest.fixture
async def stream(client: Client) -> EventStream:
    return EventStream(client, Retention())


async def events(count: int) -> list[Recorded]:
    store = MemoryEventStore(SystemClock())
    await Writer(store).write(count)
    return await store.read_all(0, count)


async def test_a_stream_made_at_a_position_takes_that_position_next(stream: EventStream) -> None:
    assert await stream.look() is None
    await stream.make(LOG, 7)
    held = await stream.look()
    assert held is not None
    assert (held.stream, held.began, held.first, held.last) == (event_stream_name(LOG), 7, 7, 6)
    all_events = await events(10)
    with pytest.raises(Overtaken):
        await stream.publish(LOG, all_events[7:])
    assert await stream.publish(LOG, all_events[6:]) == [7, 8, 9, 10]
    held = await stream.look()
    assert held is not None
    assert (held.last, held.messages, held.last_id) == (10, 4, all_events[-1].id)


async def test_a_publication_that_is_refused_midway_leaves_no_hole_and_nothing_twice(
    stream: EventStream, nats: NatsAccount
) -> None:
    """Another relay has stored the first three of a window of ten."""
    await stream.make(LOG, 1)
    all_events = await events(10)
    assert await stream.publish(LOG, all_events[:3]) == [1, 2, 3]
    assert await stream.publish(LOG, all_events) == [4, 5, 6, 7, 8, 9, 10]
    assert await stream.id_at(LOG, 4) == all_events[3].id
    assert await stream.id_at(LOG, 11) == ""
    assert await stream.id_at("b" * 32, 4) == ""
    with pytest.raises(Overtaken):
        await stream.publish(LOG, all_events)
    assert await bus_events(nats.url_of("observer"), LOG, 0, 10) == all_events


async def test_of_three_relays_at_once_each_event_is_stored_once_and_in_order(
    stream: EventStream, nats: NatsAccount
) -> None:
    await stream.make(LOG, 1)
    all_events = await events(200)
    url = nats.url_of("relay")
    async with connected(url, "relay") as second, connected(url, "relay") as third:
        relays = (stream, EventStream(second, Retention()), EventStream(third, Retention()))
        await asyncio.gather(
            *(relay.publish(LOG, all_events) for relay in relays), return_exceptions=True
        )
    held = await stream.look()
    assert held is not None
    assert (held.last, held.messages) == (200, 200)
    assert await bus_events(nats.url_of("observer"), LOG, 0, 200) == all_events


async def test_what_is_meant_for_another_history_is_refused(stream: EventStream) -> None:
    await stream.make(OTHER, 1)
    with pytest.raises(StreamChanged):
        await stream.publish(LOG, await events(1))
    held = await stream.look()
    assert held is not None
    assert held.messages == 0


async def test_publishing_where_there_is_no_stream_says_so_at_once(stream: EventStream) -> None:
    with pytest.raises(StreamChanged):
        await stream.publish(LOG, await events(300))


async def test_a_reader_gets_what_follows_its_position_and_notices_what_is_missing(
    stream: EventStream, client: Client, nats: NatsAccount
) -> None:
    await stream.make(LOG, 1)
    all_events = await events(6)
    came = asyncio.Event()
    async with connected(nats.url_of("gateway"), "reader") as reading, asyncio.timeout(SOON):
        reader = await LiveBus(reading).open(LOG, 2, came.set)
        await stream.publish(LOG, all_events[:4])
        got: list[Recorded] = []
        while len(got) < 2:
            await came.wait()
            came.clear()
            got += await reader.take(100)
        assert got == all_events[2:4]
        await stream.publish(LOG, all_events[4:])
        admin = nats.url_of("admin")
        async with connected(admin, "vandal") as vandal:
            await vandal.jetstream().delete_msg(event_stream_name(LOG), 4)
        late = await LiveBus(reading).open(LOG, 3, came.set)
        with pytest.raises(BrokenFeed):
            while not await late.take(100):
                await came.wait()
                came.clear()
        held = await stream.look()
        assert held is not None
        assert held.holes == 1


async def test_a_reader_of_a_history_that_the_bus_does_not_hold_is_refused(
    stream: EventStream, nats: NatsAccount
) -> None:
    await stream.make(LOG, 1)
    async with connected(nats.url_of("gateway"), "reader") as reading:
        with pytest.raises(BusUnavailable):
            await LiveBus(reading).open(OTHER, 0, lambda: None)


async def test_nothing_is_tried_while_nats_is_not_there() -> None:
    async with connected("nats://127.0.0.1:1", "nobody") as client:
        with pytest.raises(BusUnavailable):
            await EventStream(client, Retention()).look()
        with pytest.raises(BusUnavailable):
            await LiveBus(client).open(LOG, 0, lambda: None)
