"""`hive bench gateway`, `feed` and `rebuild`, shortened: each measures and leaves nothing."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

SECONDS: Final = 0.5
CASES: Final = {
    "gateway": [
        "durable launches, 1 caller",
        "durable launches, 16 callers",
        "durable launches, 64 callers",
        "durable launches, offered 867.5 a second",
    ],
    "feed": ["100 events/s", "1,000 events/s", "as fast as 16 callers can"],
    "rebuild": ["10,000 events"],
}
UNITS: Final = {"gateway": "calls/s", "feed": "events/s", "rebuild": "events/s"}
GIVEN: Final = {"durable launches, offered 867.5 a second": 867.5, "100 events/s": 100.0,
                "1,000 events/s": 1000.0}  # fmt: skip
"""Cases whose limit is the pace that is kept; that of the others is measured."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hive-bench-") as name:
        Path(name).chmod(0o755)  # PostgreSQL's account must pass through
        yield Path(name)


def named(folder: Path) -> list[psutil.Process]:
    """Processes that work in the folder, or name it."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


@pytest.mark.full("a stack for each benchmark")
@pytest.mark.slow
@pytest.mark.parametrize("bench", CASES)
def test_each_case_has_its_line_and_nothing_is_left(folder: Path, bench: str) -> None:
    done = subprocess.run(
        [
            Path(sys.executable).with_name("hive"),
            *("bench", bench, "--seconds", str(SECONDS), "--json"),
        ],
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "fsync=on" in done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["case"] for line in lines] == CASES[bench]
    for line in lines:
        assert (line["bench"], line["unit"]) == (bench, UNITS[bench])
        assert line["value"] > 0
        assert line["limit"] == pytest.approx(GIVEN.get(line["case"], line["limit"]))
        assert line["ratio"] == pytest.approx(line["value"] / line["limit"], rel=0.01, abs=0.001)
        if bench != "rebuild":
            assert 0 <= line["p50_ms"] <= line["p99_ms"]
    assert named(folder) == []
    assert list(folder.iterdir()) == []
