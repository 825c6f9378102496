"""Bringing a mission's branch into the branch that a person has checked out."""

from pathlib import Path

import msgspec

from hive_client.branch import branch_of, fetch_branch, holds
from hive_client.checkout import Checkout, GitProblem, git, read_checkout
from hive_client.hive import Hive
from hive_contracts.v1 import mission_pb2


class Landed(msgspec.Struct, frozen=True):
    branch: str
    """That the mission was landed into; empty where HEAD is detached."""
    old: str
    new: str
    """`old` where it had been landed before."""


async def land(
    hive: Hive, mission: mission_pb2.Mission, repository: Path, *, merge: bool = False
) -> Landed:
    """Fast-forward the checked-out base branch; with `merge`, merge where it has gone on.

    Refuses, and changes nothing, where the mission has not succeeded, or landing is frozen, or the
    checkout is dirty, or is not of the branch that the mission started from, or has gone on and
    `merge` is not set, or where both sides changed the same lines. Raises GitProblem, HiveError.
    """
    _check_succeeded(mission)
    await _check_frozen(hive, mission)
    checkout = read_checkout(repository)
    _check_clean(checkout)
    _check_place(checkout, mission)
    tip = await fetch_branch(hive, mission, checkout.path)
    if not merge:
        _check_at_base(checkout, mission, tip)
    merged = git(
        checkout.path, "merge", "-q", "--ff", "--no-edit", "-m", f"Land {branch_of(mission)}", tip,
        check=False,
    )  # fmt: skip
    if merged.returncode != 0:
        raise _undone(checkout, mission, merged.stdout + merged.stderr)
    new = git(checkout.path, "rev-parse", "HEAD").stdout.strip()
    return Landed(checkout.branch, checkout.commit, new)


def _check_succeeded(mission: mission_pb2.Mission) -> None:
    """Raises GitProblem where the branch may be half of the work, or work that no gate let pass.

    A view may be late: who has just heard of the end asks for one at that event's position.
    """
    if mission.summary.status != "succeeded":
        name, again = mission.summary.name, mission.again_as
        raise GitProblem(
            f"the mission is {mission.summary.status}; only one that succeeded is landed",
            name,
            f"it goes on as {again}, which has its work too: hive land {again}"
            if again
            else f"look at it with `hive diff {name}` and merge by hand",
        )


async def _check_frozen(hive: Hive, mission: mission_pb2.Mission) -> None:
    """Raises GitProblem while the error-budget policy lets nothing be landed."""
    in_force = (await hive.operations.policy()).in_force
    if in_force.freeze_landing:
        raise GitProblem(
            f"landing is frozen: {in_force.reason}",
            mission.summary.name,
            "wait until the budget has recovered (`hive policy show`); whoever has the admin's"
            ' token can lift it: hive policy override --for 2h --reason "…"',
        )


def repository_of(mission: mission_pb2.Mission, given: Path | None) -> Path:
    """The repository that a person named, else the one of the mission if it is here, else `.`."""
    if given is not None:
        return given
    url = mission.repository.url
    return Path(url) if url.startswith("/") and Path(url).is_dir() else Path()


def _check_clean(checkout: Checkout) -> None:
    bare = git(checkout.path, "rev-parse", "--is-bare-repository").stdout.strip() == "true"
    if bare:
        raise GitProblem(
            "the repository has no checkout", str(checkout.path), "name a checkout with --repo PATH"
        )
    dirty = git(checkout.path, "status", "--porcelain", "--untracked-files=no").stdout
    if dirty:
        files = ", ".join(line[3:] for line in dirty.splitlines()[:5])
        raise GitProblem(
            f"the checkout has changes that are not committed: {files}",
            str(checkout.path),
            "commit or stash them first",
        )


def _check_place(checkout: Checkout, mission: mission_pb2.Mission) -> None:
    base, branch = mission.repository.base, mission.repository.branch
    where = str(checkout.path)
    if not holds(checkout.path, base):
        raise GitProblem(
            f"the mission started from {base[:12]}, which is not in this repository",
            where,
            "name the right one with --repo PATH",
        )
    if branch and checkout.branch != branch:
        raise GitProblem(
            f"the mission started from {branch}; you are on {checkout.branch or 'no branch'}",
            where,
            f"git switch {branch}",
        )
    known = git(checkout.path, "merge-base", "--is-ancestor", base, "HEAD", check=False)
    if known.returncode != 0:
        raise GitProblem(
            f"{branch or 'HEAD'} was moved away from {base[:12]}, where the mission started",
            where,
            f"look at it with `hive diff`, then: git merge {branch_of(mission)}",
        )


def _check_at_base(checkout: Checkout, mission: mission_pb2.Mission, tip: str) -> None:
    """Raises GitProblem where what would be landed is a merge that no gate has seen."""
    for older, newer in (("HEAD", tip), (tip, "HEAD")):
        ancestor = git(checkout.path, "merge-base", "--is-ancestor", older, newer, check=False)
        if ancestor.returncode == 0:
            return
    name = mission.summary.name
    raise GitProblem(
        f"{checkout.branch or 'HEAD'} has gone on since {mission.repository.base[:12]}, where the"
        " mission started; no gate has seen what both make together",
        str(checkout.path),
        f"merge it all the same: hive land {name} --merge; or give its mission to `hive run` once"
        f" more, which starts from {checkout.branch or 'HEAD'} as it is now",
    )


def _undone(checkout: Checkout, mission: mission_pb2.Mission, said: str) -> GitProblem:
    """Leave the checkout as it was, and say why."""
    unmerged = git(checkout.path, "diff", "--name-only", "--diff-filter=U").stdout.split("\n")
    files = [name for name in unmerged if name]
    git(checkout.path, "merge", "--abort", check=False)
    if files:
        return GitProblem(
            f"both sides changed {', '.join(files[:8])}; nothing was landed",
            str(checkout.path),
            f"merge by hand: git merge {branch_of(mission)}",
        )
    return GitProblem(
        f"git would not merge: {said.strip()[-500:]}",
        str(checkout.path),
        f"merge by hand: git merge {branch_of(mission)}",
    )
