"""What every event store must do. A module runs it by a class with two fixtures:

class TestMemory(EventStoreSuite):
    @pytest.fixture
    def store(self) -> EventStore: ...

    @pytest.fixture
    def set_clock_back(self) -> SetClockBack:
        ...  # has the newest event an hour ahead of the store's clock

The store may write the categories mission, task and runner, and its clock is the machine's.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.ids import uuid7
from hive_shared.eventstore.errors import (
    CommandReused,
    CommandTooOld,
    EventTooLarge,
    Fenced,
    InvalidAppend,
    NotAllowed,
    NulCharacter,
    TooManyEvents,
    VersionConflict,
)
from hive_shared.eventstore.port import (
    COMMAND_RETENTION_MS,
    MAX_EVENT_BYTES,
    MAX_EVENTS,
    Append,
    Appended,
    CommandKey,
    EventStore,
    Fence,
    StreamVersion,
)

SetClockBack = Callable[[], Awaitable[None]]

META = Meta("mission-1", "command-1", "person-1", traceparent="00-ab-cd-01", schema=2)

REFUSED_WITH_NUL = {
    "escaped": rb'{"a":"\u0000"}',
    "behind an escaped backslash": rb'{"a":"\\\u0000"}',
    "as a key": rb'{"\u0000":1}',
    "raw": b'{"a":"\x00"}',
}
NO_JSON = {
    "nothing": b"",
    "cut off": b'{"a":1',
    "with something behind": b"{} {}",
    "no UTF-8": b'{"a":"\xff"}',
    "half a surrogate pair": rb'{"a":"\ud800"}',
}
EXACT = {
    "keys out of order and twice": b'{"b":1,"a":2,"b":3}',
    "numbers as written": b'{"a":1e3,"b":1.50,"c":-0}',
    "white space": b' { "a" :\t1 }\n',
    "text of several scripts": '{"a":"é漢🐝"}'.encode(),
    "text about a NUL": rb'{"a":"\\u0000"}',
    "escapes": rb'{"a":"\u00e9\/\ud83d\udc1d"}',
    "no object": b"null",
}


def new_id(age_ms: int = 0) -> str:
    return uuid7(time.time_ns() // 1_000_000 - age_ms, os.urandom(10))


def new_stream(category: str = "task") -> str:
    return f"{category}-{new_id()}"


def event(stream: str, data: bytes = b"{}", type: str = "TaskPlanned") -> NewEvent:
    return NewEvent(new_id(), stream, type, data, META)


def command(id: str = "", caller: str = "person-1", payload: bytes = b"") -> CommandKey:
    return CommandKey(caller, id or new_id(), hashlib.sha256(payload).digest())


def write(
    stream: str,
    version: int = 0,
    *data: bytes,
    command: CommandKey | None = None,
    answer: bytes = b"",
    fence: Fence | None = None,
) -> Append:
    """An append of one stream: an event for each of `data`, or a single empty one."""
    events = tuple(event(stream, each) for each in data or (b"{}",))
    return Append((StreamVersion(stream, version),), events, command, answer, fence)


def nothing(command: CommandKey, answer: bytes = b"") -> Append:
    return Append((), (), command, answer)


MALFORMED = {
    "an event of a stream that is not expected": Append((), (event("task-1"),)),
    "a stream expected twice": Append(2 * (StreamVersion("task-1", 0),), (event("task-1"),)),
    "a stream without an id": write("task"),
    "a dot in a stream": write("task-a.b"),
    "a wildcard in a stream": write("task-*"),
    "a long stream": write("task-" + "a" * 200),
    "a dot in a type": Append(
        (StreamVersion("task-1", 0),), (event("task-1", type="Task.Planned"),)
    ),
    "a command id that is none": nothing(CommandKey("person-1", "no-id", bytes(32))),
    "a fingerprint that is none": nothing(CommandKey("person-1", "a" * 32, b"short")),
    "an answer of more than 8 KiB": nothing(command(), answer=b"x" * 8193),
}


async def settle(store: EventStore, appends: Sequence[Append]) -> list[Appended | BaseException]:
    """What becomes of appends that are sent at the same time."""
    return await asyncio.gather(*map(store.append, appends), return_exceptions=True)


class EventStoreSuite:
    async def test_a_new_log_is_empty(self, store: EventStore) -> None:
        head = await store.head()
        assert head.position == 0
        assert len(head.log_id) == 32
        assert await store.read_all(0) == []
        assert await store.read_stream(new_stream()) == []
        assert await store.read_category("task", 0) == []

    async def test_what_is_appended_is_read_back_with_its_place(self, store: EventStore) -> None:
        stream = new_stream()
        append = write(stream, 0, b'{"n":1}', b'{"n":2}')
        assert await store.append(append) == Appended(2, b"")
        read = await store.read_stream(stream)
        assert [(e.position, e.version, e.stream) for e in read] == [(1, 1, stream), (2, 2, stream)]
        assert [(e.id, e.type, e.data, e.meta) for e in read] == [
            (e.id, e.type, e.data, e.meta) for e in append.events
        ]
        assert (await store.head()).position == 2

    async def test_data_comes_back_byte_for_byte(self, store: EventStore) -> None:
        stream = new_stream()
        await store.append(write(stream, 0, *EXACT.values()))
        read = [event.data for event in await store.read_stream(stream)]
        assert dict(zip(EXACT, read, strict=True)) == EXACT

    async def test_recorded_time_never_goes_backwards(self, store: EventStore) -> None:
        await settle(store, [write(new_stream(), 0, b"1", b"2") for _ in range(50)])
        times = [e.recorded_at for e in await store.read_all(0)]
        assert times == sorted(times)
        assert abs(times[-1].timestamp() - time.time()) < 60

    async def test_recorded_time_stands_still_while_the_clock_is_behind_it(
        self, store: EventStore, set_clock_back: SetClockBack
    ) -> None:
        await store.append(write(new_stream(), 0, b"1", b"2"))
        await set_clock_back()
        [_, newest] = await store.read_all(0)
        await settle(store, [write(new_stream()) for _ in range(5)])
        later = await store.read_all(newest.position)
        assert [e.recorded_at for e in later] == 5 * [newest.recorded_at]

    async def test_an_append_over_several_streams_keeps_the_order_of_its_events(
        self, store: EventStore
    ) -> None:
        a, b = new_stream(), new_stream("mission")
        events = event(a), event(b), event(a), event(b)
        expected = StreamVersion(a, 0), StreamVersion(b, 0)
        assert (await store.append(Append(expected, events))).position == 4
        read = await store.read_all(0)
        assert [(e.stream, e.version) for e in read] == [(a, 1), (b, 1), (a, 2), (b, 2)]
        assert [e.id for e in read] == [e.id for e in events]

    async def test_one_stream_that_moved_on_refuses_the_whole_append(
        self, store: EventStore
    ) -> None:
        a, b = new_stream(), new_stream()
        await store.append(write(b))
        both = Append((StreamVersion(a, 0), StreamVersion(b, 0)), (event(a), event(b)))
        with pytest.raises(VersionConflict, match=f"{b} is at version 1"):
            await store.append(both)
        assert await store.read_stream(a) == []
        assert (await store.head()).position == 1

    @pytest.mark.parametrize("version", [0, 2], ids=["behind", "ahead"])
    async def test_a_version_must_be_exact(self, store: EventStore, version: int) -> None:
        stream = new_stream()
        await store.append(write(stream))
        with pytest.raises(VersionConflict):
            await store.append(write(stream, version))

    async def test_a_stream_without_events_is_a_condition(self, store: EventStore) -> None:
        condition, stream = new_stream("mission"), new_stream()
        await store.append(write(condition))
        append = Append((StreamVersion(condition, 1), StreamVersion(stream, 0)), (event(stream),))
        await store.append(append)
        assert len(await store.read_stream(condition)) == 1
        await store.append(write(condition, 1))
        with pytest.raises(VersionConflict, match=condition):
            await store.append(
                Append((StreamVersion(condition, 1), StreamVersion(stream, 1)), (event(stream),))
            )

    async def test_many_at_once_leave_dense_positions_and_versions(self, store: EventStore) -> None:
        streams = [new_stream() for _ in range(100)]
        answers = await settle(store, [write(stream, 0, b"1", b"2") for stream in streams])
        assert all(isinstance(answer, Appended) for answer in answers)
        read = await store.read_all(0)
        assert [e.position for e in read] == list(range(1, 201))
        for stream, answer in zip(streams, answers, strict=True):
            first, second = await store.read_stream(stream)
            assert (first.version, second.version) == (1, 2)
            assert isinstance(answer, Appended)
            assert answer.position == second.position == first.position + 1

    async def test_of_many_decisions_on_one_version_one_wins(self, store: EventStore) -> None:
        stream = new_stream()
        outcomes = await settle(store, [write(stream) for _ in range(40)])
        assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 39
        assert len(await store.read_stream(stream)) == 1

    async def test_nothing_to_do_is_an_answer_at_the_head(self, store: EventStore) -> None:
        key = command()
        await store.append(write(new_stream()))
        assert await store.append(nothing(key, b'{"n":0}')) == Appended(1, b'{"n":0}')
        await store.append(write(new_stream()))
        assert await store.append(nothing(key)) == Appended(1, b'{"n":0}', repeated=True)
        assert (await store.head()).position == 2

    async def test_a_repeated_command_gets_its_first_answer(self, store: EventStore) -> None:
        stream, key = new_stream(), command()
        first = await store.append(write(stream, command=key, answer=b'{"first":true}'))
        await store.append(write(stream, 1))
        again = await store.append(write(stream, 0, command=key, answer=b'{"first":false}'))
        assert again == Appended(first.position, b'{"first":true}', repeated=True)
        assert await store.first_answer(key) == again
        assert len(await store.read_stream(stream)) == 2

    async def test_the_same_command_many_times_at_once_takes_effect_once(
        self, store: EventStore
    ) -> None:
        stream, key = new_stream(), command()
        outcomes = await settle(store, [write(stream, command=key) for _ in range(20)])
        assert sorted(o.repeated for o in outcomes if isinstance(o, Appended)) == (
            [False] + 19 * [True]
        )
        assert len(await store.read_stream(stream)) == 1

    async def test_another_payload_under_the_same_id_is_refused(self, store: EventStore) -> None:
        key = command(payload=b"a")
        other = command(key.id, payload=b"b")
        await store.append(write(new_stream(), command=key))
        with pytest.raises(CommandReused):
            await store.append(write(new_stream(), command=other))
        with pytest.raises(CommandReused):
            await store.first_answer(other)

    async def test_ids_are_scoped_to_the_caller(self, store: EventStore) -> None:
        key = command()
        other = command(key.id, caller="person-2", payload=b"another")
        await store.append(write(new_stream(), command=key))
        assert await store.first_answer(other) is None
        assert not (await store.append(write(new_stream(), command=other))).repeated

    async def test_a_refusal_is_not_kept(self, store: EventStore) -> None:
        stream, key = new_stream(), command()
        with pytest.raises(VersionConflict):
            await store.append(write(stream, 1, command=key))
        assert await store.first_answer(key) is None
        assert not (await store.append(write(stream, 0, command=key))).repeated

    async def test_a_command_older_than_the_retention_is_refused(self, store: EventStore) -> None:
        old = command(new_id(COMMAND_RETENTION_MS + 60_000))
        with pytest.raises(CommandTooOld):
            await store.append(write(new_stream(), command=old))
        with pytest.raises(CommandTooOld):
            await store.first_answer(old)
        young = command(new_id(COMMAND_RETENTION_MS - 60_000))
        await store.append(write(new_stream(), command=young))
        assert await store.first_answer(young) is not None

    async def test_a_nul_is_refused(self, store: EventStore) -> None:
        for how, data in REFUSED_WITH_NUL.items():
            with pytest.raises(NulCharacter):
                await store.append(write(new_stream(), 0, data))
                pytest.fail(how)
        stream = new_stream()
        bad = NewEvent(new_id(), stream, "TaskPlanned", b"{}", Meta("m", "c", "a\x00"))
        with pytest.raises(NulCharacter):
            await store.append(Append((StreamVersion(stream, 0),), (bad,)))

    async def test_what_is_no_json_is_refused(self, store: EventStore) -> None:
        for what, data in NO_JSON.items():
            with pytest.raises(InvalidAppend):
                await store.append(write(new_stream(), 0, data))
                pytest.fail(what)

    async def test_an_event_has_at_most_64_kib(self, store: EventStore) -> None:
        fits = b'"' + b"x" * (MAX_EVENT_BYTES - 2) + b'"'
        stream = new_stream()
        await store.append(write(stream, 0, fits))
        [read] = await store.read_stream(stream)
        assert read.data == fits
        with pytest.raises(EventTooLarge):
            await store.append(write(new_stream(), 0, fits + b" "))

    async def test_an_append_has_at_most_256_events(self, store: EventStore) -> None:
        stream = new_stream()
        await store.append(write(stream, 0, *[b"{}"] * MAX_EVENTS))
        assert len(await store.read_stream(stream)) == MAX_EVENTS
        with pytest.raises(TooManyEvents):
            await store.append(write(new_stream(), 0, *[b"{}"] * (MAX_EVENTS + 1)))

    async def test_a_malformed_append_is_refused(self, store: EventStore) -> None:
        for what, append in MALFORMED.items():
            with pytest.raises(InvalidAppend):
                await store.append(append)
                pytest.fail(what)
        assert (await store.head()).position == 0

    async def test_a_bad_append_harms_none_of_the_others(self, store: EventStore) -> None:
        taken = new_stream()
        await store.append(write(taken))
        bad = [
            write(taken, 0),
            write(new_stream(), 0, rb'"\u0000"'),
            write(new_stream("invoice")),
            write(new_stream(), fence=Fence("scheduler", 7)),
            write(new_stream(), command=command(new_id(COMMAND_RETENTION_MS + 60_000))),
        ]
        good = [write(new_stream(), 0, b"1", b"2") for _ in range(10)]
        mixed = [append for pair in zip(good, bad * 2, strict=True) for append in pair]
        outcomes = await settle(store, mixed)
        assert all(isinstance(outcome, Appended) for outcome in outcomes[::2])
        assert [type(outcome) for outcome in outcomes[1::2]] == 2 * [
            VersionConflict,
            NulCharacter,
            NotAllowed,
            Fenced,
            CommandTooOld,
        ]
        assert [e.position for e in await store.read_all(0)] == list(range(1, 22))

    async def test_a_category_of_another_role_cannot_be_written(self, store: EventStore) -> None:
        a, b = new_stream(), new_stream("invoice")
        with pytest.raises(NotAllowed):
            await store.append(
                Append((StreamVersion(a, 0), StreamVersion(b, 0)), (event(a), event(b)))
            )
        assert (await store.head()).position == 0
        # To look at it is no write.
        await store.append(Append((StreamVersion(a, 0), StreamVersion(b, 0)), (event(a),)))

    async def test_reads_go_on_after_a_place_and_stop_at_a_limit(self, store: EventStore) -> None:
        a, b, c = new_stream(), new_stream("mission"), new_stream()
        for stream, version in [(a, 0), (b, 0), (a, 1), (c, 0), (a, 2), (b, 1)]:
            await store.append(write(stream, version))

        assert [e.version for e in await store.read_stream(a, after=1)] == [2, 3]
        assert [e.version for e in await store.read_stream(a, limit=2)] == [1, 2]
        assert await store.read_stream(a, after=3) == []
        assert [e.position for e in await store.read_all(2)] == [3, 4, 5, 6]
        assert [e.position for e in await store.read_all(2, limit=3)] == [3, 4, 5]
        assert await store.read_all(6) == []
        assert [e.position for e in await store.read_category("task", 0)] == [1, 3, 4, 5]
        assert [e.position for e in await store.read_category("task", 1, limit=2)] == [3, 4]
        assert [e.position for e in await store.read_category("mission", 2)] == [6]

    async def test_a_fence_has_one_holder(self, store: EventStore) -> None:
        fence = await store.take_fence("scheduler", "a", 60_000)
        assert fence is not None
        assert await store.take_fence("scheduler", "b", 60_000) is None
        assert await store.take_fence("scheduler", "a", 60_000) == fence
        assert await store.take_fence("sweeper", "b", 60_000) is not None
        await store.append(write(new_stream(), fence=fence))

    @pytest.mark.parametrize("holder", ["a", "b"], ids=["by the same holder", "by another"])
    async def test_a_fence_that_ran_out_and_is_taken_again_refuses_the_old_token(
        self, store: EventStore, holder: str
    ) -> None:
        old = await store.take_fence("scheduler", "a", 0)
        new = await store.take_fence("scheduler", holder, 60_000)
        assert old is not None
        assert new is not None
        assert new.token > old.token
        with pytest.raises(Fenced):
            await store.append(write(new_stream(), fence=old))
        await store.append(write(new_stream(), fence=new))

    async def test_a_released_fence_can_be_taken_at_once(self, store: EventStore) -> None:
        old = await store.take_fence("scheduler", "a", 60_000)
        assert old is not None
        await store.release_fence(old)
        new = await store.take_fence("scheduler", "b", 60_000)
        assert new is not None
        assert new.token > old.token
        # The old holder's late goodbye changes nothing.
        await store.release_fence(old)
        assert await store.take_fence("scheduler", "c", 60_000) is None

    async def test_a_fence_that_nobody_took_refuses(self, store: EventStore) -> None:
        with pytest.raises(Fenced):
            await store.append(write(new_stream(), fence=Fence("scheduler", 1)))

    async def test_a_repeated_command_is_answered_past_the_fence(self, store: EventStore) -> None:
        key = command()
        old = await store.take_fence("scheduler", "a", 0)
        first = await store.append(write(new_stream(), command=key, fence=old))
        await store.take_fence("scheduler", "b", 60_000)
        again = await store.append(write(new_stream(), command=key, fence=old))
        assert again == Appended(first.position, b"", repeated=True)
