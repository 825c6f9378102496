"""Appends that travel together, and what may happen to them on their way."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hive_shared.eventstore.admission import Admitted
from hive_shared.eventstore.errors import (
    EventTooLarge,
    InvalidAppend,
    NulCharacter,
    StoreUnavailable,
    TooManyEvents,
    VersionConflict,
)
from hive_shared.eventstore.groupcommit import GroupCommit
from hive_shared.eventstore.pool import open_pool
from hive_shared.eventstore.port import Append, Appended
from hive_shared.eventstore.postgres import PostgresEventStore, open_postgres_store
from hive_shared.eventstore.statement import send
from tests.conftest import Database
from tests.suites.eventstore import command, new_stream, nothing, settle, write


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(database.url("orchestrator"), 4)
    yield pool
    await pool.close()


def unchecked(append: Append, meta: bytes = b"{}") -> Admitted:
    """As a process would send it that does not look at its appends."""
    return Admitted(append, [meta] * len(append.events), 0)


UNCHECKED = {
    "no JSON": (unchecked(write(new_stream(), 0, b"{")), InvalidAppend),
    "no UTF-8": (unchecked(write(new_stream(), 0, b'"\xff"')), InvalidAppend),
    "a raw NUL": (unchecked(write(new_stream(), 0, b'"\x00"')), InvalidAppend),
    "an escaped NUL": (unchecked(write(new_stream(), 0, rb'"\\\u0000"')), NulCharacter),
    "a NUL in meta": (unchecked(write(new_stream()), rb'{"a":"\u0000"}'), NulCharacter),
    "too large": (unchecked(write(new_stream(), 0, b'"' + b"x" * 65_536 + b'"')), EventTooLarge),
    "too many": (unchecked(write(new_stream(), 0, *[b"1"] * 257)), TooManyEvents),
    "a stream that is none": (unchecked(write("task.a-b")), InvalidAppend),
    "a long stream": (unchecked(write("task-" + "a" * 200)), InvalidAppend),
    "a command id that is none": (unchecked(nothing(command("x" * 32))), InvalidAppend),
    "a long answer": (unchecked(nothing(command(), b"x" * 8193)), InvalidAppend),
}


async def test_the_database_itself_refuses_what_is_malformed_and_only_that(
    pool: asyncpg.Pool,
) -> None:
    commits = GroupCommit(pool, None)
    for what, (bad, refusal) in UNCHECKED.items():
        batch = [unchecked(write(new_stream())), bad, unchecked(write(new_stream()))]
        outcomes = await asyncio.gather(*map(commits.append, batch), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Appended, refusal, Appended], what
    assert await pool.fetchval("select max(position) from hive.events") == 2 * len(UNCHECKED)


async def test_text_about_a_nul_can_be_queried(
    store: PostgresEventStore, admin: asyncpg.Connection
) -> None:
    await store.append(write(new_stream(), 0, rb'{"a":"\\u0000 and \\\\u0000"}'))
    found = await admin.fetchval("select data::jsonb ->> 'a' from hive.events")
    assert found == r"\u0000 and \\u0000"


async def test_the_same_command_twice_in_one_batch_is_refused_by_the_database(
    pool: asyncpg.Pool,
) -> None:
    twice = unchecked(write(new_stream(), command=command()))
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await send(connection, [twice, twice])
    assert caught.value.sqlstate == "H0005"


async def test_appends_of_one_turn_share_a_commit(
    store: PostgresEventStore, admin: asyncpg.Connection
) -> None:
    await settle(store, [write(new_stream()) for _ in range(16)])
    commits = "select count(distinct xmin::text), count(distinct recorded_at) from hive.events"
    assert tuple(await admin.fetchrow(commits)) == (1, 1)


async def test_an_append_sees_those_before_it_in_its_batch(store: PostgresEventStore) -> None:
    stream = new_stream()
    batch = [write(stream, version) for version in (0, 1, 1, 2)]
    outcomes = await settle(store, batch)
    assert [type(o) for o in outcomes] == [Appended, Appended, VersionConflict, Appended]


async def test_wake_ups_tell_the_last_position_and_only_of_news(database: Database) -> None:
    told: list[int] = []
    async with open_postgres_store(database.url("orchestrator"), on_appended=told.append) as store:
        stream, key = new_stream(), command()
        await store.append(write(stream, 0, b"1", b"2", command=key))
        assert told == [2]
        await store.append(write(stream, 0, command=key))
        await settle(store, [write(stream, 0), nothing(command())])
        assert told == [2]
        await settle(store, [write(new_stream()), write(stream, 0)])
        assert told == [2, 3]


async def test_a_cancelled_caller_leaves_the_others_alone(store: PostgresEventStore) -> None:
    stream = new_stream()
    gone = asyncio.create_task(store.append(write(stream)))
    others = [asyncio.create_task(store.append(write(new_stream()))) for _ in range(5)]
    await asyncio.sleep(0)
    gone.cancel()
    assert len(await asyncio.gather(*others)) == 5
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_appends_on_their_way_are_answered_before_the_store_closes(
    database: Database,
) -> None:
    async with open_postgres_store(database.url("orchestrator")) as store:
        appends = [asyncio.create_task(store.append(write(new_stream()))) for _ in range(50)]
        await asyncio.sleep(0)
    assert {type(answer) for answer in await asyncio.gather(*appends)} == {Appended}


async def test_two_processes_leave_dense_positions_in_commit_order(
    store: PostgresEventStore, database: Database
) -> None:
    async with open_postgres_store(database.url("orchestrator")) as other:
        appends = [write(new_stream(), 0, b"1", b"2") for _ in range(200)]
        await asyncio.gather(settle(store, appends[::2]), settle(other, appends[1::2]))
    read = await store.read_all(0)
    assert [event.position for event in read] == list(range(1, 401))
    times = [event.recorded_at for event in read]
    assert times == sorted(times)


async def test_a_lost_connection_is_said_and_healed(
    store: PostgresEventStore, admin: asyncpg.Connection
) -> None:
    stream, key = new_stream(), command()
    await store.append(write(new_stream()))
    # The append waits for this lock, so that it is certain to be at the server.
    await admin.execute("select pg_advisory_lock(1751742053)")
    cut_off = asyncio.create_task(store.append(write(stream, command=key)))
    while not await admin.fetchval("select count(*) from pg_locks where not granted"):
        await asyncio.sleep(0)
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and usename = 'hive_orchestrator'"
    )
    with pytest.raises(StoreUnavailable):
        await cut_off
    await admin.execute("select pg_advisory_unlock(1751742053)")

    await store.append(write(stream, command=key))
    assert len(await store.read_stream(stream)) == 1
    assert (await store.head()).position == 2


async def test_while_nobody_can_connect_the_store_is_unavailable(
    store: PostgresEventStore, admin: asyncpg.Connection, database: Database
) -> None:
    name = database.admin_url.rsplit("/", 1)[1]
    await admin.execute(f"alter database {name} with connection limit 0")
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and usename = 'hive_orchestrator'"
    )
    outcomes = await settle(store, [write(new_stream()) for _ in range(40)])
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    with pytest.raises(StoreUnavailable):
        await store.read_all(0)

    await admin.execute(f"alter database {name} with connection limit -1")
    outcomes = await settle(store, [write(new_stream()) for _ in range(40)])
    assert {type(outcome) for outcome in outcomes} == {Appended}


async def test_a_database_without_tables_is_unavailable(empty_database: Database) -> None:
    async with open_postgres_store(empty_database.url("orchestrator")) as store:
        with pytest.raises(StoreUnavailable, match="hive"):
            await store.append(write(new_stream()))


async def test_a_snapshot_from_before_the_lock_is_not_judged_on(
    database: Database, pool: asyncpg.Pool
) -> None:
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        with pytest.raises(asyncpg.PostgresError, match="READ COMMITTED"):
            await send(connection, [unchecked(write(new_stream()))])


async def test_a_snapshot_held_open_stops_nobody(
    store: PostgresEventStore, admin: asyncpg.Connection
) -> None:
    stream = new_stream()
    await store.append(write(stream))
    async with admin.transaction(isolation="repeatable_read"):
        assert await admin.fetchval("select count(*) from hive.events") == 1
        for version in range(1, 30):
            await store.append(write(stream, version))
        assert await admin.fetchval("select count(*) from hive.events") == 1
    assert (await store.head()).position == 30
