"""`hive take` and `hive give` against a gateway of the real protocol: what they say and do."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from hive_client.taken import TakenHere
from tests.component.cli.test_verbs import Hive, gateway, hive
from tests.component.client.fake_gateway import FakeGateway
from tests.component.client.repositories import Branch, commit, make_repository, run_git

__all__ = ["gateway", "hive"]


@pytest.fixture
def branch(gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Branch:
    """A mission with a task that the person has, of which the agent left something."""
    monkeypatch.setenv("HIVE_DATA", str(tmp_path / "data"))
    repository = make_repository(tmp_path / "app")
    commit(repository, "a.txt", "1\n")
    branch = Branch(repository, tmp_path / "mission")
    task = branch.taken()
    branch.leave(task, "left.txt", "half\n")
    view = branch.mission("fix-1", "running")
    view.tasks.append(task)
    gateway.missions = {"fix-1": view}
    gateway.artifacts = branch.artifacts
    return branch


def given(gateway: FakeGateway) -> list[object]:
    return [asked for asked in gateway.asked if type(asked).__name__ == "GiveRequest"]


async def test_taking_says_where_it_is_and_what_next(hive: Hive, branch: Branch) -> None:
    took = await hive("take", "fix-1")
    assert took.exit_code == 0, took.output
    assert "fix-1/main/work is yours: nobody else works on it" in took.output
    assert "with all that was made so far" in took.output
    assert "hive give --done" in took.output
    again = await hive("take", "fix-1", "--json")
    body = json.loads(again.stdout)
    assert (Path(body["path"]) / "left.txt").read_text() == "half\n"


async def test_a_place_of_ones_own_is_not_written_over(
    hive: Hive, branch: Branch, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "precious").touch()
    refused = await hive("take", "fix-1", "--into", str(there))
    assert refused.exit_code == 2
    assert "nothing in it is touched" in refused.stderr
    assert [path.name for path in there.iterdir()] == ["precious"]
    (there / "precious").unlink()
    assert (await hive("take", "fix-1", "--into", str(there))).exit_code == 0
    assert (there / "left.txt").exists()


async def test_an_agent_without_a_session_is_said_so_and_the_worktree_is_there(
    hive: Hive, gateway: FakeGateway, branch: Branch
) -> None:
    took = await hive("take", "fix-1", "--agent")
    assert took.exit_code == 0
    assert "no agent of this task has told of a session" in took.stderr
    gateway.missions["fix-1"].tasks[0].taken.found.agent.profile = "claude"
    gateway.missions["fix-1"].tasks[0].taken.found.agent.session = "s-1"
    cannot = await hive("take", "fix-1", "--agent")
    assert "claude cannot go on with a session of its own from another folder" in cannot.stderr
    gateway.missions["fix-1"].tasks[0].taken.found.agent.profile = "codex"
    assert "codex resume s-1" in (await hive("take", "fix-1", "--agent")).output


async def test_what_lies_there_is_given_and_the_worktree_stays(
    hive: Hive, gateway: FakeGateway, branch: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(json.loads((await hive("take", "fix-1", "--json")).stdout)["path"])
    (path / "mine.txt").write_text("mine\n")
    monkeypatch.chdir(path)
    gave = await hive("give", "--note", "look")
    assert gave.exit_code == 0, gave.output
    assert "its next attempt goes on from there" in gave.output
    (request,) = given(gateway)
    head = run_git(path, "rev-parse", "HEAD")
    assert (request.commit, request.note, request.epoch) == (head, "look", 2)  # type: ignore[attr-defined]
    assert request.bundle.digest in gateway.artifacts  # type: ignore[attr-defined]
    assert (path / "mine.txt").exists()
    nothing = await hive("give")
    assert nothing.exit_code == 2
    assert "you are in no worktree" in nothing.stderr


async def test_what_is_dropped_commits_and_uploads_nothing(
    hive: Hive, gateway: FakeGateway, branch: Branch
) -> None:
    path = Path(json.loads((await hive("take", "fix-1", "--json")).stdout)["path"])
    (path / "mine.txt").write_text("mine\n")
    before = run_git(path, "rev-parse", "HEAD")
    gave = await hive("give", "fix-1", "--drop")
    assert gave.exit_code == 0, gave.output
    (request,) = given(gateway)
    assert (request.drop, request.commit) == (True, "")  # type: ignore[attr-defined]
    assert run_git(path, "rev-parse", "HEAD") == before
    assert (path / "mine.txt").exists()


async def test_a_crash_while_it_was_made_is_made_good(
    hive: Hive, branch: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(made: object) -> None:
        raise OSError("as the test asked for")

    with monkeypatch.context() as patch:
        patch.setattr("hive_cli.take.put", crash)
        assert (await hive("take", "fix-1")).exit_code == 1
    took = await hive("take", "fix-1", "--json")
    assert took.exit_code == 0, took.output
    assert (Path(json.loads(took.stdout)["path"]) / "left.txt").exists()


async def test_what_the_hive_does_not_take_stays_and_is_not_listed_any_more(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    path = Path(json.loads((await hive("take", "fix-1", "--json")).stdout)["path"])
    gateway.missions["fix-1"].tasks[0].status = "cancelled"
    gateway.refuse_give = True
    gave = await hive("give", "fix-1")
    assert gave.exit_code == 2
    assert f"your worktree stays: {path}" in gave.stderr
    assert (path / "left.txt").exists()
    assert TakenHere(tmp_path / "data").named("fix-1", "") == []


async def test_what_is_not_here_is_given_elsewhere_or_dropped(
    hive: Hive, gateway: FakeGateway, branch: Branch
) -> None:
    away = await hive("give", "fix-1")
    assert away.exit_code == 2
    assert "hive give fix-1 --drop" in away.stderr
    assert not given(gateway)
    assert (await hive("give", "fix-1", "--drop")).exit_code == 0
    assert (await hive("give", "fix-1", "--drop", "--done")).exit_code == 2


def test_on_a_terminal_a_shell_opens_there_and_leaving_it_gives_nothing_back(
    tmp_path: Path,
) -> None:
    script = (
        "from hive_cli import take\n"
        "from hive_client.taken import Takeover\n"
        f"takeover = Takeover('fix-1', 'main/work', '7', 2, {str(tmp_path)!r}, 'b', 'a')\n"
        "opened = take.Opened([take._shell()], {'AGENT_HOME': '/its/own'})\n"
        "take._open(opened, take.Ready(takeover, None))\n"
    )
    leader, follower = pty.openpty()
    env = os.environ | {"SHELL": "/bin/sh", "PWD": "/somewhere/else"}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=follower, stdout=subprocess.PIPE, text=True, env=env
    ) as running:
        os.close(follower)
        os.write(leader, b"touch here; printenv PWD AGENT_HOME > env; exit 3\n")
        assert running.stdout is not None
        said = running.stdout.read()
    os.close(leader)
    assert (tmp_path / "here").exists()
    # Programs that believe PWD are there, too, and the agent's own finds its sessions.
    assert (tmp_path / "env").read_text().split() == [str(tmp_path), "/its/own"]
    assert "fix-1/main/work is still yours" in said
    assert running.returncode == 0
