"""`hive bench eventstore`: two-event appends at 1, 16 and 64 callers.

Every append creates its stream, carries a command id, and is durable before it is answered. The
limit is what the same rows cost without a store: plain batched inserts into a table with the same
columns and indexes, from one connection, in batches of as many appends as there are callers.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from hive_bench.result import BenchRefused, CaseResult, result
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.ids import uuid7
from hive_shared.eventstore.port import Append, CommandKey, StreamVersion
from hive_shared.eventstore.postgres import PostgresEventStore, open_postgres_store
from hive_shared.migrations import migrate

CALLERS: Final = (1, 16, 64)
SECONDS: Final = 5.0
"""How long each case is measured; a tenth of it goes before, unmeasured."""

_DATA: Final = (
    b'{"task":"018f3a1e6c5d7b2a9c4e8f0a1b2c3d4e","epoch":1,"runner":"' + b"r" * 190 + b'"}'
)
_LIMIT_TABLE: Final = """
    create unlogged table plain (position bigint, stream text collate "C", version bigint,
        category text collate "C", id text, type text, data json, meta json,
        recorded_at timestamptz default clock_timestamp());
    alter table plain set logged;
    create unique index on plain (position);
    create index on plain (stream, version);
    create index on plain (category, position)
"""
_LIMIT_INSERT: Final = """
    insert into plain (position, stream, version, category, id, type, data, meta)
    select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[],
        $6::text[], $7::json[], $8::json[])
"""


async def run(
    admin_url: str, *, callers: Sequence[int] = CALLERS, seconds: float = SECONDS
) -> list[CaseResult]:
    """Measure in a database and by a login of its own, both dropped afterwards.

    Raises BenchRefused where fsync or synchronous_commit is off.
    """
    results = []
    async with scratch_database(admin_url) as (owner_url, service_url):
        for number in callers:
            limit = await _plain_inserts(owner_url, number, seconds)
            async with open_postgres_store(service_url) as store:
                await _appends(store, number, seconds / 10)
                durations = await _appends(store, number, seconds)
            rate = 2 * len(durations) / seconds
            case = f"two-event appends, {number} caller{'s' if number > 1 else ''}"
            results.append(result("eventstore", case, rate, "events/s", durations, limit))
    return results


async def _appends(store: PostgresEventStore, callers: int, seconds: float) -> list[float]:
    durations: list[float] = []
    until = time.perf_counter() + seconds

    async def call() -> None:
        while (began := time.perf_counter()) < until:
            await store.append(_two_events())
            durations.append(time.perf_counter() - began)

    await asyncio.gather(*(call() for _ in range(callers)))
    return durations


def _new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def _two_events() -> Append:
    command, stream = _new_id(), f"task-{_new_id()}"
    meta = Meta(correlation=command, causation=command, actor="bench")
    return Append(
        expected=(StreamVersion(stream, 0),),
        events=(
            NewEvent(_new_id(), stream, "TaskPlanned", _DATA, meta),
            NewEvent(_new_id(), stream, "TaskLeased", _DATA, meta),
        ),
        command=CommandKey("bench", command, sha256(command.encode()).digest()),
        answer=b"{}",
    )


async def _plain_inserts(owner_url: str, appends: int, seconds: float) -> float:
    """Rows a second of plain inserts, each of the rows of this many appends."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute("drop table if exists plain")
        await connection.execute(_LIMIT_TABLE)
        meta = '{"correlation":"%s","causation":"%s","actor":"bench"}'
        position = 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            ids = [_new_id() for _ in range(2 * appends)]
            await connection.execute(
                _LIMIT_INSERT,
                range(position, position + len(ids)),
                [f"task-{id}" for id in ids],
                [1] * len(ids),
                ["task"] * len(ids),
                ids,
                ["TaskPlanned"] * len(ids),
                [_DATA.decode()] * len(ids),
                [meta % (id, id) for id in ids],
            )
            position += len(ids)
        return position / (time.perf_counter() - began)
    finally:
        await connection.close()


@asynccontextmanager
async def scratch_database(admin_url: str) -> AsyncIterator[tuple[str, str]]:
    """The administrator's and the writer's URL of a migrated database for this run."""
    name = f"hive_bench_{os.urandom(6).hex()}"
    password = os.urandom(16).hex()
    admin = await asyncpg.connect(admin_url)
    try:
        await _refuse_unsafe(admin)
        await admin.execute(f"create database {name}")
        try:
            owner_url = changed_url(admin_url, database=name)
            await migrate(owner_url)
            await _make_writer(owner_url, name, password)
            yield owner_url, changed_url(owner_url, login=f"{name}:{password}")
        finally:
            await admin.execute(f"drop database {name} with (force)")
            await admin.execute(f"drop role if exists {name}")
    finally:
        await admin.close()


async def _make_writer(owner_url: str, role: str, password: str) -> None:
    """A login with the orchestrator's rights, so that nobody else's password need change."""
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(
            f"create role {role} login password '{password}' in role hive_orchestrator"
        )
        await owner.execute("insert into hive.writers values ($1, 'task')", role)
    finally:
        await owner.close()


async def _refuse_unsafe(connection: asyncpg.Connection) -> None:
    for setting in ("fsync", "synchronous_commit"):
        if await connection.fetchval("select current_setting($1)", setting) == "off":
            raise BenchRefused(
                f"{setting} is off: what an append costs would not be measured",
                "postgresql.conf",
                "turn it on",
            )


def changed_url(url: str, *, login: str = "", database: str = "") -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(
            netloc=f"{login}@{place}" if login else parts.netloc,
            path=f"/{database}" if database else parts.path,
        )
    )
