"""What a person should see of a change before it is merged: its size, protected paths, and changed
tests.

Read from two commits, not from what the command says it did. Only for the size a rename is one file
with few lines: what leaves a path has touched it.
"""

import posixpath
import re
from collections.abc import Sequence
from os import fsdecode
from typing import Final

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.files.repository import REPOSITORY_FILE
from hive_contracts.outcome import MAX_NAMED, FileChange
from hive_runner.errors import failed, plain
from hive_runner.repositories.patterns import Patterns, compiled
from hive_runner.repositories.workspace import EVERY_SUBMODULE, Workspace

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
_STAT: Final = re.compile(rb"(\d+) (file|insertion|deletion)")
_NONE: Final = "000000"
"""The mode of what is not there."""
_SYMLINK: Final = "120000"
_LINKS: Final = frozenset({_SYMLINK, "160000"})
"""Modes of what is entered like a folder: symbolic links and submodules."""


class Shown(msgspec.Struct, frozen=True):
    """What a person is to see of a change, as the base has it."""

    protected: Patterns
    gated: frozenset[str] = frozenset()
    """Files that gates are made of; they are shown with the tests."""
    tests_wait: bool = True
    """Whether tests that are changed or gone wait for a person, as protected paths do."""


class Changes(msgspec.Struct, frozen=True):
    files: int
    insertions: int
    deletions: int
    """Lines."""
    protected: tuple[str, ...]
    """What waits for a person."""
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


async def changes(
    workspace: Workspace,
    start: str,
    commit: str,
    shown: Shown,
    joins: str = "",
) -> Changes:
    """What differs between two commits of the own git directory. Raises GitFailed.

    `joins` is a commit that was merged in: what came with it is nobody's change here.
    """
    said = await workspace.bare(
        "diff-tree", "-r", "-z", "-M", "--raw", "--shortstat", EVERY_SUBMODULE, start, commit
    )
    raw, _, stat = said.stdout.rpartition(b"\0")
    size = {noun: int(number) for number, noun in _STAT.findall(stat)}
    entries = _entries(raw)
    if joins:
        entries = await _beside(workspace, entries, start, commit, joins)
    # New tests hide nothing; what was there and is changed or gone may.
    known = {entry.path for entry in entries if entry.status != "A" and TESTS.match(entry.path)}
    tests = [entry.path for entry in entries if entry.path in known or entry.path in shown.gated]
    waiting = await _touched(workspace, entries, shown.protected)
    if shown.tests_wait:
        waiting = sorted({*waiting, *known})
    counted = await _counted(workspace, start, commit) if tests else {}
    named = [counted.get(path, FileChange(path)) for path in tests[:MAX_NAMED]]
    return Changes(
        files=size.get(b"file", 0),
        insertions=size.get(b"insertion", 0),
        deletions=size.get(b"deletion", 0),
        protected=tuple(plain(path) for path in waiting[:MAX_NAMED]),
        protected_files=len(waiting),
        tests=tuple(_named(file, shown.gated) for file in named),
        test_files=len(tests),
    )


async def _differing(workspace: Workspace, start: str, commit: str) -> list[_Entry]:
    said = await workspace.bare(
        "diff-tree", "-r", "-z", "--no-renames", "--raw", EVERY_SUBMODULE, start, commit
    )
    return _entries(said.stdout)


async def _beside(
    workspace: Workspace, entries: list[_Entry], start: str, commit: str, joins: str
) -> list[_Entry]:
    """What a merge has otherwise than git would have made it by itself: paths that both sides had
    changed, and those where what came in was undone."""
    said = await workspace.own("merge-base", start, joins, statuses=(0, 1))
    base = said.text.split()[0] if said.text.split() else joins
    ours = {entry.path for entry in await _differing(workspace, base, start)}
    here = {entry.path for entry in entries}
    return [
        entry
        for entry in await _differing(workspace, joins, commit)
        if entry.path in here or entry.path not in ours
    ]


def _named(file: FileChange, gated: frozenset[str]) -> FileChange:
    path = plain(file.path)
    if file.path in gated and not TESTS.match(file.path):
        path = f"{path} (a gate runs it)"
    return msgspec.structs.replace(file, path=path)


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
            if links > MAX_LINKS:
                touched.append(entry.path)
            else:
                touched += await _leading(workspace, entry, protected)
    return touched


async def _leading(workspace: Workspace, link: _Entry, protected: Patterns) -> list[str]:
    """What a person is to see of a new link: nothing, itself, or where outside it leads."""
    target = fsdecode((await workspace.own("cat-file", "blob", link.blob)).stdout)
    led = posixpath.normpath(posixpath.join(posixpath.dirname(link.path), target))
    if led == ".." or led.startswith(("/", "../")):
        return [f"{link.path} (a link out of the repository, to {target})"]
    return [link.path] if led != "." and protected.reach(led) else []


async def _counted(workspace: Workspace, start: str, commit: str) -> dict[str, FileChange]:
    said = await workspace.bare("diff-tree", "-r", "-z", "--no-renames", "--numstat", start, commit)
    found: dict[str, FileChange] = {}
    for line in said.stdout.split(b"\0"):
        if line:
            added, removed, path = line.split(b"\t", 2)
            name = fsdecode(path)
            found[name] = FileChange(name, _number(added), _number(removed))
    return found


def _entries(raw: bytes) -> list[_Entry]:
    """Of git's raw format; a rename is one file that went, and one that is new."""
    fields = iter(raw.split(b"\0"))
    found: dict[bytes, _Entry] = {}
    for said in fields:
        if not said:
            continue
        old_mode, mode, _, blob, status = said.decode("ascii").lstrip(":").split(" ")
        path = next(fields)
        if status.startswith("R"):
            found[path] = _Entry(fsdecode(path), old_mode, _NONE, "", "D")
            path, old_mode, status = next(fields), _NONE, "A"
        found[path] = _Entry(fsdecode(path), old_mode, mode, blob, status)
    return [found[path] for path in sorted(found)]


def _number(text: bytes) -> int:
    """`-` stands for a binary file."""
    return int(text) if text.isdigit() else 0
