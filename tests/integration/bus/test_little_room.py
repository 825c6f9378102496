"""A NATS that has less room than the event stream is to have."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from hive_contracts.envelope import Recorded
from hive_shared.bus.connection import connected
from hive_shared.bus.errors import BusUnavailable
from hive_shared.bus.events import LEAST_BYTES, EventStream, Retention
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_stack import nats
from hive_stack.binaries import find_nats
from hive_stack.ports import free_port
from tests.suites.bus import Writer

LOG = "1" * 32
MIB = 1 << 20

Server = Callable[[int], AbstractContextManager[str]]
"""A server with so many bytes for streams, and its URL for a relay."""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    @contextmanager
    def run(room: int) -> Iterator[str]:
        config = nats.NatsConfig(
            binary=find_nats(),
            store=tmp_path / "store",
            config=tmp_path / "nats.conf",
            port=free_port(),
            log=tmp_path / "nats.log",
            max_file_store=room,
        )
        account = nats.account_config({"relay": "secret"})
        nats.write_config(config, {"HIVE": account}, name="small")
        process = nats.start(config)
        try:
            yield nats.url(config.port, "relay", "secret")
        finally:
            nats.stop_server(process)

    return run


async def events(count: int) -> list[Recorded]:
    store = MemoryEventStore(SystemClock())
    await Writer(store).write(count)
    return await store.read_all(0, count)


async def test_a_bus_that_is_short_of_room_keeps_less_and_says_so(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with server(300 * MIB) as url:
        async with connected(url, "relay") as client:
            stream = EventStream(client, Retention())
            await stream.make(LOG, 1)
            assert await stream.publish(LOG, await events(3)) == [1, 2, 3]
    assert "the bus keeps 256 MiB of events and not 1024" in caplog.text
    assert "free some of that disk" in caplog.text


async def test_one_with_next_to_no_room_is_refused_with_what_to_do(server: Server) -> None:
    with server(LEAST_BYTES // 2) as url:
        async with connected(url, "relay") as client:
            with pytest.raises(BusUnavailable, match=r"room for 16 MiB .*free some of that"):
                await EventStream(client, Retention()).make(LOG, 1)


async def test_a_stream_outlives_a_disk_that_has_less_free_than_it_reserves(
    server: Server,
) -> None:
    all_events = await events(5)
    with server(2048 * MIB) as url:
        async with connected(url, "relay") as client:
            stream = EventStream(client, Retention())
            await stream.make(LOG, 1)
            assert await stream.publish(LOG, all_events[:3]) == [1, 2, 3]
    with server(100 * MIB) as url:
        async with connected(url, "relay") as client:
            stream = EventStream(client, Retention())
            held = await stream.look()
            assert held is not None
            assert held.last == 3
            assert await stream.publish(LOG, all_events[3:]) == [4, 5]
