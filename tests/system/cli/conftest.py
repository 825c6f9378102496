import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli.main import main
from tests.component.client.repositories import commit, make_repository
from tests.system.hive import RealHive, open_folder, running

AGENT = "cat >> asked.txt"
"""Does what an agent does: it reads its prompt and changes the repository."""

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def module_hive(request: pytest.FixtureRequest) -> Iterator[RealHive]:
    """One for the whole module: its tests use repositories of their own."""
    profiles = {"qa-test-guardian": {"command": ["sh", "-c", AGENT]}}
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    with open_folder("cli", request.session) as folder:
        hive = RealHive(folder, HIVE_PROFILES=json.dumps(profiles), PATH=path)
        with running(hive):
            yield hive


@pytest.fixture
def hive(module_hive: RealHive, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("HIVE_DATA", str(module_hive.data))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return run


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = make_repository(tmp_path / "app")
    commit(path, ".hive/repo.yaml", "gates: {good: test ! -e bad.txt}\n")
    monkeypatch.chdir(path)
    return path


def end_of(hive: RealHive, mission: str) -> str:
    async def watch() -> str:
        status = ""
        async with hive.client() as client:
            async for change in client.watch(mission):
                status = change.mission.summary.status
        return status

    return asyncio.run(watch())
