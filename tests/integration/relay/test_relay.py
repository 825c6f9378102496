"""The relay against a real record and a real bus."""

from tests.conftest import Database, NatsAccount
from tests.suites.bus import (
    Writer,
    assert_bus_is_the_record,
    record,
    relay_in_process,
)


async def test_the_bus_is_the_record_and_its_sequence_the_position(
    database: Database, nats: NatsAccount
) -> None:
    async with (
        record(database, nats) as store,
        relay_in_process(database.url("relay"), nats.url_of("relay")),
    ):
        await Writer(store).write(700)
        await assert_bus_is_the_record(store, nats.url_of("observer"))


async def test_three_relays_that_race_publish_each_event_once_and_in_order(
    database: Database, nats: NatsAccount
) -> None:
    relay = relay_in_process
    url, bus = database.url("relay"), nats.url_of("relay")
    async with (
        record(database, nats) as store,
        relay(url, bus),
        relay(url, bus),
        relay(url, bus),
    ):
        for _ in range(10):
            await Writer(store).write(200)
        await assert_bus_is_the_record(store, nats.url_of("observer"))
