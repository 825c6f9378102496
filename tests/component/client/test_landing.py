from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_client.branch import fetch_branch
from hive_client.checkout import GitProblem
from hive_client.hive import Hive
from hive_client.landing import land
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
def branch(repository: Path, tmp_path: Path, gateway: FakeGateway) -> Branch:
    made = Branch(repository, tmp_path / "clone")
    made.add("b.txt", "1\n")
    made.add("c.txt", "1\n")
    gateway.artifacts = made.artifacts
    return made


async def test_a_branch_is_fetched_along_its_chain_and_touches_nothing_else(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    before = run_git(repository, "rev-parse", "HEAD")
    assert await fetch_branch(hive, branch.mission("fix-1"), repository) == branch.tip
    assert run_git(repository, "rev-parse", "hive/fix-1") == branch.tip
    assert run_git(repository, "rev-parse", "HEAD") == before
    assert run_git(repository, "status", "--porcelain") == ""
    assert run_git(repository, "for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/hive/fix-1",
        "refs/heads/main",
    ]


async def test_what_is_there_already_is_not_fetched_again(
    hive: Hive, gateway: FakeGateway, branch: Branch, repository: Path
) -> None:
    await fetch_branch(hive, branch.mission("fix-1"), repository)
    branch.add("d.txt", "1\n")
    gateway.asked.clear()
    await fetch_branch(hive, branch.mission("fix-1"), repository)
    assert len(gateway.asked) == 2, "one manifest and one bundle"
    assert run_git(repository, "rev-parse", "hive/fix-1") == branch.tip


async def test_a_branch_with_a_person_s_commits_is_not_overwritten(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    run_git(repository, "switch", "-q", "-c", "hive/fix-1")
    own = commit(repository, "own.txt", "mine\n")
    run_git(repository, "switch", "-q", "main")
    with pytest.raises(GitProblem, match="commits of its own"):
        await fetch_branch(hive, branch.mission("fix-1"), repository)
    assert run_git(repository, "rev-parse", "hive/fix-1") == own


async def test_landing_fast_forwards_the_base_branch_and_twice_is_once(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    landed = await land(hive, branch.mission("fix-1"), repository)
    assert (landed.branch, landed.old, landed.new) == ("main", branch.base, branch.tip)
    assert (repository / "c.txt").read_text() == "1\n"
    again = await land(hive, branch.mission("fix-1"), repository)
    assert again.old == again.new == branch.tip


@pytest.mark.parametrize("status", ["running", "failed"])
async def test_a_mission_that_has_not_succeeded_is_not_landed(
    hive: Hive, branch: Branch, repository: Path, status: str
) -> None:
    head = run_git(repository, "rev-parse", "HEAD")
    with pytest.raises(GitProblem, match=f"is {status}; only one that succeeded is landed"):
        await land(hive, branch.mission("fix-1", status), repository, merge=True)
    assert run_git(repository, "rev-parse", "HEAD") == head
    assert run_git(repository, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


async def test_a_failed_mission_that_another_one_goes_on_with_names_it(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    mission = branch.mission("fix-1", "failed")
    mission.again_as = "fix-2"
    with pytest.raises(GitProblem) as problem:
        await land(hive, mission, repository)
    assert problem.value.remedy == "it goes on as fix-2, which has its work too: hive land fix-2"


async def test_a_checkout_that_has_gone_on_is_refused_with_what_to_do(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    commit(repository, "own.txt", "mine\n")
    problem = await refused(hive, branch, repository)
    assert problem.message == (
        f"main has gone on since {branch.base[:12]}, where the mission started;"
        " no gate has seen what both make together"
    )
    assert "hive land fix-1 --merge" in problem.remedy
    assert "`hive run` once more, which starts from main as it is now" in problem.remedy


async def test_what_was_landed_before_is_not_refused_where_the_checkout_has_gone_on(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    await land(hive, branch.mission("fix-1"), repository)
    own = commit(repository, "own.txt", "mine\n")
    again = await land(hive, branch.mission("fix-1"), repository)
    assert again.old == again.new == own


async def test_landing_merges_where_the_base_branch_went_on_if_told_to(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    own = commit(repository, "own.txt", "mine\n")
    landed = await land(hive, branch.mission("fix-1"), repository, merge=True)
    assert run_git(repository, "rev-parse", "HEAD^1", "HEAD^2").split() == [own, branch.tip]
    assert run_git(repository, "log", "-1", "--format=%s") == "Land hive/fix-1"
    assert landed.new == run_git(repository, "rev-parse", "main")


async def refused(
    hive: Hive, branch: Branch, repository: Path, *, merge: bool = False
) -> GitProblem:
    """Landing is refused, and leaves HEAD and all files as they were."""
    head = run_git(repository, "rev-parse", "HEAD")
    status = run_git(repository, "status", "--porcelain")
    with pytest.raises(GitProblem) as caught:
        await land(hive, branch.mission("fix-1"), repository, merge=merge)
    assert run_git(repository, "rev-parse", "HEAD") == head
    assert run_git(repository, "status", "--porcelain") == status
    return caught.value


async def test_a_checkout_with_changes_is_refused(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    (repository / "a.txt").write_text("changed\n")
    problem = await refused(hive, branch, repository)
    assert problem.message == "the checkout has changes that are not committed: a.txt"


async def test_an_untracked_file_in_the_way_is_kept(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    (repository / "b.txt").write_text("precious\n")
    problem = await refused(hive, branch, repository)
    assert "would be overwritten" in problem.message
    assert (repository / "b.txt").read_text() == "precious\n"


async def test_a_checkout_of_another_branch_is_refused(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    run_git(repository, "switch", "-q", "-c", "other")
    problem = await refused(hive, branch, repository)
    assert problem.message == "the mission started from main; you are on other"
    assert problem.remedy == "git switch main"


async def test_a_branch_that_was_moved_away_from_the_base_is_refused(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    run_git(repository, "commit", "-q", "--amend", "-m", "another history")
    problem = await refused(hive, branch, repository)
    assert "main was moved away from" in problem.message


async def test_a_conflict_is_undone_and_its_files_are_named(
    hive: Hive, branch: Branch, repository: Path
) -> None:
    commit(repository, "b.txt", "another\n")
    problem = await refused(hive, branch, repository, merge=True)
    assert problem.message == "both sides changed b.txt; nothing was landed"
    assert problem.remedy == "merge by hand: git merge hive/fix-1"


async def test_another_repository_is_refused(hive: Hive, branch: Branch, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "other")
    commit(other, "x.txt", "1\n")
    problem = await refused(hive, branch, other)
    assert "which is not in this repository" in problem.message


async def test_nothing_is_landed_while_landing_is_frozen(
    hive: Hive, gateway: FakeGateway, branch: Branch, repository: Path
) -> None:
    before = run_git(repository, "rev-parse", "HEAD")
    gateway.policy.in_force.freeze_landing = True
    gateway.policy.in_force.reason = "the error-budget policy is in `frozen`"
    with pytest.raises(GitProblem, match="landing is frozen: the error-budget policy") as refused:
        await land(hive, branch.mission("fix-1"), repository)
    assert "hive policy override --for 2h" in refused.value.remedy
    assert run_git(repository, "rev-parse", "HEAD") == before
    gateway.policy.in_force.freeze_landing = False
    assert (await land(hive, branch.mission("fix-1"), repository)).new != before
