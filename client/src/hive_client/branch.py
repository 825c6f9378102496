"""A mission's branch, brought into a person's repository.

The tip of `hive/<mission>` is a fact of the hive, and its commits are git bundles, artifacts. Each
names the one before it (`Link`), so what the repository lacks is found from the tip backwards, and
fetched forwards.
"""

import tempfile
from io import BytesIO
from pathlib import Path

import msgspec

from hive_client.checkout import GitProblem, git
from hive_client.errors import Broken
from hive_client.hive import Hive
from hive_contracts.plan import Link
from hive_contracts.v1 import mission_pb2, plan_pb2


def branch_of(mission: mission_pb2.Mission) -> str:
    return f"hive/{mission.summary.name}"


async def fetch_branch(hive: Hive, mission: mission_pb2.Mission, repository: Path) -> str:
    """Fetch the mission's commits as the branch `hive/<mission>`, and answer its tip.

    Touches no other branch and no file. Raises GitProblem, HiveError.
    """
    tip = mission.tip.commit
    if not mission.tip.chain:
        raise GitProblem(
            f"{mission.summary.name} has merged nothing", branch_of(mission), "there is no branch"
        )
    kept = f"refs/hive/fetched/{mission.summary.name}"
    for link in await missing(hive, mission.tip, repository):
        await fetch_bundle(hive, link.bundle.digest, link.new, repository, kept)
    _point(repository, branch_of(mission), tip)
    git(repository, "update-ref", "-d", kept)
    return tip


def holds(repository: Path, commit: str) -> bool:
    """Whether a commit is in a repository."""
    return git(repository, "cat-file", "-e", f"{commit}^{{commit}}", check=False).returncode == 0


async def missing(hive: Hive, tip: plan_pb2.Tip, repository: Path) -> list[Link]:
    """The steps to a tip that the repository lacks, the oldest first.

    Raises GitProblem, HiveError.
    """
    links: list[Link] = []
    commit, chain = tip.commit, tip.chain
    while chain and not holds(repository, commit):
        body = BytesIO()
        await hive.fetch(chain, body)
        link = msgspec.json.decode(body.getvalue(), type=Link)
        if link.new != commit:
            raise Broken(f"the manifest {chain} leads to {link.new}, not {commit}", code="damaged")
        links.append(link)
        commit, chain = link.old, link.previous
    if not holds(repository, commit):
        raise GitProblem(
            f"the mission started from {commit[:12]}, which is not in this repository",
            str(repository),
            "name the right one with --repo PATH, or fetch that commit first",
        )
    return links[::-1]


async def fetch_bundle(hive: Hive, digest: str, commit: str, repository: Path, ref: str) -> None:
    """Bring the commit that a bundle ends in, as a ref. Raises GitProblem, HiveError."""
    with tempfile.NamedTemporaryFile(suffix=".bundle") as file:
        await hive.fetch(digest, file.file)
        file.flush()
        git(
            repository, "fetch", "-q", "--no-tags", "--no-write-fetch-head", file.name,
            f"+{commit}:{ref}",
        )  # fmt: skip


def _point(repository: Path, branch: str, commit: str) -> None:
    """Set the branch, unless it holds commits of the person's own."""
    ref = f"refs/heads/{branch}"
    old = git(repository, "rev-parse", "--verify", "--quiet", ref, check=False).stdout.strip()
    if old == commit:
        return
    if old and git(repository, "merge-base", "--is-ancestor", old, commit, check=False).returncode:
        raise GitProblem(
            f"the branch {branch} has commits of its own",
            str(repository),
            f"rename it first: git branch -m {branch} my-{branch.replace('/', '-')}",
        )
    if git(repository, "symbolic-ref", "-q", "HEAD", check=False).stdout.strip() == ref:
        raise GitProblem(
            f"the branch {branch} is checked out and would move",
            str(repository),
            "switch to another branch: git switch -",
        )
    git(repository, "update-ref", ref, commit, old)
