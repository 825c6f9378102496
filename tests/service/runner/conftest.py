from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.runner.workshop import Source, new_nap
from tests.service.runner.hive import Hive, write_token
from tests.service.runner.process import RunnerProcess


@pytest.fixture
async def hive() -> AsyncIterator[Hive]:
    hive = Hive()
    await hive.start()
    yield hive
    await hive.stop()


@pytest.fixture
def source(tmp_path: Path) -> Source:
    source = Source(tmp_path / "their" / "repo")
    source.commit({"README": "hello\n"})
    return source


@pytest.fixture
async def runner(hive: Hive, tmp_path: Path) -> AsyncIterator[RunnerProcess]:
    """A runner's process; a test starts it."""
    data = tmp_path / "data"
    write_token(data / "secrets" / "runner.token")
    runner = RunnerProcess(data, hive.port)
    yield runner
    await runner.kill()


@pytest.fixture
def nap() -> str:
    return new_nap()
