"""What a worktree gets beside its commit: ignored files of a checkout, links to shared folders.

The same for the attempts of a runner and for `hive gate check`. All calls block.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

MAX_FILES: Final = 1_000
MAX_BYTES: Final = 256 * 1024 * 1024


class WorktreeProblem(Exception):
    """Something cannot be brought into a worktree."""

    def __init__(self, message: str, *, lasting: bool = True) -> None:
        """`lasting`: it stays so until a person corrects something."""
        super().__init__(message)
        self.lasting = lasting


class Copy(msgspec.Struct, frozen=True):
    path: str
    """In the checkout, and in the tree."""
    source: Path
    digest: str
    """Of content and rights."""


def look_at(top: Path, path: str) -> Copy:
    """An ignored file of the checkout at `top`, if it may be copied. Raises WorktreeProblem."""
    source = top / path
    try:
        real = source.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise WorktreeProblem(f"{source} cannot be copied in: {error}") from error
    if not real.is_relative_to(top.resolve()):
        raise WorktreeProblem(
            f"{source} is not copied in: it leads to {real}, out of the repository. Put a file"
            " there, or take it out of `copy` in .hive/repo.yaml",
        )
    mode = real.stat().st_mode
    if not stat.S_ISREG(mode):
        raise WorktreeProblem(f"{source} is not copied in: it is no file")
    if real.stat().st_size > MAX_BYTES:
        raise _too_much()
    try:
        return Copy(path, real, digest(real))
    except OSError as error:
        raise WorktreeProblem(f"{source} cannot be copied in: {error.strerror}") from error


def digest(path: Path) -> str:
    """Of content and rights. Raises OSError."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{content}-{_rights(path):o}"


def _rights(path: Path) -> int:
    """As a copy has them: its owner may read and write it."""
    return stat.S_IMODE(path.stat().st_mode) | stat.S_IRUSR | stat.S_IWUSR


def check_amount(files: Sequence[Copy]) -> None:
    """Raises WorktreeProblem."""
    if len(files) > MAX_FILES or sum(file.source.stat().st_size for file in files) > MAX_BYTES:
        raise _too_much()


def _too_much() -> WorktreeProblem:
    return WorktreeProblem(
        f"`copy` takes in more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB: name fewer in"
        " .hive/repo.yaml, and let the set-up make the rest"
    )


def copy_in(files: Iterable[Copy], tree: Path) -> None:
    """Put them into a tree, with their rights. Raises WorktreeProblem where something is in the
    way."""
    root = tree.resolve()
    for copy in files:
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
            raise WorktreeProblem(
                f"{copy.path} cannot be copied in: the commit has something of that name. Take it"
                " out of `copy` in .hive/repo.yaml"
            ) from error
        except OSError as error:
            raise WorktreeProblem(
                f"{copy.path} cannot be copied in: {error}", lasting=False
            ) from error


def link(tree: Path, names: Iterable[str], shared: Path) -> None:
    """Put links to shared folders into a worktree. Raises WorktreeProblem where the commit is in
    the way."""
    root = tree.resolve()
    for name in names:
        target, place = shared / name, tree / name
        if os.path.lexists(place):
            raise WorktreeProblem(
                f"`cache: {name}` cannot be shared: the commit has something of that name."
                " Take it out of `cache` in .hive/repo.yaml"
            )
        try:
            target.mkdir(parents=True, exist_ok=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.parent.resolve().is_relative_to(root):
                raise NotADirectoryError(f"{place.parent} leads out of the worktree")
            place.symlink_to(target, target_is_directory=True)
        except OSError as error:
            raise WorktreeProblem(
                f"the cache {name} cannot be shared: {error}", lasting=False
            ) from error
