"""A person's own worktree for a task that they took, and what is handed in from it."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_client.checkout import GitProblem
from hive_client.hive import Hive
from hive_client.taken import TakenHere, Takeover
from hive_client.takeover import LEFT, bring_late, commit_all, hand_in, make_worktree, put
from hive_contracts.v1 import mission_pb2
from tests.component.client.fake_gateway import FakeGateway, serving
from tests.component.client.repositories import Branch, commit, make_repository, run_git


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with serving() as fake:
        yield fake


@pytest.fixture
async def hive(gateway: FakeGateway) -> AsyncIterator[Hive]:
    async with Hive(gateway.address, "secret") as connected:
        yield connected


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = make_repository(tmp_path / "app")
    commit(path, "a.txt", "1\n")
    return path


@pytest.fixture
def branch(repository: Path, tmp_path: Path) -> Branch:
    """A mission that has merged something already."""
    branch = Branch(repository, tmp_path / "mission")
    branch.add("merged.txt", "1\n")
    return branch


def files(path: Path) -> set[str]:
    return {file.name for file in path.iterdir()} - {".git"}


async def made(
    hive: Hive, gateway: FakeGateway, branch: Branch, task: mission_pb2.TaskView, path: Path
) -> Takeover:
    gateway.artifacts = branch.artifacts
    view = branch.mission("fix-1", "running")
    took = await make_worktree(hive, view, task, str(branch.repository), path)
    assert not took.is_there, "it is put there when it is whole"
    put(took)
    return took


async def test_it_holds_what_was_merged_with_what_the_agent_left_on_top(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    task = branch.taken()
    left = branch.leave(task, "left.txt", "half\n")
    before = run_git(branch.repository, "for-each-ref")
    took = await made(hive, gateway, branch, task, tmp_path / "mine")
    assert files(tmp_path / "mine") == {"a.txt", "merged.txt", "left.txt"}
    assert run_git(tmp_path / "mine", "rev-parse", "HEAD") == left
    assert run_git(tmp_path / "mine", "branch", "--show-current") == "take/fix-1/main/work"
    assert (took.tip, took.epoch, took.name) == (branch.tip, 2, "fix-1/main/work")
    assert run_git(branch.repository, "for-each-ref") == before
    assert run_git(branch.repository, "status", "--porcelain") == ""


async def test_where_nothing_was_handed_over_it_is_at_the_tip(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    await made(hive, gateway, branch, branch.taken(), tmp_path / "mine")
    assert run_git(tmp_path / "mine", "rev-parse", "HEAD") == branch.tip


async def test_a_half_made_worktree_is_made_anew(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    (tmp_path / "mine.new").mkdir()
    (tmp_path / "mine.new" / "left from a crash").touch()
    await made(hive, gateway, branch, branch.taken(), tmp_path / "mine")
    assert files(tmp_path / "mine") == {"a.txt", "merged.txt"}
    assert not (tmp_path / "mine.new").exists()


async def test_a_base_that_no_branch_holds_any_more_is_fetched(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    run_git(branch.repository, "commit", "-q", "--amend", "-m", "another")
    run_git(branch.repository, "reflog", "expire", "--expire=now", "--all")
    await made(hive, gateway, branch, branch.taken(), tmp_path / "mine")
    assert files(tmp_path / "mine") == {"a.txt", "merged.txt"}


async def test_the_persons_hooks_do_not_run(
    hive: Hive,
    gateway: FakeGateway,
    branch: Branch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "pre-commit", "commit-msg", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\nexit 1\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[core]\n\thooksPath = {hooks}\n[commit]\n\tgpgSign = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    took = await made(hive, gateway, branch, branch.taken(), tmp_path / "mine")
    (tmp_path / "mine" / "new.txt").write_text("1\n")
    commit_all(took, "")
    assert not [name for name in files(tmp_path) if name.startswith("ran-")]


async def test_whatever_lies_there_is_handed_in_untracked_files_included(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    took = await made(hive, gateway, branch, branch.taken(), tmp_path / "mine")
    (tmp_path / "mine" / "new.txt").write_text("new\n")
    (tmp_path / "mine" / "a.txt").unlink()
    given = commit_all(took, "the clock\nis right now")
    ref = await hand_in(hive, took, given)
    assert hashlib.sha256(gateway.artifacts[ref.digest]).hexdigest() == ref.digest
    (tmp_path / "given.bundle").write_bytes(gateway.artifacts[ref.digest])
    theirs = tmp_path / "mission"  # it has the tip, as the runner has
    run_git(theirs, "fetch", "-q", str(tmp_path / "given.bundle"), f"{given}:given")
    listed = run_git(theirs, "ls-tree", "-r", "--name-only", "given").splitlines()
    assert listed == ["merged.txt", "new.txt"]
    message = run_git(theirs, "log", "-1", "--format=%B", "given")
    assert message == "the clock\n\nHive-Attempt: fix-1/main/work/2"
    assert commit_all(took, "again") == given, "nothing more was changed"


async def test_nobody_needs_a_name_to_give(
    hive: Hive,
    gateway: FakeGateway,
    branch: Branch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    took = await made(hive, gateway, branch, branch.taken(), tmp_path / "mine")
    (tmp_path / "mine" / "new.txt").write_text("new\n")
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    given = commit_all(took, "")
    assert run_git(tmp_path / "mine", "log", "-1", "--format=%an %s", given) == (
        "hive main/work, by hand"
    )


async def test_an_unfinished_merge_is_not_given(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    took = await made(hive, gateway, branch, branch.taken(), tmp_path / "mine")
    mine = tmp_path / "mine"
    run_git(mine, "checkout", "-q", "-b", "other")
    commit(mine, "a.txt", "theirs\n")
    run_git(mine, "checkout", "-q", took.branch)
    commit(mine, "a.txt", "mine\n")
    with pytest.raises(Exception, match="returned non-zero"):
        run_git(mine, "merge", "-q", "other")
    with pytest.raises(GitProblem, match="in conflict"):
        commit_all(took, "")


async def test_a_branch_that_leads_elsewhere_is_not_given(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    took = await made(hive, gateway, branch, branch.taken(), tmp_path / "mine")
    run_git(tmp_path / "mine", "checkout", "-q", "--detach", branch.base)
    with pytest.raises(GitProblem, match="does not continue from"):
        commit_all(took, "")


async def test_what_the_agent_left_late_comes_on_a_branch_of_its_own(
    hive: Hive, gateway: FakeGateway, branch: Branch, tmp_path: Path
) -> None:
    task = branch.taken()
    await made(hive, gateway, branch, task, tmp_path / "mine")
    assert not await bring_late(hive, task.taken, tmp_path / "mine")
    left = branch.leave(task, "left.txt", "half\n")
    assert await bring_late(hive, task.taken, tmp_path / "mine")
    assert run_git(tmp_path / "mine", "rev-parse", LEFT) == left
    assert run_git(tmp_path / "mine", "rev-parse", "HEAD") == branch.tip
    assert await bring_late(hive, task.taken, tmp_path / "mine"), "it is not in what is given"
    run_git(tmp_path / "mine", "merge", "-q", LEFT)
    assert not await bring_late(hive, task.taken, tmp_path / "mine")


def test_what_was_taken_is_found_by_its_name_and_from_within(tmp_path: Path) -> None:
    here = TakenHere(tmp_path)
    one = Takeover("fix-1", "main/api", "1" * 32, 2, str(tmp_path / "one"), "b", "a" * 40)
    two = Takeover("fix-1", "main/web", "2" * 32, 3, str(tmp_path / "two"), "b", "a" * 40)
    for takeover in (one, two):
        Path(takeover.path, "src").mkdir(parents=True)
        here.keep(takeover)
    assert here.named("fix-1", "") == [one, two]
    assert here.named("fix-1", "api") == here.named("fix-1", "main/api") == [one]
    assert here.named("fix-2", "") == []
    assert here.around(tmp_path / "two" / "src") == two
    assert here.around(tmp_path) is None
    here.forget(two)
    assert here.named("*", "") == [one]
