"""The rehearsal of docs/agents.md: a real agent, a real hive, and a scripted model."""

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from hive_cli.main import main
from hive_runner.testing import ScriptedModel, read_scenario
from tests.component.client.repositories import commit, make_repository, run_git
from tests.component.docs.pages import ROOT, blocks
from tests.system.agents.conftest import installed
from tests.system.hive import RealHive, open_folder, running

EXAMPLE = ROOT / "examples" / "rehearsal"
PORT = "8199"
"""On the page."""


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    model = ScriptedModel(read_scenario(EXAMPLE / "scenario.toml"))
    yield model
    model.close()


@pytest.fixture
def hive(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[RealHive]:
    path = os.pathsep.join(map(installed, ("codex", "opencode", "claude")))
    pages = [text for _, text in blocks(ROOT / "docs/agents.md", "toml")]
    (page,) = (text for text in pages if "[profiles.rehearsal]" in text)
    port = model.url.rpartition(":")[2].partition("/")[0]
    profiles = tomllib.loads(page.replace(PORT, port))["profiles"]
    with open_folder("rehearsal", request.session) as folder:
        temporary = folder / "tmp"  # never above a home of Codex: see conftest.py
        temporary.mkdir(mode=0o777)
        settings = {"PATH": path, "HOME": str(folder), "TMPDIR": str(temporary)}
        hive = RealHive(folder, HIVE_PROFILES=json.dumps(profiles), **settings)
        monkeypatch.setenv("HIVE_DATA", str(hive.data))
        with running(hive):
            yield hive


@pytest.mark.timeout(300)
@pytest.mark.parametrize("agent", ["rehearsal", "rehearsal-opencode", "rehearsal-claude"])
def test_a_rehearsal_is_turned_down_once_waits_for_its_provider_and_lands(
    hive: RealHive, model: ScriptedModel, tmp_path: Path, agent: str
) -> None:
    repository = make_repository(tmp_path / "app")
    commit(repository, "README", "an app\n")
    mission = tmp_path / "mission.yaml"
    text = (EXAMPLE / "mission.yaml").read_text()
    mission.write_text(text.replace("agent: rehearsal", f"agent: {agent}"))
    ran = CliRunner().invoke(main, ["run", str(mission), "--repo", str(repository)])
    assert ran.exit_code == 0, ran.output
    # Claude Code waits for the end of so short a limit by itself.
    assert ("has met its provider's limit" in ran.output) == (agent != "rehearsal-claude")
    assert "attempt 2 of 2, after gate" in ran.output
    cost = "at list prices, estimated" if agent == "rehearsal-claude" else "cost unknown"
    assert cost in ran.output
    assert [heard.became for heard in model.heard].count("limit") == 1
    landed = CliRunner().invoke(main, ["land", "rehearsal-1", "--repo", str(repository)])
    assert landed.exit_code == 0, landed.output
    assert (repository / "GREETING").read_text() == "hello, world\n"
    assert "Hive-Attempt: rehearsal-1/greet/greet/" in run_git(repository, "log", "-3")
