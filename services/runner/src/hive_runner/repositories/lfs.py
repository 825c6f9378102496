"""Files that are kept with Git LFS: their content, for commands to read.

    commit: pointer (oid) ──git lfs fetch──▶ mirror/lfs/objects ──copy──▶ the file in the tree

The runner downloads with its user's credentials, into the mirror. The index goes on holding the
pointers, and says of these files that the tree is not to be looked at: so their content is never
taken for a change, and a changed one is no part of an attempt's work.
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.errors import failed
from hive_runner.repositories.mirror import Mirror
from hive_runner.repositories.workspace import Workspace

_ATTRIBUTES: Final = ".gitattributes"
_FILTER: Final = "filter=lfs"
_NAMED: Final = 5
_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\n"
)
_POINTER_BYTES: Final = 1024
"""Of a pointer, at most, as its specification says."""


class Pointer(msgspec.Struct, frozen=True):
    path: str
    oid: str


async def pointers(workspace: Workspace, mirror: Mirror, commit: str) -> list[Pointer]:
    """The files of the checked out commit that are pointers."""
    if not _has_attributes(workspace):
        return []
    attributes = await mirror.commits.text_of(commit, _ATTRIBUTES)
    if attributes is None or _FILTER not in attributes:
        return []
    said = await workspace.own("ls-files", "-z", "--", f":(attr:{_FILTER})")
    paths = [os.fsdecode(path) for path in said.stdout.split(b"\0") if path]
    found = ((path, _oid(workspace.tree / path)) for path in paths)
    return [Pointer(path, oid) for path, oid in found if oid]


def _has_attributes(workspace: Workspace) -> bool:
    """Of a tree that was just checked out: without the file its commit has none."""
    return os.path.lexists(workspace.tree / _ATTRIBUTES)


async def fill(
    workspace: Workspace, mirror: Mirror, url: str, commit: str, wanted: Sequence[Pointer]
) -> None:
    """Put the content of pointers into the tree. Raises StepFailed (infrastructure)."""
    missing = [each for each in wanted if not _stored(mirror, each.oid).exists()]
    if missing:
        await mirror.fetch_large(url, commit)
    for each in wanted:
        try:
            _put(_stored(mirror, each.oid), workspace.tree / each.path)
        except FileNotFoundError as error:
            raise failed(
                "infrastructure",
                f"the content of {each.path} is not in the Git LFS of {url}: push it there, or"
                " write `lfs: false` into .hive/repo.yaml to work with the pointers",
            ) from error
    await workspace.overlook([each.path for each in wanted])


def missing_tool(wanted: Sequence[Pointer]) -> str:
    """What a person is told where the runner's machine has no git-lfs."""
    named = ", ".join(each.path for each in wanted[:_NAMED])
    more = " and others" if len(wanted) > _NAMED else ""
    return (
        f"{len(wanted)} files are kept with Git LFS and are pointers here, not their content:"
        f" {named}{more}. Where the work needs one, install git-lfs on the runner's machine"
    )


def _stored(mirror: Mirror, oid: str) -> Path:
    return mirror.git_dir / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def _put(source: Path, target: Path) -> None:
    mode = target.stat().st_mode
    fresh = target.with_name(f"{target.name}.hive-lfs")
    shutil.copyfile(source, fresh)
    fresh.chmod(mode)
    fresh.replace(target)


def _oid(path: Path) -> str:
    """Of a pointer file; empty where it is none."""
    try:
        if path.is_symlink() or path.stat().st_size > _POINTER_BYTES:
            return ""
        match = _POINTER.match(path.read_bytes())
    except OSError:
        return ""
    return match[1].decode() if match else ""
