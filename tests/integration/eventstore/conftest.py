from collections.abc import AsyncIterator

import pytest

from hive_shared.eventstore.postgres import PostgresEventStore, open_postgres_store
from tests.conftest import Database


@pytest.fixture
async def store(database: Database) -> AsyncIterator[PostgresEventStore]:
    async with open_postgres_store(database.url("orchestrator")) as store:
        yield store
