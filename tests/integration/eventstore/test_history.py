"""No service can change what happened, or write what is another's."""

from itertools import chain

import asyncpg
import pytest

from hive_contracts.codec import event_types
from hive_shared.eventstore.errors import NotAllowed, StoreUnavailable
from hive_shared.eventstore.postgres import PostgresEventStore, open_postgres_store
from tests.conftest import Database
from tests.suites.eventstore import new_stream, write

WRITES = {
    "orchestrator": {"mission", "task", "runner"},
    "github": {"repository", "pull_request", "issue", "check", "delivery"},
    "health": {"capacity", "incident", "policy"},
    "gateway": set[str](),
    "relay": set[str](),
}
"""The categories of which each service may write streams."""
CATEGORIES = sorted({category for category, _ in event_types()})
"""All that there are."""
SERVICES = tuple(WRITES)

CHANGES = {
    "update": "update hive.events set data = '{}'",
    "delete": "delete from hive.events",
    "truncate": "truncate hive.events",
    "update a partition": "update hive.events_000000 set data = '{}'",
    "delete from a partition": "delete from hive.events_000000",
    "truncate a partition": "truncate hive.events_000000",
    "rename the past": "update hive.log_ids set id = 'x'",
    "forget the past": "truncate hive.log_ids",
}
WAYS_ROUND = {
    "insert": "insert into hive.events select * from hive.events",
    "move a stream": "update hive.streams set version = 0",
    "forget an answer": "delete from hive.commands",
    "grant a category": "insert into hive.writers values ('hive_gateway', 'task')",
    "take over a fence": "update hive.fences set token = token + 1",
    "drop": "drop table hive.events",
    "drop a partition": "drop table hive.events_000000",
    "detach a partition": "alter table hive.events detach partition hive.events_000000",
    "disable the trigger": "alter table hive.events disable trigger append_only",
    "replace the trigger": "create or replace function hive.refuse_change() returns trigger"
    " language plpgsql as 'begin return new; end'",
    "become the owner": "set role hive_owner",
    "log in as the owner": "set session authorization hive_owner",
    "skip triggers": "set session_replication_role = replica",
    "make something of its own": "create table hive.mine (n int)",
    "say that a migration ran": "insert into hive.migrations values ('hive', 99, 'x', 'x')",
}


@pytest.mark.parametrize("service", SERVICES)
async def test_no_service_can_change_history(
    store: PostgresEventStore, database: Database, service: str
) -> None:
    await store.append(write(new_stream()))
    before = await store.read_all(0)
    connection = await asyncpg.connect(database.url(service))
    try:
        for sql in [*CHANGES.values(), *WAYS_ROUND.values()]:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
                pytest.fail(f"{service}: {sql}")
    finally:
        await connection.close()
    assert await store.read_all(0) == before


@pytest.mark.parametrize(
    "become",
    ["set role hive_owner", "reset role", "set session_replication_role = replica"],
    ids=["the owner", "the superuser", "a replica"],
)
async def test_nobody_changes_history_by_a_plain_statement(
    store: PostgresEventStore, admin: asyncpg.Connection, become: str
) -> None:
    await store.append(write(new_stream()))
    before = await store.read_all(0)
    await admin.execute(become)
    for sql in CHANGES.values():
        with pytest.raises(asyncpg.PostgresError, match="is append-only"):
            await admin.execute(sql)
            pytest.fail(sql)
    assert await store.read_all(0) == before


async def test_the_owner_cannot_log_in(admin: asyncpg.Connection) -> None:
    assert not await admin.fetchval("select rolcanlogin from pg_roles where rolname = 'hive_owner'")
    members = "select count(*) from pg_auth_members where roleid = 'hive_owner'::regrole"
    assert await admin.fetchval(members) == 0


def test_every_category_has_one_writer() -> None:
    assert sorted(chain.from_iterable(WRITES.values())) == CATEGORIES


@pytest.mark.parametrize("service", WRITES)
async def test_each_role_writes_its_own_categories_only(
    store: PostgresEventStore, database: Database, service: str
) -> None:
    may = set()
    async with open_postgres_store(database.url(service)) as own:
        for category in [*CATEGORIES, service, "invoice"]:
            try:
                await own.append(write(new_stream(category)))
            except NotAllowed:
                continue
            may.add(category)
    assert may == WRITES[service]
    assert len(await store.read_all(0)) == len(may)


async def test_fences_of_one_role_are_not_anothers(
    store: PostgresEventStore, database: Database, admin: asyncpg.Connection
) -> None:
    await admin.execute("grant execute on function hive.take_fence to hive_github")
    fence = await store.take_fence("scheduler", "a", 60_000)
    async with open_postgres_store(database.url("github")) as github:
        assert await github.take_fence("scheduler", "b", 60_000) is not None
    await store.append(write(new_stream(), fence=fence))


async def test_functions_of_a_service_are_not_called_in_place_of_postgresqls(
    database: Database,
) -> None:
    connection = await asyncpg.connect(database.url("orchestrator"))
    try:
        await connection.execute(
            """
            create function orchestrator.split_part(text, text, integer) returns text
                language sql immutable as $$ select 'task' $$;
            set search_path = orchestrator, pg_catalog;
            """
        )
        pool = await asyncpg.create_pool(
            database.url("orchestrator"),
            min_size=1,
            max_size=2,
            server_settings={"search_path": "orchestrator, pg_catalog"},
            init=_exact_json,
        )
        with pytest.raises(NotAllowed):
            await PostgresEventStore(pool).append(write(new_stream("invoice")))
        await pool.close()
    finally:
        await connection.close()


async def _exact_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )


async def test_a_service_keeps_tables_in_its_own_schema_only(database: Database) -> None:
    connection = await asyncpg.connect(database.url("gateway"))
    try:
        await connection.execute("create table gateway.mine (n int); drop table gateway.mine")
        for schema in ("hive", "orchestrator", "github", "health", "public"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"create table {schema}.mine (n int)")
    finally:
        await connection.close()


async def test_a_login_without_its_password_is_refused(database: Database) -> None:
    url = database.url("gateway").replace(database.passwords["gateway"], "wrong")
    with pytest.raises(StoreUnavailable, match="password"):
        async with open_postgres_store(url):
            pass
