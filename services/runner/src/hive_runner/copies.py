"""Ignored files of a person's checkout that an attempt gets: `copy` of the repository file.

Only what git lists as ignored in that checkout, only regular files, and only those that really are
inside of it. They are never part of an attempt's work.
"""

import asyncio
import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.errors import GitFailed, failed
from hive_runner.git import Git

MAX_FILES: Final = 1_000
MAX_BYTES: Final = 256 * 1024 * 1024
_READ_ONLY: Final = ("-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
"""The checkout's own configuration must neither start a program nor have its index written."""


class Copy(msgspec.Struct, frozen=True):
    path: str
    """In the checkout, and in the tree."""
    source: Path
    digest: str


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
                files[path] = await asyncio.to_thread(_checked, top, path)
    _check_amount(list(files.values()))
    return Copies(tuple(files[path] for path in sorted(files)), tuple(notes))


def are_as_brought(copies: Copies, tree: Path) -> bool:
    """Whether a set-up has left them as they were."""
    try:
        return all(_digest(tree / copy.path) == copy.digest for copy in copies.files)
    except OSError:
        return False


async def bring_in(copies: Copies, tree: Path) -> None:
    """Put them into a tree, with their rights. Raises StepFailed where something is in the way."""
    await asyncio.to_thread(_bring_in, copies, tree)


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


def _checked(top: Path, path: str) -> Copy:
    source = top / path
    try:
        real = source.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise failed("permanent", f"{source} cannot be copied in: {error}") from error
    if not real.is_relative_to(top.resolve()):
        raise failed(
            "permanent",
            f"{source} is not copied in: it leads to {real}, out of the repository. Put a file"
            " there, or take it out of `copy` in .hive/repo.yaml",
        )
    mode = real.stat().st_mode
    if not stat.S_ISREG(mode):
        raise failed("permanent", f"{source} is not copied in: it is no file")
    if real.stat().st_size > MAX_BYTES:
        raise _too_much()
    try:
        return Copy(path, real, _digest(real))
    except OSError as error:
        raise failed("permanent", f"{source} cannot be copied in: {error.strerror}") from error


def _digest(path: Path) -> str:
    """Of content and rights. Raises OSError."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{content}-{_rights(path):o}"


def _rights(path: Path) -> int:
    """As a copy has them: its owner may read and write it."""
    return stat.S_IMODE(path.stat().st_mode) | stat.S_IRUSR | stat.S_IWUSR


def _check_amount(files: list[Copy]) -> None:
    if len(files) > MAX_FILES or sum(file.source.stat().st_size for file in files) > MAX_BYTES:
        raise _too_much()


def _too_much() -> Exception:
    return failed(
        "permanent",
        f"`copy` takes in more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB: name fewer in"
        " .hive/repo.yaml, and let the set-up make the rest",
    )


def _bring_in(copies: Copies, tree: Path) -> None:
    root = tree.resolve()
    for copy in copies.files:
        target = tree / copy.path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # A folder that the commit has as a symbolic link would lead out of the tree.
            if not target.parent.resolve().is_relative_to(root):
                raise NotADirectoryError(f"{target.parent} leads out of the worktree")
            content = copy.source.read_bytes()
            rights = _rights(copy.source)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                os.fchmod(descriptor, rights)
        except FileExistsError as error:
            raise failed(
                "permanent",
                f"{copy.path} cannot be copied in: the commit has something of that name. Take it"
                " out of `copy` in .hive/repo.yaml",
            ) from error
        except OSError as error:
            raise failed("infrastructure", f"{copy.path} cannot be copied in: {error}") from error
