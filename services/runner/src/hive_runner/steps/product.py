"""The file that a task is to make, its `output`; and those that tasks before it made."""

import asyncio
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from hive_contracts.plan import ArtifactRef, Given
from hive_runner.errors import StepFailed, failed
from hive_runner.repositories.workspace import Workspace
from hive_runner.steps.job import Job

MAX_PRODUCT: Final = 16 * 1024 * 1024
"""Bytes."""
_PLAIN: Final = ("100644", "100755")


async def committed(job: Job, commit: str, output: ArtifactRef | None) -> Given | None:
    """The task's file, as a commit has it; None where it is to make none. Raises StepFailed."""
    name = job.lease.task.spec.output
    if not name:
        return None
    workspace = job.workspace
    mode, size = await _entry(workspace, commit, name)
    if mode not in _PLAIN:
        raise _missing(name, output)
    _check_size(name, size, output)
    said = await workspace.own("cat-file", "blob", f"{commit}:{name}")
    return Given(name, await job.place.depot.keep_bytes(said.stdout))


async def lying(job: Job, output: ArtifactRef | None) -> Given | None:
    """The same of a task without a repository. Raises StepFailed."""
    name = job.lease.task.spec.output
    if not name:
        return None
    content = await asyncio.to_thread(_read, job.workspace.tree, name)
    if content is None:
        raise _missing(name, output)
    _check_size(name, len(content), output)
    return Given(name, await job.place.depot.keep_bytes(content))


async def lay_out(job: Job) -> None:
    """Put what tasks before this one made where they had it. Raises ArtifactUnavailable."""
    for given in job.lease.task.given:
        target = job.workspace.tree / given.name
        async with job.place.depot.fetched(given.file.digest) as path:
            target.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(shutil.copyfile, path, target)


async def _entry(workspace: Workspace, commit: str, name: str) -> tuple[str, int]:
    """Mode and size of a path in a commit; an empty mode where it has none."""
    said = await workspace.own("ls-tree", "-z", "--long", "--full-tree", commit, "--", name)
    entry, _, path = said.stdout.rstrip(b"\0").partition(b"\t")
    words = entry.split()
    if len(words) != 4 or os.fsdecode(path) != name or words[1] != b"blob":
        return "", 0
    return words[0].decode(), int(words[3])


def _read(tree: Path, name: str) -> bytes | None:
    """A plain file below a folder, none of whose folders leads elsewhere."""
    try:
        path = tree / name
        if path.resolve() != tree.resolve() / name:
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return file.read(MAX_PRODUCT + 1)
    except OSError:
        return None


def _missing(name: str, output: ArtifactRef | None) -> StepFailed:
    detail = f"the task was to make the file {name}, and it is not there"
    return failed("agent", detail, output=output)


def _check_size(name: str, size: int, output: ArtifactRef | None) -> None:
    if size > MAX_PRODUCT:
        raise failed(
            "agent", f"the file {name} has {size:,} bytes, and {MAX_PRODUCT:,} are allowed",
            output=output,
        )  # fmt: skip
