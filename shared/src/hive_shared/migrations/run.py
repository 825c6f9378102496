"""Applies migrations over one connection of the administrator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg

from hive_shared.migrations.files import (
    HIVE,
    ChangedMigration,
    Migration,
    MigrationFailed,
    Schema,
    migrations_of,
)

_BOOTSTRAP: Final = (Path(__file__).parent / "bootstrap.sql").read_text()
_LOCK: Final = 1751742055


async def migrate(admin_url: str, schemas: Sequence[Schema] = ()) -> list[str]:
    """Bring the log's schema and then these up to date; answers the names of what was applied.

    Migrations that the database has and this code does not know are left alone: a newer release
    has been here. Raises MigrationError, and what asyncpg raises where it cannot connect.
    """
    planned = [(schema, migrations_of(schema)) for schema in (HIVE, *schemas)]
    connection = await asyncpg.connect(admin_url)
    try:
        # Of the session, so that it outlasts the transactions; it ends with the connection.
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(_BOOTSTRAP)
        return [
            name
            for schema, migrations in planned
            for name in await _bring_up_to_date(connection, schema, migrations)
        ]
    finally:
        await connection.close()


async def _bring_up_to_date(
    connection: asyncpg.Connection, schema: Schema, migrations: list[Migration]
) -> list[str]:
    rows = await connection.fetch(
        "select number, checksum from hive.migrations where schema = $1", schema.name
    )
    applied = {row["number"]: row["checksum"] for row in rows}
    fresh = []
    for migration in migrations:
        if migration.number not in applied:
            await _apply(connection, schema, migration)
            fresh.append(f"{schema.name}/{migration.name}")
        elif applied[migration.number] != migration.checksum:
            raise ChangedMigration(
                f"{schema.name}/{migration.name} was applied and has changed since: "
                "put it back and add another migration"
            )
    return fresh


async def _apply(connection: asyncpg.Connection, schema: Schema, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f'set local role "{schema.role}"')
            await connection.execute(f'set local search_path = "{schema.name}"')
            await connection.execute(migration.sql)
            await connection.execute("reset role")
            await connection.execute(
                "insert into hive.migrations (schema, number, name, checksum)"
                " values ($1, $2, $3, $4)",
                schema.name,
                migration.number,
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as error:
        raise MigrationFailed(f"{schema.name}/{migration.name}: {error}") from error
