import json
from collections.abc import Iterator

import pytest

from hive_github.testing import GitHub
from hive_stack.ports import free_port
from tests.service.traces.collector import Collector
from tests.service.traces.test_pull_request import SCRIBE
from tests.suites.connected import connect
from tests.system.hive import RealHive, open_folder, running


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().listening() as listening:
        yield listening


@pytest.fixture
def door() -> int:
    """Where the hive takes alerts."""
    return free_port()


@pytest.fixture
def hive(request: pytest.FixtureRequest, collector: Collector, door: int) -> Iterator[RealHive]:
    """A hive of real processes that sends its traces to the collector, connected to a test GitHub,
    with an agent `scribe`."""
    with GitHub() as github, open_folder("observed", request.session) as folder:
        hive = RealHive(
            folder,
            HIVE_OTLP_ENDPOINT=collector.endpoint,
            HIVE_GITHUB_URL=github.url,
            HIVE_ALERTS_PORT=str(door),
            HIVE_COUNT_EVERY="2",
            HIVE_PROFILES=json.dumps({"scribe": SCRIBE}),
        )
        with running(hive):
            github.repository("acme/shop")
            connect(hive, github)
            yield hive
