"""The benchmark of whole missions, shortened: it must work, whatever this machine reaches."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from hive_cli.main import main


@pytest.mark.slow
def test_missions_are_measured_against_launches_alone(size: Callable[[int, int], int]) -> None:
    if not (seconds := size(0, 4)):
        pytest.skip("a hive, a session's end and its load take a minute: HIVE_TEST_FULL=1")
    arguments = ["bench", "missions", "--seconds", str(seconds), "--json"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    cases = {case["case"]: case for case in map(json.loads, done.stdout.splitlines())}
    for name in ("LaunchMany, 64 a call", "one by one, 64 callers"):
        assert cases[name]["value"] > 0
        assert cases[name]["p50_ms"] <= cases[name]["p99_ms"]
        assert 0 < cases[name]["ratio"] <= 1
        assert cases[f"CPU of orchestrator, {name}"]["unit"] == "ms/mission"
    resting = {name: case["value"] for name, case in cases.items() if name.startswith("memory")}
    assert len(resting) == 6
    assert max(resting.values()) < 80, "MB, as promised"
    assert "fsync=on" in done.stderr
