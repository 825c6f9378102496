"""The benchmark of GitHub, shortened: it must work, whatever this machine reaches."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from hive_cli.main import main

STORM = "limit storm, 100 clients, GitHub's limits"
TIGHT = "limit storm, 100 clients, half as much allowed"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_webhooks_missions_and_limits_are_measured_on_a_test_github(
    size: Callable[[int, int], int],
) -> None:
    if not (seconds := size(0, 3)):
        pytest.skip("a hive, missions to their merge and two storms: HIVE_TEST_FULL=1")
    done = CliRunner().invoke(main, ["bench", "github", "--seconds", str(seconds), "--json"])
    assert done.exit_code == 0, done.output
    cases = {case["case"]: case for case in map(json.loads, done.stdout.splitlines())}
    steady = cases["webhook deliveries, 100 a second"]
    assert 0 < steady["value"] <= 100
    taken = cases["webhook deliveries, 8 callers"]
    assert taken["value"] > 0
    assert 0 < taken["ratio"] < 1, "an answer that records nothing is quicker"
    assert taken["p50_ms"] <= taken["p99_ms"]
    asked = cases["requests that count, launch to merge"]
    assert 0 < asked["value"] <= asked["limit"] < 100
    assert cases["missions, launch to merge"]["p50_ms"] > 0
    labelled = cases["requests that count, label to close"]
    assert asked["value"] < labelled["value"] <= labelled["limit"] < 150
    assert cases["missions, label to close"]["p50_ms"] > 0
    assert cases["a failed check to the next attempt"]["p50_ms"] > 0
    assert cases[f"{STORM}: refused"]["value"] < cases[f"{STORM}: refused"]["limit"]
    assert 0 < cases[f"{STORM}: done"]["value"] <= 80, "what GitHub allows in a minute"
    assert cases[f"{TIGHT}: refused"]["ratio"] < 1
    assert cases[f"{TIGHT}: done"]["value"] > 0
    assert "fsync=on" in done.stderr
