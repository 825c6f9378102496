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
from hive_runner.repositories.commits import GITLINK, submodules_in
from hive_runner.repositories.mirror import Mirror
from hive_runner.repositories.names import AttemptName
from hive_runner.repositories.removal import remove_entry
from hive_runner.repositories.workspace import EVERY_SUBMODULE, Workspace

log = logging.getLogger(__name__)

WORK_FILE: Final = "work.json"
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
    kept: str = ""
    """The kept ref that holds it; none where there is nothing to keep."""


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
        kept = await keep(workspace, mirror, work, sealed.commit)
        sealed = msgspec.structs.replace(sealed, kept=kept)
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
    submodules = await _submodules(workspace, mirror, work, parent)
    brought = await _submodules(workspace, mirror, work, work.joins) if work.joins else set()
    await asyncio.to_thread(_close, submodules | brought)
    # After a first try its index is that of another parent.
    if parent != work.start or not with_commits:
        # The files differ from the start's, and are not looked at here.
        await workspace.own("read-tree", "-i", "-m", parent)
    differs = await _add_all(workspace, work, parent, submodules, brought)
    if not differs and parent == work.start and not work.joins:
        return Sealed(parent, changed=False)
    tree = (await workspace.own("write-tree")).text
    commit = parent
    if differs or work.joins:
        other = ("-p", work.joins) if work.joins else ()
        made = await workspace.own("commit-tree", "-p", parent, *other, "-m", work.message, tree)
        commit = made.text
    workspace.point(work.name.attempt_ref, commit)
    if work.joins or (differs and parent == work.start):
        return Sealed(commit, changed=bool(work.joins) or tree != work.prepared)
    start_tree = await mirror.commits.tree_of(work.start)
    return Sealed(commit, changed=tree not in (start_tree, work.prepared))


async def keep(workspace: Workspace, mirror: Mirror, work: Work, commit: str) -> str:
    """Put a sealed commit under a kept ref of the mirror, and verify it. Returns the ref.

    A kept ref is never pointed at anything else: where this one names other work, the next free
    one is taken. Raises GitFailed.
    """
    ref, number = work.name.kept_ref, 1
    while (named := mirror.named(ref)) not in ("", commit):
        number += 1
        ref = f"{work.name.kept_ref}-{number}"
    if not named or await mirror.commit_of(ref) != commit:
        await mirror.keep(workspace.own_git, commit, ref, work.name.task_id)
        if await mirror.commit_of(ref) != commit:
            raise GitFailed("fetch", 0, f"{ref} does not hold {commit}")
    return ref


async def keep_if_changed(workspace: Workspace, mirror: Mirror, work: Work) -> str:
    """Seal and keep what an attempt left that is over. Returns the ref, or nothing."""
    return (await hand_over(workspace, mirror, work)).kept


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


async def _add_all(
    workspace: Workspace, work: Work, parent: str, submodules: set[Path], brought: set[Path]
) -> bool:
    """Bring the index to what the tree holds, repositories within it included as files. Answers
    whether it differs from the parent then.

    `submodules` are the parent's, and `brought` those of a commit that is merged in.
    """
    for _ in range(_NESTED_DEPTH):
        # A repository without a commit cannot be added, nor a file that nobody may read; what is in
        # a folder that nobody may read is left out with a warning.
        added = await workspace.own("add", "--all", "--", ".", statuses=(0, 1, 128))
        if added.status != 0 or _UNREADABLE in added.stderr:
            if await asyncio.to_thread(_open_up, workspace.tree, submodules | brought):
                continue
            if added.status != 0:
                raise GitFailed("add", added.status, added.stderr)
        await _leave_out(workspace, work)
        differing = await _differing(workspace, parent)
        paths = [os.fsdecode(each.path) for each in differing if each.is_new_submodule]
        paths = [path for path in paths if workspace.tree / path not in brought]
        if not paths:
            return bool(differing)
        await workspace.own("rm", "-q", "-f", "--cached", "--", *paths)
        for path in paths:
            _forget_repository(workspace.tree / path)
    return bool(await _differing(workspace, parent))


class _Differing(msgspec.Struct, frozen=True):
    """A path that the index has otherwise than a commit."""

    path: bytes
    is_new_submodule: bool
    """A folder that git would record as a submodule, and so without its files."""


async def _differing(workspace: Workspace, commit: str) -> list[_Differing]:
    said = await workspace.own(
        "diff-index", "--cached", "--raw", "-z", "--no-renames", EVERY_SUBMODULE, commit
    )
    fields = said.stdout.split(b"\0")
    found = []
    for change, path in zip(fields[::2], fields[1::2], strict=False):
        before, after = change.lstrip(b":").split(b" ")[:2]
        found.append(_Differing(path, after == GITLINK and before != GITLINK))
    return found


def _close(submodules: set[Path]) -> None:
    """Let no submodule's folder be a repository: git would ask it for its state, and start what
    its configuration names."""
    for folder in submodules:
        _forget_repository(folder)


async def _submodules(workspace: Workspace, mirror: Mirror, work: Work, commit: str) -> set[Path]:
    """The folders that a commit records as submodules."""
    if commit in (work.start, work.joins):  # the mirror has these
        found = await mirror.commits.submodules_of(commit)
    else:
        said = await workspace.own("ls-tree", "-r", "-d", "-z", "--full-tree", commit)
        found = submodules_in(said.stdout)
    return {workspace.tree / os.fsdecode(path) for path in found}


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
