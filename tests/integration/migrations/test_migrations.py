"""Numbered migrations of the log and of the services."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from hive_shared.migrations import (
    HIVE,
    ChangedMigration,
    MigrationError,
    MigrationFailed,
    MisnumberedMigration,
    Schema,
    migrate,
    service_schema,
)
from tests.conftest import Database


def gateway(folder: Path, *files: str) -> Schema:
    """Migrations of the gateway, numbered from 1: what each of the files does."""
    for number, sql in enumerate(files, start=1):
        (folder / f"{number:04}_step.sql").write_text(sql)
    return Schema("gateway", "hive_gateway", folder)


async def fetch(database: Database, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database.admin_url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(sql)
        return rows
    finally:
        await connection.close()


async def test_migrations_are_applied_once_and_in_order(
    empty_database: Database, tmp_path: Path
) -> None:
    steps = gateway(tmp_path, "create table views (n int)", "insert into views values (1)")
    applied = await migrate(empty_database.admin_url, [steps])
    log = [f"hive/{path.stem}" for path in sorted(HIVE.folder.glob("*.sql"))]
    assert applied == [*log, "gateway/0001_step", "gateway/0002_step"]
    assert await migrate(empty_database.admin_url, [steps]) == []

    gateway(tmp_path, "create table views (n int)", "insert into views values (1)", "select 1")
    assert await migrate(empty_database.admin_url, [steps]) == ["gateway/0003_step"]
    assert len(await fetch(empty_database, "select n from gateway.views")) == 1


async def test_many_processes_may_migrate_at_once(empty_database: Database, tmp_path: Path) -> None:
    steps = gateway(tmp_path, "create table views (n int)", "insert into views values (1)")
    runs = await asyncio.gather(*(migrate(empty_database.admin_url, [steps]) for _ in range(5)))
    assert sorted(map(len, runs)) == [0, 0, 0, 0, len(max(runs, key=len))]
    assert len(await fetch(empty_database, "select n from gateway.views")) == 1


async def test_an_applied_migration_must_not_change(
    empty_database: Database, tmp_path: Path
) -> None:
    await migrate(empty_database.admin_url, [gateway(tmp_path, "select 1")])
    with pytest.raises(ChangedMigration, match="gateway/0001_step"):
        await migrate(empty_database.admin_url, [gateway(tmp_path, "select 2")])


async def test_of_a_failed_migration_nothing_is_kept(
    empty_database: Database, tmp_path: Path
) -> None:
    bad = gateway(tmp_path, "select 1", "create table views (n int); select 1 / 0")
    with pytest.raises(MigrationFailed, match=r"gateway/0002_step: division by zero"):
        await migrate(empty_database.admin_url, [bad])
    assert (
        await fetch(empty_database, "select where to_regclass('gateway.views') is not null") == []
    )
    mended = gateway(tmp_path, "select 1", "create table views (n int)")
    assert await migrate(empty_database.admin_url, [mended]) == ["gateway/0002_step"]


async def test_an_older_release_leaves_a_newer_database_alone(
    empty_database: Database, tmp_path: Path
) -> None:
    newer = gateway(tmp_path, "select 1", "select 2")
    await migrate(empty_database.admin_url, [newer])
    (tmp_path / "0002_step.sql").unlink()
    assert await migrate(empty_database.admin_url, [newer]) == []


async def test_what_a_service_makes_is_its_own_and_in_its_own_schema(
    empty_database: Database, tmp_path: Path
) -> None:
    await migrate(empty_database.admin_url, [gateway(tmp_path, "create table views (n int)")])
    [table] = await fetch(
        empty_database,
        "select schemaname, tableowner from pg_tables where tablename = 'views'",
    )
    assert tuple(table) == ("gateway", "hive_gateway")
    elsewhere = gateway(tmp_path, "create table views (n int)", "create table hive.mine (n int)")
    with pytest.raises(MigrationFailed, match="permission denied for schema hive"):
        await migrate(empty_database.admin_url, [elsewhere])


@pytest.mark.parametrize(
    "names",
    [["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["1_a.sql"], ["0001-a.sql"]],
    ids=["a gap", "a number twice", "a short number", "no underscore"],
)
async def test_misnumbered_migrations_are_refused_before_anything_is_done(
    empty_database: Database, tmp_path: Path, names: list[str]
) -> None:
    for name in names:
        (tmp_path / name).write_text("select 1")
    with pytest.raises(MisnumberedMigration, match=r"_name\.sql"):
        await migrate(empty_database.admin_url, [gateway(tmp_path)])
    assert await fetch(empty_database, "select where to_regnamespace('hive') is not null") == []


def test_a_services_migrations_are_found_without_importing_it() -> None:
    found = service_schema("orchestrator")
    assert (found.name, found.role) == ("orchestrator", "hive_orchestrator")
    assert found.folder.name == "sql"
    with pytest.raises(MigrationError, match="hive_nobody is not installed"):
        service_schema("nobody")
