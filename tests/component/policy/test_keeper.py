"""When something of the policy happened: never before what is recorded already."""

from pathlib import Path

from hive_contracts.codec import decode
from hive_contracts.health import Baselines, Objectives
from hive_contracts.policy import BudgetSeen, EndOverride, ObserveBudgets, OverridePolicy
from hive_health.policy.keeper import STREAM, Keeper
from hive_health.record_clock import RecordClock
from hive_shared.eventstore.memory import MemoryEventStore
from tests.component.health.test_record_clock import DATABASE_MS, HOUR_MS, Machine
from tests.component.policy.test_decider import POLICY
from tests.suites.gateway import new_id


async def nothing() -> Objectives:
    return Objectives(())


async def none() -> Baselines:
    return Baselines(())


class Hive:
    def __init__(self) -> None:
        self.machine = Machine()
        self.clock = RecordClock(self.machine)
        self.clock.saw(DATABASE_MS)
        self.store = MemoryEventStore(self.machine)
        self.keeper = Keeper(self.store, nothing, none, Path("/none"), self.clock, new_id)

    async def sees(self, left: float) -> None:
        budgets = (BudgetSeen("a", left, left), BudgetSeen("b", 1.0, 1.0))
        await self.keeper.tell(ObserveBudgets(self.clock.now_ms(), POLICY, budgets))

    async def types(self) -> list[str]:
        return [event.type for event in await self.store.read_stream(STREAM)]


async def test_a_jump_ends_neither_a_hold_nor_an_override() -> None:
    it = Hive()
    await it.sees(0.0)
    override = OverridePolicy(it.clock.now_ms(), "ann", HOUR_MS // 2, "we know")
    await it.keeper.tell(override, "ann", new_id())
    before = await it.types()
    for jump in (3, -3):
        it.machine.set_ms = jump * HOUR_MS
        await it.sees(1.0)
    assert await it.types() == before
    assert it.keeper.standing.override is not None
    it.machine.went_s = 1800
    await it.sees(1.0)
    assert (await it.types())[len(before) :] == ["PolicyOverrideEnded"]
    it.machine.went_s = 7200
    await it.sees(1.0)
    assert not it.keeper.standing.entered


async def test_what_is_told_from_a_machine_whose_clock_is_behind_counts_as_told_last() -> None:
    it = Hive()
    await it.keeper.tell(OverridePolicy(DATABASE_MS, "ann", HOUR_MS, "we know"), "ann", new_id())
    await it.keeper.tell(EndOverride(DATABASE_MS - HOUR_MS, "ann"), "ann", new_id())
    events = [decode(each) for each in await it.store.read_stream(STREAM)]
    assert [event.at_ms for event in events] == [DATABASE_MS, DATABASE_MS]  # type: ignore[union-attr]
