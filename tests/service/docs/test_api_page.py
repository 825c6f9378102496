"""The programs of the API's page, run as they stand against a hive."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.component.docs.pages import ROOT, blocks
from tests.system.hive import RealHive, open_folder, running


@pytest.fixture
def hive(request: pytest.FixtureRequest) -> Iterator[RealHive]:
    with open_folder("docs", request.session) as folder, running(RealHive(folder)) as hive:
        yield hive


def test_the_programs_of_the_page_do_what_they_show(hive: RealHive) -> None:
    programs = [text for note, text in blocks(ROOT / "docs/api.md", "python") if note == "run"]
    launching, printing, over_the_api, over_nats = (run(hive, program) for program in programs)
    assert launching.splitlines()[-1] == "hello-1 succeeded"
    assert printing.splitlines() == ["1 output 0 b'hello\\n'", "1 succeeded"]
    assert "MissionSucceeded\nnext time: " in over_the_api
    assert " MissionLaunched " in over_nats


def run(hive: RealHive, program: str) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(hive.folder),
        "HIVE_DATA": str(hive.data),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=env, cwd=hive.folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
