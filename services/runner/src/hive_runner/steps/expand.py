"""The step `expand`: the items that a phase fans out over, as they are at the tip."""

from collections.abc import Iterable
from typing import Final

import msgspec

from hive_contracts import globs
from hive_contracts.outcome import ItemsListed
from hive_contracts.plan import Globbed, Item
from hive_runner.errors import failed
from hive_runner.steps.job import Job
from hive_runner.steps.printed import printed

MAX_ITEMS: Final = 10_000
MAX_BYTES: Final = 2 * 1024 * 1024
"""Of a phase's items together, as JSON: they travel in one message."""


async def expand(job: Job) -> ItemsListed:
    """List a phase's items. Raises StepFailed."""
    task = job.lease.task
    if task.expand is not None:
        return ItemsListed(_checked(await _globbed(job, task.expand), "the patterns match"))
    if not task.spec.run:
        raise failed("permanent", "the phase names nothing to list its items with")
    return ItemsListed(_checked(await printed(job, MAX_BYTES), "the command printed"))


async def _globbed(job: Job, globbed: Globbed) -> Iterable[Item]:
    mirror = await job.mirror()
    git, index = job.place.git, {"GIT_INDEX_FILE": str(job.workspace.folder / "index")}
    await git.run("read-tree", job.tip.commit, git_dir=mirror.git_dir, env=index)

    async def tracked(pathspecs: Iterable[str]) -> list[str]:
        if not pathspecs:
            return []
        said = await git.run(
            "ls-files", "-z", "--", *pathspecs,
            git_dir=mirror.git_dir, env=index, statuses=(0, 128),
        )  # fmt: skip
        if said.status:
            raise failed("permanent", f"the patterns cannot be used: {said.stderr.strip()}")
        return _paths(said.stdout)

    files = await tracked(globs.file_pathspecs(globbed))
    return globs.found(globbed, files, await tracked(globs.folder_pathspecs(globbed)))


def _checked(items: Iterable[Item], who: str) -> tuple[Item, ...]:
    listed = tuple(items)
    if len(listed) > MAX_ITEMS:
        raise failed("permanent", f"{who} {len(listed)} items; a phase has at most {MAX_ITEMS}")
    size = len(msgspec.json.encode(listed))
    if size > MAX_BYTES:
        raise failed(
            "permanent",
            f"{who} items of {size} bytes in all; at most {MAX_BYTES} are taken:"
            " list folders in place of files, or split the phase",
        )
    return listed


def _paths(listed: bytes) -> list[str]:
    paths = [path for path in listed.split(b"\0") if path]
    try:
        return [path.decode("utf-8") for path in paths]
    except UnicodeDecodeError as error:
        raise failed(
            "permanent",
            f"the name of {error.object!r} is not UTF-8: take it out with a pattern that begins"
            " with `!`",
        ) from error
