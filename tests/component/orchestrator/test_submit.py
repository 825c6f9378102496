"""Commands from outside, while the record comes and goes."""

from typing import Any

from hive_contracts.ids import uuid7
from hive_contracts.mission import CancelMission, LaunchMission
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_contracts.submit import Accepted, Refused, Submission
from hive_orchestrator.aggregates import Aggregates
from hive_orchestrator.desk_memory import MemoryDesk
from hive_orchestrator.handlers.commands import Commands
from hive_orchestrator.handlers.submit import Submit
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, Appended
from hive_shared.restraints import Restraining
from tests.suites.simulator.clock import VirtualClock

PLAN = Plan("fix", (Phase("p", tasks=(TaskSpec("t", run="true"),)),))


class Record:
    """The twin, of which so many appends to come fail."""

    def __init__(self, store: MemoryEventStore) -> None:
        self.store = store
        self.failing = 0

    async def append(self, append: Append) -> Appended:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("the record is away")
        return await self.store.append(append)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class Orchestrator:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.record = Record(MemoryEventStore(self.clock))
        aggregates = Aggregates(self.record)
        restraining = Restraining(self.record, self.clock)
        commands = Commands(self.record, aggregates, self.new_id, lambda: 0.0, restraining)
        self.submit = Submit(commands, aggregates, MemoryDesk(self.clock.now), self.new_id)
        self._ids = 0

    def new_id(self) -> str:
        self._ids += 1
        return uuid7(self.clock.now_ms(), self._ids.to_bytes(10, "big"))

    async def launched(self) -> str:
        [answer] = await self.submit([Submission(self.new_id(), "ann", LaunchMission("", PLAN))])
        assert isinstance(answer, Accepted)
        return answer.id


async def test_what_follows_a_command_that_is_put_off_does_not_overtake_it() -> None:
    hive = Orchestrator()
    one, other = await hive.launched(), await hive.launched()
    submissions = [
        Submission(hive.new_id(), "ann", CancelMission(one, "first")),
        Submission(hive.new_id(), "ann", CancelMission(one, "second")),
        Submission(hive.new_id(), "ann", CancelMission(other, "another mission")),
    ]
    hive.record.failing = 1
    first, second, elsewhere = await hive.submit(submissions)
    assert isinstance(first, Refused)
    assert (first.code, second) == ("unavailable", first)
    assert isinstance(elsewhere, Accepted)
    again = await hive.submit(submissions)
    assert [type(answer) for answer in again] == [Accepted, Accepted, Accepted]
    cancelled = [
        event.data
        for event in await hive.record.read_all(0, 100)
        if event.type == "MissionCancelled" and event.stream == f"mission-{one}"
    ]
    assert [b"first" in data for data in cancelled] == [True]
