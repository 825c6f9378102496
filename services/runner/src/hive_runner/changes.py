"""What a person should see of a change before it is merged: protected paths, and changed tests.

Read from two commits, not from what the command says it did. Renames are not looked for: what
leaves a path has touched it.
"""

import posixpath
import re
from collections.abc import Sequence
from os import fsdecode
from typing import Final

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.files.repository import REPOSITORY_FILE
from hive_contracts.plan import MAX_NAMED, FileChange
from hive_runner.errors import failed, plain
from hive_runner.patterns import Patterns, compiled
from hive_runner.workspace import Workspace

TESTS: Final = compiled(
    (
        "**/test/**", "**/tests/**", "**/__tests__/**", "**/spec/**", "**/testdata/**",
        "**/test_*.py", "**/*_test.py", "**/conftest.py",
        "**/*.test.*", "**/*.spec.*", "**/__snapshots__/**",
        "**/*_test.go", "**/*_spec.rb", "**/*_test.rb",
        "**/*Test.java", "**/*Tests.java", "**/*IT.java", "**/*Test.kt", "**/*Tests.cs",
    )
)  # fmt: skip
"""Where the tests of common layouts are."""
MAX_LINKS: Final = 500
"""New symbolic links whose targets are looked at."""
_SYMLINK: Final = "120000"
_LINKS: Final = frozenset({_SYMLINK, "160000"})
"""Modes of what is entered like a folder: symbolic links and submodules."""


class Changes(msgspec.Struct, frozen=True):
    protected: tuple[str, ...]
    protected_files: int
    tests: tuple[FileChange, ...]
    test_files: int


class _Entry(msgspec.Struct, frozen=True):
    """One path that differs, as git's raw format tells it."""

    path: str
    old_mode: str
    mode: str
    blob: str
    status: str


def protection(file: RepositoryFile) -> Patterns:
    """What the repository file protects. Raises StepFailed where a person has to correct it."""
    try:
        return compiled(file.protect)
    except re.error as error:
        raise failed(
            "permanent", f"`protect` in {REPOSITORY_FILE} has a glob that cannot be used: {error}"
        ) from error


async def changes(workspace: Workspace, start: str, commit: str, protected: Patterns) -> Changes:
    """What differs between two commits of the own git directory. Raises GitFailed."""
    raw = await workspace.own("diff-tree", "-r", "-z", "--no-renames", "--raw", start, commit)
    entries = _entries(raw.stdout)
    touched = await _touched(workspace, entries, protected)
    # New tests hide nothing; what was there and is changed or gone may.
    tests = [entry.path for entry in entries if entry.status != "A" and TESTS.match(entry.path)]
    counted = await _counted(workspace, start, commit) if tests else {}
    shown = [counted.get(path, FileChange(path)) for path in tests[:MAX_NAMED]]
    return Changes(
        protected=tuple(plain(path) for path in touched[:MAX_NAMED]),
        protected_files=len(touched),
        tests=tuple(msgspec.structs.replace(file, path=plain(file.path)) for file in shown),
        test_files=len(tests),
    )


async def _touched(
    workspace: Workspace, entries: Sequence[_Entry], protected: Patterns
) -> list[str]:
    links = 0
    touched: list[str] = []
    for entry in entries:
        is_link = not _LINKS.isdisjoint((entry.old_mode, entry.mode))
        if protected.match(entry.path) or (is_link and protected.reach(entry.path)):
            touched.append(entry.path)
        elif entry.mode == _SYMLINK:
            links += 1
            # So many are no person's doing: they are shown without being looked into.
            if links > MAX_LINKS or await _leads_into(workspace, entry, protected):
                touched.append(entry.path)
    return touched


async def _leads_into(workspace: Workspace, link: _Entry, protected: Patterns) -> bool:
    target = (await workspace.own("cat-file", "blob", link.blob)).stdout
    led = posixpath.normpath(posixpath.join(posixpath.dirname(link.path), fsdecode(target)))
    return led != "." and protected.reach(led)


async def _counted(workspace: Workspace, start: str, commit: str) -> dict[str, FileChange]:
    said = await workspace.own("diff-tree", "-r", "-z", "--no-renames", "--numstat", start, commit)
    found: dict[str, FileChange] = {}
    for line in said.stdout.split(b"\0"):
        if line:
            added, removed, path = line.split(b"\t", 2)
            name = fsdecode(path)
            found[name] = FileChange(name, _number(added), _number(removed))
    return found


def _entries(raw: bytes) -> list[_Entry]:
    fields = raw.split(b"\0")
    found: list[_Entry] = []
    for said, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, mode, _, blob, status = said.decode("ascii").lstrip(":").split(" ")
        found.append(_Entry(fsdecode(path), old_mode, mode, blob, status))
    return found


def _number(text: bytes) -> int:
    """`-` stands for a binary file."""
    return int(text) if text.isdigit() else 0
