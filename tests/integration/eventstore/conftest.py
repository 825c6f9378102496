from collections.abc import AsyncIterator

import asyncpg
import pytest

from hive_shared.eventstore.postgres import PostgresEventStore, open_postgres_store
from tests.conftest import Database


@pytest.fixture
async def store(database: Database) -> AsyncIterator[PostgresEventStore]:
    async with open_postgres_store(database.url("orchestrator")) as store:
        yield store


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The server's superuser, in this test's database."""
    connection = await asyncpg.connect(database.admin_url)
    yield connection
    await connection.close()
