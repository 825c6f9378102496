"""Two processes of health over one record: one counts, both tell the same, nothing is forgotten."""

import itertools

import pytest

from hive_contracts.codec import decode
from hive_contracts.health import RunnerMember
from hive_contracts.heartbeat import Wanted
from hive_health.autoscaler import EVERY_SECONDS, FENCE, HOLD_MS, LOOK_SECONDS, Autoscaler, Seen
from hive_health.sizing import HOLD_SECONDS
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, Appended
from tests.suites.simulator.clock import VirtualClock

RUNNER = RunnerMember("r", "anvil", "alive", slots=4, ready=True)


class Hive:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryEventStore(self.clock)
        self.seen: Seen = Seen((), (RUNNER,))
        self._ids = itertools.count(1)

    def process(self, name: str) -> Autoscaler:
        return Autoscaler(
            self.store, lambda: self.seen, self.clock, name, lambda: f"{next(self._ids):032x}"
        )

    def want(self, slots: int) -> None:
        self.seen = Seen((Wanted("", slots),), (RUNNER,))

    async def pass_time(self, seconds: float, *processes: Autoscaler) -> None:
        for _ in range(int(seconds // LOOK_SECONDS)):
            self.clock.ms += int(LOOK_SECONDS * 1000)
            for process in processes:
                await process.look()

    async def recorded(self) -> list[int]:
        events = await self.store.read_all(0)
        return [decode(event).runners for event in events]  # type: ignore[union-attr]


@pytest.fixture
def hive() -> Hive:
    return Hive()


async def test_a_burst_is_one_event_and_both_processes_tell_it(hive: Hive) -> None:
    one, two = hive.process("one"), hive.process("two")
    await hive.pass_time(20, one, two)
    hive.want(17)
    await hive.pass_time(20, one, two)
    assert await hive.recorded() == [0, 5]
    assert one.capacity() == two.capacity()
    assert one.capacity().runners_desired == 5


async def test_whoever_takes_over_keeps_what_was_wanted_for_a_whole_window(hive: Hive) -> None:
    one, two = hive.process("one"), hive.process("two")
    hive.want(17)
    await hive.pass_time(20, one, two)
    hive.want(1)
    await hive.pass_time(HOLD_SECONDS - 20, one, two)
    await hive.pass_time(HOLD_MS / 1000 + HOLD_SECONDS - 20, two)  # the other one was killed
    assert await hive.recorded() == [0, 5]
    await hive.pass_time(40, two)
    assert await hive.recorded() == [0, 5, 1]


async def test_a_number_that_would_change_at_every_look_is_recorded_now_and_then(
    hive: Hive,
) -> None:
    one = hive.process("one")
    for needed in range(1, 100):
        hive.want(4 * needed)
        await hive.pass_time(LOOK_SECONDS, one)
    recorded = await hive.recorded()
    assert recorded == sorted(recorded)
    assert 10 < len(recorded) <= 99 * LOOK_SECONDS / EVERY_SECONDS + 1


async def test_without_an_active_orchestrator_the_number_stays(hive: Hive) -> None:
    one = hive.process("one")
    hive.want(17)
    await hive.pass_time(20, one)
    hive.seen = Seen(None, ())
    await hive.pass_time(10 * HOLD_SECONDS, one)
    assert await hive.recorded() == [0, 5]
    assert one.capacity().reason == "no active orchestrator is heard"


async def test_an_event_that_was_written_though_nobody_answered_is_not_written_again(
    hive: Hive, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, append = hive.process("one"), hive.store.append

    async def unanswered(what: Append) -> Appended:
        await append(what)
        raise StoreUnavailable("the connection broke")

    monkeypatch.setattr(hive.store, "append", unanswered)
    hive.want(17)
    await hive.pass_time(20, one)
    assert await hive.recorded() == [0, 5]
    assert one.capacity().reason == ""
    assert one.capacity().runners_desired == 5


async def test_a_process_that_was_frozen_past_its_hold_records_nothing(
    hive: Hive, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, append = hive.process("one"), hive.store.append
    await hive.pass_time(20, one)

    async def frozen(what: Append) -> Appended:
        hive.clock.ms += HOLD_MS + 1000
        assert await hive.store.take_fence(FENCE, "two", HOLD_MS) is not None
        return await append(what)

    monkeypatch.setattr(hive.store, "append", frozen)
    hive.want(17)
    await hive.pass_time(8, one)
    assert await hive.recorded() == [0]
    assert one.capacity().runners_desired == 0
