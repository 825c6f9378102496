"""A benchmark that is told to end leaves nothing running."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hive_cli.exits import Exit


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hive-bench-") as name:
        Path(name).chmod(0o755)  # PostgreSQL's account must pass through
        yield Path(name)
        for left in _of(Path(name)):
            left.kill()


@pytest.mark.parametrize("lines", [1, 3])
def test_told_to_end_it_takes_down_what_it_has_started(folder: Path, lines: int) -> None:
    bench = subprocess.Popen(
        [Path(sys.executable).with_name("hive"), "bench", "eventstore", "--seconds", "60"],
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with bench:
        assert bench.stdout is not None
        # It has told of the record, so that is up; after the third line it measures.
        assert all(bench.stdout.readline() for _ in range(lines))
        started = psutil.Process(bench.pid).children(recursive=True) + _of(folder)
        bench.send_signal(signal.SIGTERM)
        assert bench.wait(60) == Exit.DETACHED, bench.stderr and bench.stderr.read()
    assert started
    assert psutil.wait_procs(started, timeout=20)[1] == []
    assert _of(folder) == []


def _of(folder: Path) -> list[psutil.Process]:
    """Those that work in the folder, or name it."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            continue
        if any(str(folder) in word for word in process.info["cmdline"] or ()):
            found.append(process)
    return found
