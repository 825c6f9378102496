from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Database, NatsAccount
from tests.suites.gateway import Gateway, ScriptedOrchestrator, gateway_settings, scripted
from tests.suites.gateway import gateway as running_gateway


@pytest.fixture
async def orchestrator(
    database: Database, nats: NatsAccount
) -> AsyncIterator[ScriptedOrchestrator]:
    async with scripted(database, nats) as playing:
        yield playing


@pytest.fixture
async def gateway(
    orchestrator: ScriptedOrchestrator, database: Database, nats: NatsAccount, tmp_path: Path
) -> AsyncIterator[Gateway]:
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with running_gateway(settings) as running:
        yield running
