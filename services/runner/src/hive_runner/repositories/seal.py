"""From the files that a command left to one commit, and that commit to a safe place.

The commit's files are those of the tree: untracked ones included, ignored ones not. Its parent is
the command's own last commit if that continues from where the attempt started, else the start.
Nothing here relies on the git directory that the command could write to.
"""

import asyncio
import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.errors import GitFailed, GitTimedOut
from hive_runner.repositories import refs
from hive_runner.repositories.mirror import Mirror
from hive_runner.repositories.names import AttemptName
from hive_runner.repositories.removal import remove_entry
from hive_runner.repositories.workspace import Workspace

log = logging.getLogger(__name__)

WORK_FILE: Final = "work.json"
_GITLINK: Final = b"160000"
_UNREADABLE: Final = "could not open directory"
_NESTED_DEPTH: Final = 16
"""How deep repositories within repositories are looked for."""
_STRAYS: Final = 50
"""Branches of a command that are kept beside its result, at most."""


class Work(msgspec.Struct, frozen=True):
    """What is to be known of an attempt's work, on disk before its command begins."""

    name: AttemptName
    mirror: str = ""
    """The mirror's folder; empty without a repository."""
    start: str = ""
    """The commit that it started from."""
    title: str = ""
    """First line of its commit's message."""
    prepared: str = ""
    """The files as the set-up left them (a tree); empty where it changed no tracked file."""

    private: tuple[str, ...] = ()
    """Paths that no commit may have: what was copied in from the person's checkout, and caches."""

    overlooked: tuple[str, ...] = ()
    """Tracked files of which the tree has the content and the commit a pointer."""

    joins: str = ""
    """A commit that is merged into the work (`joining`): it is a parent of the result, too."""

    @property
    def message(self) -> str:
        return f"{self.title}\n\nHive-Attempt: {self.name.trailer}\n"


def write_down(workspace: Workspace, work: Work) -> None:
    """From here on there may be work in the folder that is nowhere else."""
    (workspace.folder / WORK_FILE).write_bytes(msgspec.json.encode(work))


def written_down(folder: Path) -> Work | None:
    """What an attempt's folder says of its work; None where its command never began."""
    try:
        return msgspec.json.decode((folder / WORK_FILE).read_bytes(), type=Work)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def is_safe(workspace: Workspace) -> None:
    """All work of this folder is in the mirror now."""
    (workspace.folder / WORK_FILE).unlink(missing_ok=True)


class Sealed(msgspec.Struct, frozen=True):
    commit: str
    """Equal to the start where nothing was changed."""
    changed: bool


async def hand_over(workspace: Workspace, mirror: Mirror, work: Work) -> Sealed:
    """Seal what a command left and keep it, in the mirror. Raises GitFailed.

    Where its own commits are not sound, its files are taken without them.
    """
    try:
        return await _hand_over(workspace, mirror, work, with_commits=True)
    except GitTimedOut:
        raise
    except GitFailed as error:
        log.warning("the commits of %s are left out: %s", work.name.trailer, error)
        return await _hand_over(workspace, mirror, work, with_commits=False)


async def _hand_over(
    workspace: Workspace, mirror: Mirror, work: Work, *, with_commits: bool
) -> Sealed:
    sealed = await seal(workspace, mirror, work, with_commits=with_commits)
    if sealed.changed or sealed.commit != work.start:
        await keep(workspace, mirror, work, sealed.commit)
    await keep_strays(workspace, mirror, work, sealed.commit)
    return sealed


async def seal(
    workspace: Workspace, mirror: Mirror, work: Work, *, with_commits: bool = True
) -> Sealed:
    """Commit what a command left, under the attempt's ref. Raises GitFailed.

    A second call makes the same commit again, or one of what has changed since. `with_commits`
    continues from those that the command made by itself.
    """
    (workspace.own_git / "index.lock").unlink(missing_ok=True)
    await workspace.mend(mirror, work.start, work.overlooked)
    workspace.borrow_seen(mirror, lend=with_commits)
    parent = await _parent(workspace, work) if with_commits else work.start
    await _close_submodules(workspace, parent)
    if work.joins:
        await _close_submodules(workspace, work.joins)
    # After a first try its index is that of another parent.
    if parent != work.start or not with_commits:
        # The files differ from the start's, and are not looked at here.
        await workspace.own("read-tree", "-i", "-m", parent)
    await _add_all(workspace, parent, work.joins)
    await _leave_out(workspace, work)
    tree = (await workspace.own("write-tree")).text
    trees = await workspace.own("rev-parse", f"{work.start}^{{tree}}", f"{parent}^{{tree}}")
    start_tree, parent_tree = trees.text.split()
    commit = parent
    if tree != parent_tree or work.joins:
        other = ("-p", work.joins) if work.joins else ()
        made = await workspace.own("commit-tree", "-p", parent, *other, "-m", work.message, tree)
        commit = made.text
    await workspace.own("update-ref", work.name.attempt_ref, commit)
    changed = bool(work.joins) or tree not in (start_tree, work.prepared)
    return Sealed(commit, changed)


async def keep(workspace: Workspace, mirror: Mirror, work: Work, commit: str) -> str:
    """Put a sealed commit under a kept ref of the mirror, and verify it. Returns the ref.

    A kept ref is never pointed at anything else: where this one names other work, the next free
    one is taken. Raises GitFailed.
    """
    ref, number = work.name.kept_ref, 1
    while (found := await mirror.commit_of(ref)) not in ("", commit):
        number += 1
        ref = f"{work.name.kept_ref}-{number}"
    if not found:
        await mirror.keep(workspace.own_git, commit, ref, work.name.task_id)
    if await mirror.commit_of(ref) != commit or not await mirror.has(commit):
        raise GitFailed("fetch", 0, f"{ref} does not hold {commit}")
    return ref


async def keep_if_changed(workspace: Workspace, mirror: Mirror, work: Work) -> str:
    """Seal and keep what an attempt left that is over. Returns the ref, or nothing."""
    sealed = await hand_over(workspace, mirror, work)
    if not sealed.changed and sealed.commit == work.start:
        return ""
    return await keep(workspace, mirror, work, sealed.commit)


async def keep_strays(workspace: Workspace, mirror: Mirror, work: Work, commit: str) -> None:
    """Keep what a command committed or stashed aside, which its result does not contain."""
    strays = await asyncio.to_thread(refs.aside, workspace.seen_git)
    for stray in sorted(strays)[:_STRAYS]:
        contained = await workspace.own(
            "merge-base", "--is-ancestor", stray, commit, statuses=(0, 1, 128)
        )
        if contained.status == 1:
            try:
                await keep(workspace, mirror, work, stray)
            except GitFailed as error:
                log.warning("%s of %s is not kept: %s", stray, work.name.trailer, error)


async def _parent(workspace: Workspace, work: Work) -> str:
    """The command's own last commit if it is sound and continues from the start."""
    try:
        head = await asyncio.to_thread(refs.head, workspace.seen_git)
        if head in ("", work.start):
            return work.start
        await workspace.own("merge-base", "--is-ancestor", work.start, head)
        await workspace.own("rev-list", "--objects", "--quiet", head, f"^{work.start}")
        if work.private and await _touches(workspace, work, head):
            return work.start  # its files are taken all the same, but for those
    except GitFailed:
        return work.start
    return head


async def _touches(workspace: Workspace, work: Work, head: str) -> bool:
    """Whether any commit up to `head` has a path that none may have."""
    said = await workspace.own(
        "log", "--format=%H", "--max-count=1", "--full-history", f"{work.start}..{head}",
        "--", *map(_literal, work.private),
    )  # fmt: skip
    return bool(said.text)


async def _leave_out(workspace: Workspace, work: Work) -> None:
    """Take from the index what no commit may have, however it got there."""
    if work.private:
        await workspace.own(
            "rm", "-q", "-r", "-f", "--cached", "--ignore-unmatch", "--",
            *map(_literal, work.private),
        )  # fmt: skip


def _literal(path: str) -> str:
    """A path as a pathspec that means only itself."""
    return f":(literal){path}"


async def _add_all(workspace: Workspace, parent: str, joins: str = "") -> None:
    """Bring the index to what the tree holds, repositories within it included as files."""
    brought = await _submodules(workspace, joins) if joins else set()
    for _ in range(_NESTED_DEPTH):
        # A repository without a commit cannot be added, nor a file that nobody may read; what is in
        # a folder that nobody may read is left out with a warning.
        added = await workspace.own("add", "--all", "--", ".", statuses=(0, 1, 128))
        if added.status != 0 or _UNREADABLE in added.stderr:
            submodules = await _submodules(workspace, parent)
            if await asyncio.to_thread(_open_up, workspace.tree, submodules | brought):
                continue
            if added.status != 0:
                raise GitFailed("add", added.status, added.stderr)
        found = await _new_gitlinks(workspace, parent)
        paths = [os.fsdecode(path) for path in found]
        paths = [path for path in paths if workspace.tree / path not in brought]
        if not paths:
            return
        await workspace.own("rm", "-q", "-f", "--cached", "--", *paths)
        for path in paths:
            _forget_repository(workspace.tree / path)


async def _new_gitlinks(workspace: Workspace, parent: str) -> list[bytes]:
    """Folders that git would record as a submodule, and so without their files."""
    said = await workspace.own("diff-index", "--cached", "--raw", "-z", "--no-renames", parent)
    fields = said.stdout.split(b"\0")
    changes = zip(fields[::2], fields[1::2], strict=False)
    return [
        path
        for change, path in changes
        if change.split(b" ")[1] == _GITLINK and change.split(b" ")[0] != b":" + _GITLINK
    ]


async def _close_submodules(workspace: Workspace, commit: str) -> None:
    """Let no submodule's folder be a repository: git would ask it for its state, and start what
    its configuration names."""
    for folder in await _submodules(workspace, commit):
        await asyncio.to_thread(_forget_repository, folder)


async def _submodules(workspace: Workspace, commit: str) -> set[Path]:
    """The folders that a commit records as submodules."""
    # With -d it lists folders and submodules, and not each file.
    said = await workspace.own("ls-tree", "-r", "-d", "-z", "--full-tree", commit)
    entries = (entry.split(b"\t", 1) for entry in said.stdout.split(b"\0") if entry)
    return {
        workspace.tree / os.fsdecode(path) for mode, path in entries if mode.startswith(_GITLINK)
    }


def _open_up(tree: Path, submodules: set[Path]) -> bool:
    """Take away what keeps files from being added; answers whether there was anything."""
    changed = False
    for folder, folders, files in os.walk(tree):
        here = Path(folder)
        if here != tree and here not in submodules and ".git" in (*folders, *files):
            _forget_repository(here)
            changed = True
        folders[:] = [name for name in folders if name != ".git"]
        for name in folders:
            changed |= _permit(here / name, 0o700)
        for name in files:
            changed |= name != ".git" and _permit(here / name, 0o400)
    return changed


def _forget_repository(folder: Path) -> None:
    """Make a repository within the tree a plain folder of files."""
    inner = folder / ".git"
    if os.path.lexists(inner):
        remove_entry(inner)


def _permit(path: Path, wanted: int) -> bool:
    """Give the owner the rights to read; answers whether they were missing."""
    if path.is_symlink() or path.stat().st_mode & wanted == wanted:
        return False
    path.chmod(path.stat().st_mode | wanted)
    return True
