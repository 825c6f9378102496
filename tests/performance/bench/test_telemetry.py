"""The benchmark of traces and metrics, shortened: it must work, whatever this machine reaches."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from hive_cli.main import main


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hive_with_traces_is_measured_beside_one_without(size: Callable[[int, int], int]) -> None:
    if not size(0, 1):
        pytest.skip("two hives, launches as fast as they go: HIVE_TEST_FULL=1")
    done = CliRunner().invoke(main, ["bench", "telemetry", "--seconds", "3", "--json"])
    assert done.exit_code == 0, done.output
    cases = {case["case"]: case for case in map(json.loads, done.stdout.splitlines())}
    for how in ("traced and scraped", "all recorded"):
        assert cases[f"durable launches, {how}"]["ratio"] > 0
        assert cases[f"CPU of services, {how}"]["unit"] == "ms/call"
        cost = cases[f"CPU of services, {how}"]
        assert 0 < cost["ratio_low"] <= cost["ratio"] <= cost["ratio_high"]
