"""Real agents on a real code base, with a bug planted in it: its own tests judge what they do."""

import json
import os
import shutil
import sys
from pathlib import Path

import click.formatting
import msgspec
import pytest
from click.testing import CliRunner

from hive_cli.main import main
from hive_runner.testing import ScriptedModel, parse_scenario
from tests.component.client.repositories import commit, make_repository, run_git
from tests.system.agents import conftest as agents
from tests.system.hive import RealHive, running

SOUND, BROKEN = "(col_count - len(row))", "(col_count - len(row) - 1)"
TEST = """\
from click.formatting import iter_rows

def test_short_rows_are_filled_up():
    assert list(iter_rows([("a",), ("b", "c")], 3)) == [("a", "", ""), ("b", "c", "")]

def test_full_rows_stay():
    assert list(iter_rows([("a", "b")], 2)) == [("a", "b")]
"""
SCENARIO = """
[[conversation]]
match = "did not pass its gates"
[[conversation.turn]]
say = "One column was missing, not too many."
run = "sed -i 's/ - len(row) - 1)/ - len(row))/' click/formatting.py"
[[conversation.turn]]
say = "Short rows are filled up to the last column now."

[[conversation]]
[[conversation.turn]]
say = "I look where rows are filled up."
run = "sed -i 's/ - len(row) - 1)/ - len(row) + 1)/' click/formatting.py"
[[conversation.turn]]
fault = {kind = "limit", resets_in = 15}
say = "Fixed, all tests pass."
"""
MISSION = """
mission: rows
phases:
  fix:
    agent: AGENT
    prompt: Rows with fewer cells than columns come out too short. Find the cause.
    gates: ["python -m pytest -q -p no:cacheprovider tests"]
gates: [{run: "python -m pytest -q -p no:cacheprovider tests --junitxml=junit.xml", compare: base,
         report: junit.xml}]
"""


def hive_with(folder: Path, profile: dict[str, object], agent: str) -> RealHive:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    profiles = json.dumps({agent: profile})
    return RealHive(folder, HIVE_PROFILES=profiles, PATH=path, HOME=str(folder))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Click as it is installed, but for one line."""
    path = make_repository(tmp_path / "click")
    package = Path(click.formatting.__file__).parent
    shutil.copytree(package, path / "click", ignore=shutil.ignore_patterns("__pycache__"))
    formatting = path / "click" / "formatting.py"
    text = formatting.read_text()
    assert SOUND in text
    formatting.write_text(text.replace(SOUND, BROKEN))
    run_git(path, "add", "click")
    commit(path, "tests/test_rows.py", TEST)
    commit(path, ".gitignore", "__pycache__\njunit.xml\n")
    return path


@pytest.mark.timeout(300)
@pytest.mark.parametrize("agent", ["codex", "opencode-acp"])
def test_a_wrong_fix_is_turned_down_by_the_tests_and_the_right_one_lands(
    repository: Path, folder: Path, tmp_path: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedModel(parse_scenario(SCENARIO))
    home = tmp_path / "home"
    made = agents.codex(home, model) if agent == "codex" else agents.opencode(home, model, agent)
    profile = msgspec.to_builtins(made)
    profile["set_env"]["PATH"] = f"{Path(sys.executable).parent}:{profile['set_env']['PATH']}"
    mission = tmp_path / "rows.yaml"
    mission.write_text(MISSION.replace("AGENT", agent))
    try:
        with running(hive_with(folder, profile, agent)) as hive:
            monkeypatch.setenv("HIVE_DATA", str(hive.data))
            ran = CliRunner().invoke(main, ["run", str(mission), "--repo", str(repository)])
            printed = CliRunner().invoke(main, ["logs", "rows-1"]).output
            assert ran.exit_code == 0, f"{ran.output}\n{printed}"
            assert "has met its provider's limit" in ran.output
            assert "1 failed" in ran.output
            assert "attempt 2 of 2, after gate" in ran.output
            assert "2 passed (base 1, 1 failed;" in ran.output, ran.output
            landed = CliRunner().invoke(main, ["land", "rows-1", "--repo", str(repository)])
            assert landed.exit_code == 0, landed.output
    finally:
        model.close()
    assert SOUND in (repository / "click" / "formatting.py").read_text()
    assert "Hive-Attempt: rows-1/fix/fix/" in run_git(repository, "log", "-3")
    assert [heard.became for heard in model.heard].count("limit") == 1
