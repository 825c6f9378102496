import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hive_github.testing import GitHub
from hive_stack.ports import free_port
from tests.service.traces.collector import Collector
from tests.service.traces.test_pull_request import SCRIBE
from tests.suites.connected import connect
from tests.system.hive import RealHive


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().listening() as listening:
        yield listening


@pytest.fixture
def door() -> int:
    """Where the hive takes alerts."""
    return free_port()


@pytest.fixture
def hive(collector: Collector, door: int) -> Iterator[RealHive]:
    """A hive of real processes that sends its traces to the collector, connected to a test GitHub,
    with an agent `scribe`."""
    folder = Path(tempfile.mkdtemp(prefix="hive-observed-"))
    # PostgreSQL's account must pass through.
    folder.chmod(0o755)
    with GitHub() as github:
        hive = RealHive(
            folder,
            HIVE_OTLP_ENDPOINT=collector.endpoint,
            HIVE_GITHUB_URL=github.url,
            HIVE_ALERTS_PORT=str(door),
            HIVE_COUNT_EVERY="2",
            HIVE_PROFILES=json.dumps({"scribe": SCRIBE}),
        )
        hive.stack.up()
        github.repository("acme/shop")
        connect(hive, github)
        yield hive
        hive.stack.down()
    shutil.rmtree(folder)
