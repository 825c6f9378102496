"""Real agents on a real repository, click as it is published with a bug planted in it. Its own
suite judges what they do.
"""

import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from hive_cli.main import main
from hive_runner.testing import ScriptedModel, parse_scenario
from tests.component.client.repositories import run_git
from tests.system.agents import conftest as agents
from tests.system.agents.planted import BROKEN, FILE, HALF, MISSION, SOUND, change, hive_with
from tests.system.hive import running

SCENARIO = f"""
[[conversation]]
match = "did not pass its gates"
[[conversation.turn]]
say = "An open bound is another case."
run = "{change(BROKEN, SOUND)}"
[[conversation.turn]]
say = "Each bound is compared in its own way now."

[[conversation]]
[[conversation.turn]]
say = "I look where bounds are compared."
run = "{change(BROKEN, HALF)}"
[[conversation.turn]]
fault = {{kind = "limit", resets_in = 15}}
say = "Fixed, all tests pass."
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("agent", ["codex", "opencode-acp"])
def test_a_wrong_fix_is_turned_down_by_the_tests_and_the_right_one_lands(
    repository: Path, folder: Path, tmp_path: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedModel(parse_scenario(SCENARIO))
    home = tmp_path / "home"
    made = agents.codex(home, model) if agent == "codex" else agents.opencode(home, model, agent)
    profile = msgspec.to_builtins(made)
    profile["set_env"]["PATH"] = f"{Path(sys.executable).parent}:{profile['set_env']['PATH']}"
    mission = tmp_path / "bounds.yaml"
    mission.write_text(MISSION.replace("AGENT", agent))
    try:
        with running(hive_with(folder, profile, agent)) as hive:
            monkeypatch.setenv("HIVE_DATA", str(hive.data))
            ran = CliRunner().invoke(main, ["run", str(mission), "--repo", str(repository)])
            printed = CliRunner().invoke(main, ["logs", "bounds-1"]).output
            assert ran.exit_code == 0, f"{ran.output}\n{printed}"
            assert "has met its provider's limit" in ran.output
            assert "attempt 2 of 2, after gate" in ran.output
            assert "3 failed, 625 passed" in printed
            landed = CliRunner().invoke(main, ["land", "bounds-1", "--repo", str(repository)])
            assert landed.exit_code == 0, landed.output
    finally:
        model.close()
    assert SOUND in (repository / FILE).read_text()
    assert "Hive-Attempt: bounds-1/fix/fix/" in run_git(repository, "log", "-3")
    assert [heard.became for heard in model.heard].count("limit") == 1
