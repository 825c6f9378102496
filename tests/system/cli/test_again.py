"""What is done again, through a hive of real processes: an attempt, and a turn, which load the
session of an agent of the Agent Client Protocol; and what failed of a mission.
"""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hive_client.hive import ENDED
from hive_contracts.mission import MissionLanded
from tests.component.client.repositories import commit, make_repository, run_git
from tests.integration.runner.test_acp import AGENT, SESSION, begun, continued
from tests.system.cli.conftest import Command, end_of
from tests.system.hive import RealHive, of_type, open_folder, running

MISSION = """
mission: most
phases:
  each:
    for_each: {{list: [a, b]}}
    attempts: 1
    on_failure: continue
    run: "test ${{item}} = a || test -e {mended} || exit 1; echo ${{item}} > ${{item}}.txt"
  last:
    needs: [each]
    attempts: 1
    run: "test -e {mended} && ls *.txt > last.txt"
"""


@pytest.fixture(scope="module")
def module_hive(request: pytest.FixtureRequest) -> Iterator[RealHive]:
    """With two agents that write what they were asked by the protocol into files of their own."""
    with open_folder("sessions", request.session) as folder:
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        shutil.copy(AGENT, folder / "agent.py")
        profiles = {
            name: {
                "command": [sys.executable, str(folder / "agent.py")], "protocol": "acp",
                "resume": name == "edits", "login": {"needed": False},
                "set_env": {"ACP_DOES": does, "ACP_WIRE": str(folder / name)},
            }
            for name, does in (("edits", "edit"), ("asks", "question"))
        }  # fmt: skip
        with running(RealHive(folder, HIVE_PROFILES=json.dumps(profiles), PATH=path)) as hive:
            yield hive


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = make_repository(tmp_path / "app")
    loaded = "test ! -e session || grep -q loaded session"
    commit(path, ".hive/repo.yaml", f"gates: {{loaded: '{loaded}'}}\n")
    monkeypatch.chdir(path)
    return path


async def both_landed(hive: RealHive) -> None:
    log = await hive.until(lambda log: len(of_type(log, MissionLanded.__name__)) == 2)
    async with hive.client() as client:
        await client.get("most-1", at_least_position=log[-1].position)


def wire(hive: RealHive, agent: str) -> list[str]:
    return [line.strip() for line in (hive.folder / agent).read_text().splitlines()]


@pytest.mark.full("a hive of its own; who goes on with which session has tests of its own")
def test_an_attempt_after_a_red_gate_loads_the_session_of_the_one_before(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    (repository / "m.yaml").write_text(
        "mission: again\nprompt: Do it.\nagent: edits\nattempts: 2\n"
    )
    ran = hive("run", "m.yaml")
    assert ran.exit_code == 0, ran.output
    assert "attempt 2 of 2" in ran.output
    assert wire(module_hive, "edits") == [*begun(SESSION), *continued(SESSION)]


@pytest.mark.full("a hive of its own; who goes on with which session has tests of its own")
def test_the_turn_after_an_answered_question_loads_the_session_that_asked(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    (repository / "m.yaml").write_text("mission: asks\nprompt: Do it.\nagent: asks\n")
    ran = hive("run", "m.yaml")
    assert ran.exit_code == 3, ran.output
    assert hive("answer", "asks-1/work/work", "The left one.").exit_code == 0
    assert end_of(module_hive, "asks-1") in ENDED
    assert wire(module_hive, "asks")[:6] == [*begun(SESSION), *continued(SESSION)]
    shown = json.loads(hive("mission", "show", "asks-1", "--json").stdout)
    assert shown["summary"]["status"] == "succeeded"


@pytest.mark.full("a hive of its own; who goes on with which session has tests of its own")
def test_what_failed_is_done_again_on_top_of_what_was_merged(
    hive: Command, module_hive: RealHive, repository: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    mended = tmp_path / "mended"
    (repository / "m.yaml").write_text(MISSION.format(mended=mended))
    ran = hive("run", "m.yaml")
    assert ran.exit_code == 1, ran.output
    (typed,) = set(re.findall(r"hive (retry \S+ --failed)", ran.output))
    mended.touch()
    again = hive(*typed.split(), "--json")
    assert again.exit_code == 0, again.output
    said = json.loads(again.stdout)
    assert said["mission"] == "most-2"
    assert (said["failed"], said["undone"]) == (["each/b", "last/last"], [])
    assert end_of(module_hive, "most-2") == "succeeded"
    assert "goes on as most-2" in hive("mission", "show", "most-1").output
    assert "hive land most-2" in hive("land", "most-1").stderr
    assert hive("land", "most-2").exit_code == 0
    asyncio.run(both_landed(module_hive))
    assert "  landed " in hive("mission", "show", "most-1").output
    changed = run_git(repository, "ls-tree", "--name-only", "HEAD").split()
    assert {"a.txt", "b.txt", "last.txt"} <= {*changed}
    nothing = hive("retry", "most-2", "--failed")
    assert nothing.exit_code == 2
    assert "there is nothing to retry: no task of most-2 has failed" in nothing.stderr
