"""The benchmark of attempts, shortened: it must work, whatever this machine reaches."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from hive_cli.main import main


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_attempts_are_measured_beside_plain_git(size: Callable[[int, int], int]) -> None:
    if not size(0, 1):
        pytest.skip(
            "attempts by the dozen, and a repository of thousands of files: HIVE_TEST_FULL=1"
        )
    done = CliRunner().invoke(main, ["bench", "attempts", "--seconds", "1", "--json"])
    assert done.exit_code == 0, done.output
    cases = {case["case"]: case for case in map(json.loads, done.stdout.splitlines())}
    assert 0 < cases["1 at once"]["ratio"] < 1, "plain git does less"
    assert cases["10 at once"]["value"] > 0
    for kind in ("work", "its merge"):
        for step in ("lease to start", "start to report"):
            assert cases[f"10 at once: {kind}, {step}"]["p50_ms"] > 0
    assert cases["start to the first output"]["p50_ms"] > 0
    assert cases["launch to the first output"]["p50_ms"] > 0
    assert cases["disk of one of 10"]["unit"] == "KiB"
    assert cases["10,000 files, 5,000 commits: later"]["value"] > 0
    assert (
        cases["dispatch on an idle fleet"]["p50_ms"] <= cases["dispatch on an idle fleet"]["p99_ms"]
    )
