"""The refs of a git directory, read without running git on it.

Where a command could write to it, its configuration may name programs (of a remote that lacks
objects, for one), and git would start them, outside of whatever the command was confined to. Of the
runner's own it saves processes.
"""

import itertools
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SYMBOLIC: Final = "ref: "
_MOST_BYTES: Final = 32 << 20
_MOST_REFS: Final = 10_000


def head(git_dir: Path) -> str:
    """The commit that is checked out there; empty where none is named."""
    said = _text(git_dir / "HEAD").strip()
    if not said.startswith(_SYMBOLIC):
        return _commit(said)
    name = said.removeprefix(_SYMBOLIC)
    if not name.startswith("refs/") or ".." in name:
        return ""
    return named(git_dir, name)


def are_none(git_dir: Path) -> bool:
    """Whether there is no ref at all, but for HEAD."""
    return not (git_dir / "packed-refs").exists() and not any(_files(git_dir / "refs"))


def named(git_dir: Path, name: str) -> str:
    """The commit, or another object, that a ref names; empty where there is no such ref."""
    return _commit(_text(git_dir / name)) or dict(_packed(git_dir)).get(name, "")


def tags(git_dir: Path) -> dict[str, str]:
    """What tags name, by the names of their refs."""
    found = {name: said for name, said in _packed(git_dir) if name.startswith("refs/tags/")}
    for path in _files(git_dir / "refs" / "tags"):
        said = _commit(_text(path))
        if said and path.suffix != ".lock":
            found[path.relative_to(git_dir).as_posix()] = said
    return found


def aside(git_dir: Path) -> set[str]:
    """The commits of branches, and the newest that was stashed."""
    found = {_commit(_text(git_dir / "refs" / "stash"))}
    loose = itertools.islice(_files(git_dir / "refs" / "heads"), _MOST_REFS)
    found.update(_commit(_text(path)) for path in loose)
    found.update(
        commit
        for name, commit in _packed(git_dir)
        if name.startswith("refs/heads/") or name == "refs/stash"
    )
    return found - {""}


def _packed(git_dir: Path) -> Iterator[tuple[str, str]]:
    for line in _text(git_dir / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if _COMMIT.fullmatch(commit):
            yield name, commit


def _files(folder: Path) -> Iterator[Path]:
    for here, _, names in os.walk(folder):
        yield from (Path(here) / name for name in names)


def _commit(text: str) -> str:
    text = text.strip()
    return text if _COMMIT.fullmatch(text) else ""


def _text(path: Path) -> str:
    """Of a file; empty for what is none, a link and a pipe among it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):  # a name may have a NUL
        return ""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return file.read(_MOST_BYTES).decode("utf-8", "surrogateescape")
