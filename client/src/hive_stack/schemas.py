"""The database's schemas and logins: every installed service's migrations, and passwords."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg

from hive_shared.migrations import Schema, migrate, service_schema

WITH_SCHEMA: Final = ("orchestrator", "gateway", "github", "health")
LOGINS: Final = (*WITH_SCHEMA, "relay")


def role_name(service: str) -> str:
    return f"hive_{service}"


def installed_schemas() -> list[Schema]:
    """The schemas of the services that are installed here and keep tables."""
    return [service_schema(service) for service in WITH_SCHEMA if _brings_tables(service)]


async def prepare(admin_url: str, passwords: Mapping[str, str]) -> list[str]:
    """Bring a database up to date and set the services' passwords; names what was applied.

    Raises what `hive_shared.migrations.migrate` raises.
    """
    applied = await migrate(admin_url, installed_schemas())
    connection = await asyncpg.connect(admin_url)
    try:
        for service, password in passwords.items():
            # ALTER ROLE takes no parameters, so the server quotes the text itself.
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
            await connection.execute(f"ALTER ROLE {role_name(service)} PASSWORD {quoted}")
    finally:
        await connection.close()
    return applied


def _brings_tables(service: str) -> bool:
    spec = importlib.util.find_spec(f"hive_{service}")
    return (
        spec is not None and spec.origin is not None and (Path(spec.origin).parent / "sql").is_dir()
    )
