import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.service.traces.collector import Collector
from tests.system.hive import RealHive, open_folder, running


class StartHive(Protocol):
    def __call__(self, endpoint: str, **settings: str) -> RealHive: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().listening() as listening:
        yield listening


@pytest.fixture
def start_hive(request: pytest.FixtureRequest) -> Iterator[StartHive]:
    """`start_hive(endpoint)`: a hive of real processes that sends its traces there."""
    with open_folder("traces", request.session) as folder, ExitStack() as started:

        def start(endpoint: str, **settings: str) -> RealHive:
            hive = RealHive(folder, HIVE_OTLP_ENDPOINT=endpoint, **settings)
            return started.enter_context(running(hive))

        yield start


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    path = tmp_path / "repository"
    path.mkdir()
    (path / "README").write_text("Nothing yet.\n")
    for arguments in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "Begin"),
    ):
        subprocess.run(["git", *arguments], cwd=path, check=True)
    return path
