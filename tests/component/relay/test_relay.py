"""What the relay decides, over a record and a bus in memory."""

import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from hive_contracts.envelope import Recorded
from hive_contracts.health import BusRebuilt
from hive_contracts.subjects import event_stream_name
from hive_shared.bus.survey import Held
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Head
from hive_shared.relay.relay import Relay
from hive_shared.wake import Wake
from tests.suites.bus import FastClock, MemoryBus, Writer, eventually, running

OLD, NEW = "a" * 32, "b" * 32


class Primary:
    """A record that can be replaced by another one, and what the relay may do to it."""

    def __init__(self, store: MemoryEventStore) -> None:
        self.store = store
        self.log_id = OLD

    async def head(self) -> Head:
        return Head((await self.store.head()).position, self.log_id)

    async def read_all(self, after: int, limit: int = 1000) -> list[Recorded]:
        return await self.store.read_all(after, limit)

    async def renew_if_bus_is_wrong(self, held: Held, log_id: str) -> str:
        if log_id == self.log_id and held.stream == event_stream_name(log_id):
            self.log_id = NEW
        return self.log_id

    async def recent_position(self) -> int:
        return 1


def memory() -> MemoryEventStore:
    return MemoryEventStore(SystemClock())


@contextlib.asynccontextmanager
async def relaying(primary: Primary, bus: MemoryBus) -> AsyncIterator[Relay]:
    clock = FastClock()
    relay = Relay(primary, primary, bus, clock, Wake(clock))  # type: ignore[arg-type]  # it only reads
    async with running(relay.run()):
        yield relay


async def is_the_record(bus: MemoryBus, primary: Primary) -> bool:
    return bus.messages == await primary.read_all(bus.began - 1, 10_000)


async def test_what_is_missing_is_published_and_nothing_made_anew_when_all_is_well() -> None:
    primary, bus = Primary(memory()), MemoryBus()
    writer = Writer(primary.store)
    await writer.write(700)
    async with relaying(primary, bus):
        await eventually(lambda: bus.last == 700)
        await writer.write(20)
        await eventually(lambda: bus.last == 720)
    async with relaying(primary, bus):
        await writer.write(20)
        await eventually(lambda: bus.last == 740)
    assert bus.made == 1
    assert await is_the_record(bus, primary)


async def test_a_record_that_lost_its_end_and_outgrew_the_bus_begins_a_new_history() -> None:
    """The same log_id, the right positions, other events: only the ids tell."""
    before, after = memory(), memory()
    primary, bus = Primary(before), MemoryBus()
    await Writer(before).write(50)
    await Writer(after).write(80)
    async with relaying(primary, bus):
        await eventually(lambda: bus.last == 50)
        primary.store = after
        await eventually(lambda: bus.last == 80)
    assert primary.log_id == NEW
    assert await is_the_record(bus, primary)


class Lagging(MemoryBus):
    """Before the relay's window arrives, another relay's of the lost end does."""

    late: Sequence[Recorded] = ()

    async def publish(self, log_id: str, events: Sequence[Recorded]) -> list[int]:
        self.messages += self.late
        self.late = ()
        return await super().publish(log_id, events)


async def test_what_follows_on_a_lost_end_that_another_relay_knew_begins_a_new_history() -> None:
    """The last message is right then, and a look at the bus sees nothing."""
    lost, store = memory(), memory()
    await Writer(lost).write(30)
    await Writer(store).write(80)
    primary, bus = Primary(store), Lagging()
    await bus.make(OLD, 1)
    bus.late = await lost.read_all(0)
    async with relaying(primary, bus):
        await eventually(lambda: primary.log_id == NEW and bus.last == 80)
    assert await is_the_record(bus, primary)


class Restored(MemoryEventStore):
    """Between two of the relay's questions it is a shorter one, once."""

    shorter = False

    async def read_all(self, after: int, limit: int = 1000) -> list[Recorded]:
        if self.shorter and limit > 1:
            self.shorter = False
            return []
        return await super().read_all(after, limit)


@pytest.mark.parametrize("held", [0, 50], ids=["nothing", "some of it"])
async def test_a_record_that_is_restored_between_two_questions_is_looked_at_again(
    held: int,
) -> None:
    store = Restored(SystemClock())
    primary, bus, writer = Primary(store), MemoryBus(), Writer(store)
    await bus.make(OLD, 1)
    await writer.write(held)
    bus.messages = await store.read_all(0)
    await writer.write(30)
    store.shorter = True
    async with relaying(primary, bus):
        await eventually(lambda: bus.last == held + 30)
    assert not store.shorter


async def test_a_bus_of_another_history_is_made_anew_without_a_new_log_id() -> None:
    primary, bus = Primary(memory()), MemoryBus()
    await bus.make(NEW, 1)
    await Writer(primary.store).write(5)
    async with relaying(primary, bus):
        await eventually(lambda: bus.last == 5)
    assert primary.log_id == OLD
    assert bus.stream == event_stream_name(OLD)


class Contested(MemoryBus):
    """Another relay publishes everything first, for as long as it is at work."""

    def __init__(self, primary: Primary) -> None:
        super().__init__()
        self.primary = primary
        self.rival_at_work = True
        self.rival_has = 0

    async def look(self) -> Held | None:
        if self.rival_at_work and self.stream:
            self.messages += await self.primary.read_all(self.last, 10_000)
            self.rival_has = self.last
        return await super().look()

    async def publish(self, log_id: str, events: Sequence[Recorded]) -> list[int]:
        if self.rival_at_work:
            await self.look()
        return await super().publish(log_id, events)


async def test_a_relay_that_lost_the_race_stands_by_and_takes_over() -> None:
    primary = Primary(memory())
    bus, writer = Contested(primary), Writer(primary.store)
    await writer.write(100)
    async with relaying(primary, bus):
        await eventually(lambda: bus.rival_has == 100)
        for position in range(110, 200, 10):
            await writer.write(10)
            await eventually(lambda at=position: bus.rival_has == at)  # type: ignore[misc]
        bus.rival_at_work = False
        await writer.write(30)
        await eventually(lambda: bus.last == 220)
    assert bus.made == 1
    assert await is_the_record(bus, primary)


async def test_relays_that_race_store_each_event_once() -> None:
    primary, bus = Primary(memory()), MemoryBus()
    writer = Writer(primary.store)
    await writer.write(100)
    async with relaying(primary, bus), relaying(primary, bus):
        for _ in range(20):
            await writer.write(30)
        await eventually(lambda: bus.last == 700)
    assert bus.made == 1
    assert await is_the_record(bus, primary)


async def test_an_operator_may_have_the_stream_made_anew() -> None:
    primary, bus = Primary(memory()), MemoryBus()
    await Writer(primary.store).write(40)
    async with relaying(primary, bus) as relay:
        await eventually(lambda: bus.last == 40)
        assert await relay.rebuild() == BusRebuilt(1, 40)
        await eventually(lambda: bus.last == 40)
    assert bus.made == 2
    assert primary.log_id == OLD
