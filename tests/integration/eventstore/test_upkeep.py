"""What the relay does for the log: its history's id, old answers, the nightly check."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hive_shared.eventstore.errors import CommandTooOld
from hive_shared.eventstore.postgres import PostgresEventStore
from tests.conftest import Database
from tests.suites.eventstore import command, new_id, new_stream, settle, write

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
async def relay(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url("relay"))
    yield connection
    await connection.close()


async def test_a_new_history_has_a_new_id(
    store: PostgresEventStore, relay: asyncpg.Connection
) -> None:
    before = await store.head()
    renewed = await relay.fetchval("select hive.renew_log_id($1)", before.log_id)
    after = await store.head()
    assert after.log_id == renewed != before.log_id
    assert after.position == before.position


async def test_who_saw_an_older_history_renews_nothing(
    store: PostgresEventStore, database: Database
) -> None:
    seen = (await store.head()).log_id
    relays = [await asyncpg.connect(database.url("relay")) for _ in range(4)]
    renewed = await asyncio.gather(
        *(relay.fetchval("select hive.renew_log_id($1)", seen) for relay in relays)
    )
    for relay in relays:
        await relay.close()
    assert len(set(renewed)) == 1
    assert (await store.head()).log_id == renewed[0] != seen


async def test_answers_are_kept_for_the_retention_and_then_purged(
    store: PostgresEventStore, relay: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    young = command(new_id(29 * DAY_MS))
    await store.append(write(new_stream(), command=young, answer=b"1"))
    old = [new_id(32 * DAY_MS) for _ in range(5)]
    for id in old:
        await admin.execute("insert into hive.commands values ($1, 'a', '', 1, '')", id)

    assert await relay.fetchval("select hive.purge_commands(3)") == 3
    assert await relay.fetchval("select hive.purge_commands(3)") == 2
    assert await relay.fetchval("select hive.purge_commands(3)") == 0
    answer = await store.first_answer(young)
    assert answer is not None
    assert answer.answer == b"1"
    # What was purged was refused before, so it cannot take effect twice.
    for id in old:
        with pytest.raises(CommandTooOld):
            await store.append(write(new_stream(), command=command(id)))


async def test_the_check_finds_nothing_in_a_whole_log(
    store: PostgresEventStore, relay: asyncpg.Connection
) -> None:
    assert await relay.fetch("select * from hive.check_streams()") == []
    stream = new_stream()
    await settle(store, [write(stream, version, b"1", b"2") for version in range(0, 20, 2)])
    await settle(store, [write(new_stream()) for _ in range(20)])
    assert await relay.fetch("select * from hive.check_streams()") == []


def _copy(position: int, version: int) -> str:
    return f"""
        insert into hive.events
        select {position}, stream, {version}, category, id, type, data, meta, recorded_at
        from hive.events where position = 1
    """


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (_copy(3, 2), "a version is there twice"),
        (_copy(3, 4), "versions are missing"),
        (_copy(3, 3), "hive.streams says another version"),
        (_copy(4, 3), "positions are not dense"),
        ("update hive.streams set version = 9", "hive.streams says another version"),
    ],
    ids=["a version twice", "a version missing", "a version unknown", "a hole", "a moved stream"],
)
async def test_the_check_finds_what_is_damaged(
    store: PostgresEventStore,
    relay: asyncpg.Connection,
    admin: asyncpg.Connection,
    damage: str,
    fault: str,
) -> None:
    await store.append(write(new_stream(), 0, b"1", b"2"))
    await admin.execute(damage)
    found = [row["fault"] for row in await relay.fetch("select * from hive.check_streams()")]
    assert fault in found
