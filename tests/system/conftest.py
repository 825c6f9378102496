from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.hive import Ground, RealHive, open_folder, running


@pytest.fixture(scope="module")
def hive(request: pytest.FixtureRequest) -> Iterator[RealHive]:
    """A hive that is up, one for the tests of a file: what was there before is none of theirs."""
    with open_folder("system", request.session) as folder, running(RealHive(folder)) as hive:
        yield hive


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path / "repository")
