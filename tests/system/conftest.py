import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.hive import Ground, RealHive


@pytest.fixture(scope="module")
def hive(request: pytest.FixtureRequest) -> Iterator[RealHive]:
    """A hive that is up, one for the tests of a file: what was there before is none of theirs.
    Where a test fails, its logs stay, and the last test says where."""
    folder = Path(tempfile.mkdtemp(prefix="hive-system-"))
    # PostgreSQL's account must pass through.
    folder.chmod(0o755)
    hive = RealHive(folder)
    try:
        hive.stack.up()
        before = request.session.testsfailed
        yield hive
        kept = request.session.testsfailed > before
    finally:
        hive.stack.down()
    if kept:
        print(f"logs: {hive.stack.paths.logs}")
    else:
        shutil.rmtree(folder)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path / "repository")
