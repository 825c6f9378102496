"""The twin is the oracle: whatever is done to both stores, both say and hold the same."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from hive_contracts.envelope import Recorded
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, Appended, EventStore, Fence, StreamVersion
from hive_shared.eventstore.postgres import open_postgres_store
from tests.conftest import Database
from tests.suites.eventstore import command, event, new_id

WRITES = ("mission", "task", "runner")
STREAMS = ("task-a", "task-b", "mission-a", "invoice-a")
HOLDERS = ("x", "y")


class Ask(msgspec.Struct, frozen=True):
    """An append before it meets a history."""

    offsets: dict[str, int]
    """How far off the version is that it expects of a stream; mostly it is right."""
    events: list[tuple[str, bytes]]
    command: int | None
    payload: bytes
    fence: int | None
    """Which of the tokens taken so far, counted from the last one."""


class Take(msgspec.Struct, frozen=True):
    holder: str
    ttl_ms: int


class Release(msgspec.Struct, frozen=True):
    which: int


Step = list[Ask] | Take | Release

OFFSETS = st.sampled_from([0, 0, 0, 0, 1, 2, -1])
DATA = st.sampled_from([b"{}", b'{"a":1e3}', b"[1, 2]", rb'"\\u0000"', rb'"\u0000"', b"{"])


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    offsets = draw(st.dictionaries(st.sampled_from(STREAMS), OFFSETS, max_size=3))
    goes_to = st.sampled_from(sorted(offsets) or ["task-a"])
    return Ask(
        offsets,
        draw(st.lists(st.tuples(goes_to, DATA), max_size=4)),
        draw(st.none() | st.integers(0, 5)),
        draw(st.sampled_from([b"same", b"same", b"other"])),
        draw(st.none() | st.none() | st.integers(0, 2)),
    )


def one_of_each_command(batch: list[Ask]) -> bool:
    """Of two appends of one command in a batch, the second is judged after all the others."""
    commands = [ask.command for ask in batch if ask.command is not None]
    return len(commands) == len(set(commands))


STEPS = st.lists(
    st.lists(asks(), min_size=1, max_size=6).filter(one_of_each_command)
    | st.builds(Take, st.sampled_from(HOLDERS), st.sampled_from([0, 60_000]))
    | st.builds(Release, st.integers(0, 2)),
    min_size=1,
    max_size=12,
)


class Sides:
    """Both stores, and the names that this example uses in them."""

    def __init__(self, twin: EventStore, store: EventStore, base: int) -> None:
        self.both = (twin, store)
        self.twin, self.store = self.both
        self.base = base
        self.salt = new_id()
        self.commands = [new_id() for _ in range(6)]
        self.fences: list[Fence] = []

    def stream(self, name: str) -> str:
        return f"{name}-{self.salt}"

    async def take(self, step: Take) -> None:
        twin, store = [
            await side.take_fence(self.salt, step.holder, step.ttl_ms) for side in self.both
        ]
        assert twin == store
        if twin is not None:
            self.fences.append(twin)

    async def release(self, step: Release) -> None:
        if self.fences:
            for side in self.both:
                await side.release_fence(self._fence(step.which))

    async def append(self, batch: list[Ask]) -> None:
        appends = [await self._append(ask) for ask in batch]
        twin, store = [
            await asyncio.gather(*map(side.append, appends), return_exceptions=True)
            for side in self.both
        ]
        assert [self._outcome(o, 0) for o in twin] == [self._outcome(o, self.base) for o in store]

    async def hold_the_same(self) -> None:
        for name in STREAMS:
            twin, store = [await side.read_stream(self.stream(name)) for side in self.both]
            assert self._placed(twin, 0) == self._placed(store, self.base)
        twin, store = await self.twin.read_all(0), await self.store.read_all(self.base)
        assert self._placed(twin, 0) == self._placed(store, self.base)
        for category in (*WRITES, "invoice"):
            twin = await self.twin.read_category(category, 0)
            store = await self.store.read_category(category, self.base)
            assert self._placed(twin, 0) == self._placed(store, self.base)
        for id in self.commands:
            key = command(id, payload=b"same")
            answers = await asyncio.gather(
                *(side.first_answer(key) for side in self.both), return_exceptions=True
            )
            twin_answer, store_answer = map(self._outcome, answers, (0, self.base))
            assert twin_answer == store_answer

    async def _append(self, ask: Ask) -> Append:
        expected = []
        for name, offset in ask.offsets.items():
            version = len(await self.twin.read_stream(self.stream(name))) + offset
            expected.append(StreamVersion(self.stream(name), max(0, version)))
        events = tuple(event(self.stream(name), data) for name, data in ask.events)
        key = None
        if ask.command is not None:
            key = command(self.commands[ask.command], payload=ask.payload)
        fence = None
        if ask.fence is not None:
            fence = self._fence(ask.fence) if self.fences else Fence(self.salt, 1)
        return Append(tuple(expected), events, key, new_id().encode(), fence)

    def _fence(self, which: int) -> Fence:
        return self.fences[-1 - min(which, len(self.fences) - 1)]

    @staticmethod
    def _outcome(outcome: Appended | BaseException | None, base: int) -> object:
        if isinstance(outcome, Appended):
            return msgspec.structs.replace(outcome, position=outcome.position - base)
        return type(outcome)

    @staticmethod
    def _placed(events: list[Recorded], base: int) -> list[tuple[object, ...]]:
        return [(e.position - base, e.stream, e.version, e.id, e.data, e.meta) for e in events]


async def replay(store: EventStore, steps: list[Step]) -> None:
    twin = MemoryEventStore(SystemClock(), writes=WRITES)
    sides = Sides(twin, store, (await store.head()).position)
    for step in steps:
        match step:
            case Take():
                await sides.take(step)
            case Release():
                await sides.release(step)
            case batch:
                await sides.append(batch)
    await sides.hold_the_same()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_both_stores_say_and_hold_the_same(
    database: Database, seed: int, size: Callable[[int, int], int]
) -> None:
    with asyncio.Runner() as runner:
        context = open_postgres_store(database.url("orchestrator"))
        store = runner.run(context.__aenter__())

        @seeded(seed)
        @settings(
            max_examples=size(80, 1_000),
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )
        @given(STEPS)
        def run(steps: list[Step]) -> None:
            runner.run(replay(store, steps))

        try:
            run()
        finally:
            runner.run(context.__aexit__(None, None, None))
