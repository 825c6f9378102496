"""Ignored files of a person's checkout that an attempt gets: `copy` of the repository file.

Only what git lists as ignored in that checkout, only regular files, and only those that really are
inside of it. They are never part of an attempt's work.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.outcome import FailureKind
from hive_runner.errors import GitFailed, failed
from hive_runner.repositories.git import Git
from hive_shared.worktree import Copy, WorktreeProblem, check_amount, copy_in, digest, look_at

_READ_ONLY: Final = ("-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
"""The checkout's own configuration must neither start a program nor have its index written."""


class Copies(msgspec.Struct, frozen=True):
    files: tuple[Copy, ...] = ()
    notes: tuple[str, ...] = ()
    """What was asked for and is not there, for the output of the set-up."""

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(copy.path for copy in self.files)


async def find(git: Git, url: str, patterns: Sequence[str]) -> Copies:
    """What `patterns` name in the checkout at `url`. Raises StepFailed (permanent)."""
    if not patterns:
        return Copies()
    named = ", ".join(patterns)
    if not url.startswith("/"):
        return Copies(notes=(f"not copied in: {named}. The repository is not on this machine",))
    top = Path(url)
    git_dir = await _git_dir(git, top)
    if git_dir is None:
        return Copies(notes=(f"not copied in: {named}. {top} has no checked out files",))
    files: dict[str, Copy] = {}
    notes: list[str] = []
    for pattern in patterns:
        found = await _ignored(git, git_dir, top, pattern)
        if not found:
            notes.append(f"not copied in: {pattern}. No ignored file of {top} has that name")
        for path in found:
            if path not in files:
                files[path] = await asyncio.to_thread(_looked_at, top, path)
    with failing():
        check_amount(list(files.values()))
    return Copies(tuple(files[path] for path in sorted(files)), tuple(notes))


def are_as_brought(copies: Copies, tree: Path) -> bool:
    """Whether a set-up has left them as they were."""
    try:
        return all(digest(tree / copy.path) == copy.digest for copy in copies.files)
    except OSError:
        return False


async def bring_in(copies: Copies, tree: Path) -> None:
    """Put them into a tree, with their rights. Raises StepFailed where something is in the way."""
    with failing():
        await asyncio.to_thread(copy_in, copies.files, tree)


@contextmanager
def failing() -> Iterator[None]:
    """What is wrong with a worktree's files, as the end of a step."""
    try:
        yield
    except WorktreeProblem as problem:
        kind: FailureKind = "permanent" if problem.lasting else "infrastructure"
        raise failed(kind, str(problem)) from problem


def _looked_at(top: Path, path: str) -> Copy:
    with failing():
        return look_at(top, path)


async def _git_dir(git: Git, top: Path) -> Path | None:
    """Of a checkout; None where there is no work tree."""
    inner = top / ".git"
    if inner.is_dir():
        return inner
    if not inner.is_file():
        return None
    try:  # a worktree, or a submodule
        said = await git.run("rev-parse", "--absolute-git-dir", inside=top)
    except GitFailed:
        return None
    return Path(said.text)


async def _ignored(git: Git, git_dir: Path, top: Path, pattern: str) -> list[str]:
    said = await git.run(
        *_READ_ONLY, "ls-files", "-z", "--others", "--ignored", "--exclude-standard",
        "--", f":(glob){pattern.rstrip('/')}", f":(glob){pattern.rstrip('/')}/**",
        git_dir=git_dir, work_tree=top,
    )  # fmt: skip
    try:
        return [path.decode("utf-8") for path in said.stdout.split(b"\0") if path]
    except UnicodeDecodeError as error:
        raise failed(
            "permanent", f"`copy: {pattern}` takes in {error.object!r}, which is not UTF-8"
        ) from error
