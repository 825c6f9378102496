"""Another branch merged into a task's work: by git alone, or by an agent where it conflicts.

The own git directory merges, without a commit. Where that leaves conflicts, the command finds them
marked in its files and ends the merge by mending them. The result has both commits as parents, so
that the other branch holds nothing that the work does not.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.outcome import MAX_NAMED
from hive_contracts.plan import MergeOf
from hive_runner.errors import GitFailed, failed
from hive_runner.repositories.mirror import Mirror
from hive_runner.steps.job import Job

MAX_MARKED: Final = 16 * 1024 * 1024
"""Bytes of a file that are looked at for marks."""
_MARKS: Final = (b"<<<<<<< ", b">>>>>>> ")


class Joined(msgspec.Struct, frozen=True):
    """How a merge went."""

    commit: str
    """What is merged; it is a parent of the result."""
    conflicts: tuple[str, ...] = ()
    """Paths that somebody has to mend."""
    diff: str = ""
    """What is to be mended, as git marks it."""


async def join(job: Job, mirror: Mirror, wanted: MergeOf) -> Joined | None:
    """Begin the merge in the attempt's tree; None where the work holds it already.

    Raises StepFailed, ArtifactUnavailable, GitFailed.
    """
    await mirror.ensure_bundle(wanted.bundle, wanted.commit)
    if await mirror.contains(job.start, wanted.commit):
        return None
    own = job.workspace.own
    try:
        await own("merge", "-q", "--no-ff", "--no-commit", "--no-verify-signatures", wanted.commit)
    except GitFailed as error:
        said = await own("diff", "--name-only", "--diff-filter=U", "-z")
        paths = sorted(path for path in said.stdout.split(b"\0") if path)
        if not paths:
            raise failed(
                "infrastructure", f"{wanted.name} could not be merged", tail=error.stderr
            ) from error
        diff = (await own("diff")).stdout.decode("utf-8", "replace")
        names = tuple(os.fsdecode(path) for path in paths)
        # From here on the index has each of them once, with its marks.
        await own("add", "--all", "--", *(f":(literal){name}" for name in names))
        joined = Joined(wanted.commit, names, diff)
    else:
        joined = Joined(wanted.commit)
    await own("merge", "--quit")
    await job.workspace.overlook(())  # the command's git directory gets the same index
    return joined


def told(job: Job, wanted: MergeOf, joined: Joined) -> Job:
    """With the conflicts in what the agent is asked, unless an attempt before has left more."""
    if job.lease.feedback is not None:
        return job
    detail = f"{wanted.name} conflicts with the branch"
    conflict = failed("conflict", detail, tail=joined.diff, files=joined.conflicts[:MAX_NAMED])
    lease = msgspec.structs.replace(job.lease, feedback=conflict.failure)
    return msgspec.structs.replace(job, lease=lease)


async def check_mended(job: Job, joined: Joined) -> None:
    """Raises StepFailed where marks are left."""
    marked = await asyncio.to_thread(_marked, job.workspace.tree, joined.conflicts)
    if marked:
        named = ", ".join(marked[:MAX_NAMED])
        raise failed("agent", f"marks of conflicts are left in {named}", files=marked[:MAX_NAMED])


def _marked(tree: Path, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if _has_marks(tree / name))


def _has_marks(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        content = b"\n" + file.read(MAX_MARKED)
    return all(b"\n" + mark in content for mark in _MARKS)
