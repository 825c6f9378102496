"""The step `expand`: the items that a phase fans out over, from the files tracked at the tip."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

import msgspec

from hive_contracts.plan import Item, ItemsListed
from hive_runner.errors import failed
from hive_runner.job import Job
from hive_runner.patterns import regex_of

MAX_ITEMS: Final = 10_000
MAX_BYTES: Final = 2 * 1024 * 1024
"""Of a phase's items together, as JSON: they travel in one message."""


async def expand(job: Job) -> ItemsListed:
    """List a phase's items. Raises StepFailed."""
    globbed = job.lease.task.expand
    if globbed is None:
        raise failed("permanent", "the phase names no patterns to expand")
    mirror = await job.mirror()
    git, index = job.place.git, {"GIT_INDEX_FILE": str(job.workspace.folder / "index")}
    await git.run("read-tree", job.tip.commit, git_dir=mirror.git_dir, env=index)

    async def tracked(*patterns: str) -> list[str]:
        said = await git.run(
            "ls-files", "-z", "--", *patterns,
            git_dir=mirror.git_dir, env=index, statuses=(0, 128),
        )  # fmt: skip
        if said.status:
            raise failed("permanent", f"the patterns cannot be used: {said.stderr.strip()}")
        return _paths(said.stdout)

    without = [_exclusion(pattern[1:]) for pattern in globbed.patterns if pattern.startswith("!")]
    wanted = [pattern for pattern in globbed.patterns if not pattern.startswith("!")]
    files = [pattern for pattern in wanted if not pattern.endswith("/")]
    folders = [pattern for pattern in wanted if pattern.endswith("/")]
    found: set[str] = set()
    if files:
        found |= set(await tracked(*(f":(glob){pattern}" for pattern in files), *without))
    if globbed.per == "directory":
        found = {_parent(path) for path in found}
    if folders:
        found |= _matching(_folders(await tracked(":(glob)**", *without)), folders)
    return ItemsListed(_items(found))


def _items(values: set[str]) -> tuple[Item, ...]:
    if len(values) > MAX_ITEMS:
        raise failed(
            "permanent",
            f"the patterns match {len(values)} items; a phase has at most {MAX_ITEMS}",
        )
    items = tuple(_item(value) for value in sorted(values))
    size = len(msgspec.json.encode(items))
    if size > MAX_BYTES:
        raise failed(
            "permanent",
            f"the items that the patterns match take {size} bytes; at most {MAX_BYTES} are taken:"
            " match folders in place of files, or split the phase",
        )
    return items


def _item(value: str) -> Item:
    return Item(
        value,
        {"path": value, "name": PurePosixPath(value).name or ".", "dir": _parent(value)},
    )


def _parent(path: str) -> str:
    """The folder of a path; `.` at the top."""
    return str(PurePosixPath(path).parent)


def _exclusion(pattern: str) -> str:
    return f":(exclude,glob){pattern}**" if pattern.endswith("/") else f":(exclude,glob){pattern}"


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


def _folders(files: Iterable[str]) -> set[str]:
    """All folders that hold one of these files, at any depth."""
    return {str(folder) for file in files for folder in PurePosixPath(file).parents if folder.name}


def _matching(folders: set[str], patterns: list[str]) -> set[str]:
    regexes = [re.compile(regex_of(pattern.rstrip("/"))) for pattern in patterns]
    return {folder for folder in folders if any(regex.fullmatch(folder) for regex in regexes)}
