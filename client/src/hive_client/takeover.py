"""A person's own worktree for a task that they took: a clone by itself, and what comes of it.

    clone of the repository ──▶ the task's tip, along its bundles ──▶ what the agent left, on top

It is made under another name and renamed when it is whole, so that a worktree that is there can be
relied on. Nothing of the person's checkout is touched: they share no file but objects of git, which
never change.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from hive_client.branch import fetch_bundle, holds, missing
from hive_client.checkout import GitProblem, git
from hive_client.hive import Hive
from hive_client.taken import Takeover
from hive_contracts.plan import ArtifactRef
from hive_contracts.v1 import mission_pb2

CLONE_SECONDS: Final = 3600
COMMIT_SECONDS: Final = 600
LEFT: Final = "left-by-agent"
"""The branch that the agent's work is put on where it comes when the worktree is there already."""
_NO_HOOKS: Final = ("-c", "core.hooksPath=/dev/null")
_NO_PUSH: Final = "hand it back with hive give"


async def make_worktree(
    hive: Hive, mission: mission_pb2.Mission, task: mission_pb2.TaskView, source: str, path: Path
) -> Takeover:
    """A clone of `source`, a path or URL, at what the task's work stands at now.

    It lies beside its place until it is put there. Raises GitProblem, HiveError, OSError.
    """
    name = f"{task.phase}/{task.name}" if task.phase else task.name
    made = Takeover(
        mission.summary.name,
        name,
        task.task_id,
        task.taken.epoch,
        str(path),
        f"take/{mission.summary.name}/{name}",
        task.taken.tip.commit,
    )
    fresh = _unfinished(path)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    git(
        fresh.parent, *_NO_HOOKS, "clone", "-q", "--no-checkout", "--template=", "--",
        source, str(fresh), seconds=CLONE_SECONDS,
    )  # fmt: skip
    git(fresh, "config", "remote.origin.pushurl", _NO_PUSH)
    base = mission.repository.base
    if not holds(fresh, base):
        git(
            fresh, "fetch", "-q", "--no-tags", "origin", f"+{base}:refs/hive/base",
            check=False, seconds=CLONE_SECONDS,
        )  # fmt: skip
    for link in await missing(hive, task.taken.tip, fresh):
        await fetch_bundle(hive, link.bundle.digest, link.new, fresh, "refs/hive/tip")
    commit = made.tip
    if found := task.taken.found.commit:
        await fetch_bundle(hive, task.taken.found.bundle.digest, found, fresh, "refs/hive/left")
        commit = found
    git(fresh, *_NO_HOOKS, "checkout", "-q", "-b", made.branch, commit, seconds=COMMIT_SECONDS)
    return made


def put(made: Takeover) -> None:
    """Put a worktree that is whole to its place. Raises OSError."""
    path = Path(made.path)
    if path.exists():
        path.rmdir()  # an empty one, which the person named
    _unfinished(path).rename(path)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


async def bring_late(hive: Hive, taken: mission_pb2.TakenView, worktree: Path) -> bool:
    """Fetch what an agent left into a worktree that was made before it came, as a branch.

    False where there is nothing that HEAD does not have. Raises GitProblem, HiveError.
    """
    commit = taken.found.commit
    if not commit:
        return False
    if not holds(worktree, commit):
        await fetch_bundle(hive, taken.found.bundle.digest, commit, worktree, f"refs/heads/{LEFT}")
    known = git(worktree, "merge-base", "--is-ancestor", commit, "HEAD", check=False)
    return known.returncode != 0


def commit_all(takeover: Takeover, note: str) -> str:
    """Commit whatever lies in the worktree, untracked files included; answers the commit.

    Nothing of the person's runs: no hook, no signing, no editor. Raises GitProblem.
    """
    path = Path(takeover.path)
    if git(path, "ls-files", "--unmerged").stdout:
        raise GitProblem(
            "a merge is not finished: files are in conflict", takeover.path,
            "resolve them and `git add` them, then give again",
        )  # fmt: skip
    git(path, *_NO_HOOKS, "add", "--all", seconds=COMMIT_SECONDS)
    if git(path, "diff", "--cached", "--quiet", check=False).returncode != 0:
        title = (note.strip().splitlines() or [f"{takeover.task}, by hand"])[0][:72]
        trailer = f"Hive-Attempt: {takeover.name}/{takeover.epoch}"
        git(
            path, *_NO_HOOKS, *_identity(path), "-c", "commit.gpgSign=false",
            "commit", "-q", "--no-verify", "-m", title, "-m", trailer, seconds=COMMIT_SECONDS,
        )  # fmt: skip
    commit = git(path, "rev-parse", "HEAD").stdout.strip()
    known = git(path, "merge-base", "--is-ancestor", takeover.tip, commit, check=False)
    if known.returncode != 0:
        raise GitProblem(
            f"HEAD does not continue from {takeover.tip[:12]}, where the task starts",
            takeover.path,
            f"git rebase {takeover.tip[:12]}, or switch back: git switch {takeover.branch}",
        )
    return commit


async def hand_in(hive: Hive, takeover: Takeover, commit: str) -> ArtifactRef:
    """Bundle what leads from the tip to a commit, and upload it. Raises GitProblem, HiveError."""
    with tempfile.TemporaryDirectory(prefix="hive-give-") as folder:
        file = Path(folder) / "given.bundle"
        git(
            Path(takeover.path), "bundle", "create", "-q", str(file), f"{takeover.tip}..HEAD",
            seconds=COMMIT_SECONDS,
        )  # fmt: skip
        return await hive.put(file)


def _identity(path: Path) -> tuple[str, ...]:
    """What stands for the person's name where git does not know it."""
    if git(path, "var", "GIT_COMMITTER_IDENT", check=False).returncode == 0:
        return ()
    return ("-c", "user.name=hive", "-c", "user.email=hive@localhost")
