"""What an orchestrator remembers of streams, while others write and the record is put back."""

from typing import Any

import pytest

from hive_contracts.codec import encode
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.ids import uuid7
from hive_contracts.mission import LaunchMission
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_contracts.runner import AnyRunnerEvent, SessionClosed, SessionOpened
from hive_contracts.submit import Submission
from hive_contracts.task import LoseLease, StartAttempt
from hive_orchestrator.aggregates import Aggregates
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, StreamVersion
from tests.suites.simulator.hive import Simulation

RUNNER = uuid7(1, bytes(10))
STREAM = f"runner-{RUNNER}"
OPENED = tuple(SessionOpened(RUNNER, f"session {n}", "bench", 1) for n in range(4))
CLOSED = tuple(SessionClosed(RUNNER, opened.session_id, "drained") for opened in OPENED)


class Record:
    """A store in whose place another one can be put, as by a restore."""

    def __init__(self, store: MemoryEventStore) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


async def record_of(history: int, *events: AnyRunnerEvent) -> MemoryEventStore:
    """Event ids are the same in all histories for the first two events only."""
    store = MemoryEventStore(SystemClock())
    new = tuple(
        NewEvent(
            uuid7(number + (history if number > 1 else 0), bytes(10)),
            STREAM,
            type(event).__name__,
            encode(event),
            Meta("m", "c", "tester"),
        )
        for number, event in enumerate(events)
    )
    await store.append(Append((StreamVersion(STREAM, 0),), new))
    return store


BEFORE = (OPENED[0], CLOSED[0], OPENED[1])


@pytest.mark.parametrize(
    "after",
    [
        (OPENED[0],),
        (OPENED[0], CLOSED[0]),
        (OPENED[0], CLOSED[0], OPENED[2]),
        (OPENED[0], CLOSED[0], OPENED[2], CLOSED[2]),
    ],
    ids=["much shorter", "one shorter", "as long", "longer"],
)
async def test_a_stream_of_a_record_that_was_put_back_is_read_anew(
    after: tuple[AnyRunnerEvent, ...],
) -> None:
    record = Record(await record_of(1000, *BEFORE))
    aggregates = Aggregates(record)
    remembered = await aggregates.load(STREAM)
    assert remembered.version == 3
    record.store = await record_of(2000, *after)
    assert await aggregates.load(STREAM) == remembered
    expected = await Aggregates(record.store).load(STREAM)
    assert await aggregates.load(STREAM, fresh=True) == expected


async def test_a_lease_that_another_replica_made_is_offered_by_this_one() -> None:
    hive = Simulation(seed=1)
    runner = hive.runners[0]
    hive.ask(LaunchMission("", plan=Plan("m", (Phase("p", tasks=(TaskSpec("t", run="x"),)),))))
    await hive.deliver(0)
    await hive.beat(0, runner)
    while await hive.turn(0):
        pass
    await hive.beat(1, runner)
    [(task, epoch)] = runner.holding
    assert epoch == 1
    started = Submission(hive.new_id(), runner.id, StartAttempt(task, 1))
    await hive.send(1, [started])  # so this one remembers it
    await hive.send(0, [Submission(hive.new_id(), runner.id, LoseLease(task, 1, "lost"))])
    runner.holding.clear()
    while await hive.turn(0):
        pass
    await hive.beat(1, runner)
    assert list(runner.holding) == [(task, 2)]
