"""Where an attempt works: a folder of its own with a tree of files and two git directories.

    <attempts>/<task>-<epoch>/
        tree/       the files; the command's working folder
        git/        the git directory that the command sees, for it to use or to break
        own.git/    the runner's, which the command has no business with: it makes the result
        *.json      what the next runner needs to know after a crash

Both git directories borrow the mirror's objects. A command may commit, move its HEAD, or delete
`.git`: the result is made from the files and from what of its commits is sound.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hive_contracts.outcome import MAX_NAMED
from hive_contracts.plan import ArtifactRef
from hive_runner.errors import GitFailed, failed
from hive_runner.repositories import refs, tracked
from hive_runner.repositories.git import IDENTITY, Git, Said
from hive_runner.repositories.mirror import Mirror, object_format
from hive_runner.repositories.removal import remove, remove_entry
from hive_runner.repositories.warm import Lent, Note

if TYPE_CHECKING:
    from hive_runner.repositories.caches import Use

_AGENT_CONFIG: Final = f"""\
[core]
\thooksPath = /dev/null
\tautocrlf = false
[user]
\tname = {IDENTITY["name"]}
\temail = {IDENTITY["email"]}
[commit]
\tgpgSign = false
[gc]
\tauto = 0
"""
_BEGUN: Final = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")
"""What git leaves in its directory until such a thing is done."""
EVERY_SUBMODULE: Final = "--ignore-submodules=none"
"""For what compares: a `.gitmodules` may say that some are to be ignored."""
_AT_ONCE: Final = 500
"""Paths in one call."""


class Workspace:
    """The folder of one attempt."""

    def __init__(self, folder: Path, git: Git) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        """Its files. With a set-up this is a link, to a place that is used again (`warm`)."""
        self.seen_git = folder / "git"
        self.own_git = folder / "own.git"
        self.note: Note | None = None
        """What the set-up made, where its tree is worth keeping."""
        self.setup_output: ArtifactRef | None = None
        self.lenders: list[Path] = []
        """Git directories that its own ones borrow from."""
        self.shared: list[Path] = []
        """Folders outside of it that its command may change: caches."""
        self.cache: tuple[str, Use] | None = None
        """Whose shared folders it has links to."""
        self._git = git

    async def create(self) -> None:
        """An empty folder with an empty tree; what an earlier life of this epoch left goes."""
        await remove(self.folder)
        self.tree.mkdir(parents=True)

    def live_in(self, tree: Path) -> None:
        """Have the files elsewhere: an empty tree, or one that only a set-up has filled."""
        self.tree.rmdir()
        self.tree.symlink_to(tree, target_is_directory=True)
        self.tree = tree

    @property
    def is_elsewhere(self) -> bool:
        """Whether the files are at another place than in the attempt's folder."""
        return self.tree.parent != self.folder

    def leave(self) -> Path | None:
        """Give up a place elsewhere; answers which, if there was one."""
        if not self.is_elsewhere:
            return None
        left, self.tree = self.tree, self.folder / "tree"
        self.tree.unlink()
        self.tree.mkdir()
        return left

    async def start_over(self) -> None:
        """Be as it was when it was created."""
        for folder in (self.tree, self.own_git, self.seen_git):
            await remove(folder)
        self.tree.mkdir()

    async def check_out(self, mirror: Mirror, commit: str, lent: Lent | None = None) -> str:
        """Fill the tree from a commit that the mirror has, and give it a `.git`.

        Of the tracked files that a `lent` tree has from an earlier attempt only what differs is
        written. Answers the digest of what is tracked now (`tracked`), where the tree
        may be used again.

        The index is shared by copying it, so that neither git directory reads all files again.
        """
        if not self.own_git.exists():
            await self._make_own(mirror, commit)
        if lent is None:
            await self.own("checkout", "-q", "--force", "--detach", commit)
            listed = await self._listed() if self.is_elsewhere else b""
        else:
            listed = await self._update(lent, commit)
        await self._make_visible(mirror, commit)
        if not self.is_elsewhere:
            return ""
        return await asyncio.to_thread(
            tracked.write_down, self.tree.parent, self.own_git / "index", listed
        )

    async def _listed(self) -> bytes:
        """What `ls-files -z` lists."""
        return (await self.own("ls-files", "-z")).stdout

    async def _update(self, lent: Lent, commit: str) -> bytes:
        """From the tracked files of one commit to those of another; answers the list of these."""
        shutil.copy2(self.tree.parent / tracked.INDEX, self.own_git / "index")
        await self.own("read-tree", "-m", commit)
        listed = await self._listed()
        gone = lent.lying - tracked.paths_in(listed)
        await asyncio.to_thread(self._take_away, gone, lent.note.files.keys())
        # Whatever is not exactly as it was checked out, or not there, is written anew.
        await self.own("checkout-index", "-q", "--force", "--all", "--index")
        self.point("HEAD", commit)
        return listed

    def _take_away(self, paths: Iterable[bytes], noted: Container[bytes]) -> None:
        """With the folders that were there for these paths alone."""
        for path in paths:
            gone = self.tree / os.fsdecode(path)
            if os.path.lexists(gone):
                remove_entry(gone)
            while (path := path.rpartition(b"/")[0]) and path not in noted:
                try:
                    (self.tree / os.fsdecode(path)).rmdir()
                except OSError:  # there is something in it, or it went with another
                    break

    async def check_out_to_merge(self, mirror: Mirror, commit: str, branch: str = "") -> None:
        """Be at a commit without its files: git then writes only those that a merge touches.

        What is committed then moves the `branch`, a ref, if there is one.

        Those that say how files are merged are written, wherever they are.
        """
        await self._make_own(mirror, commit)
        (self.own_git / "info").mkdir(exist_ok=True)
        (self.own_git / "info" / "sparse-checkout").write_text(".gitattributes\n")
        with (self.own_git / "config").open("a") as file:
            file.write("[core]\n\tsparseCheckout = true\n")
        on = ["-B", branch.removeprefix("refs/heads/")] if branch else ["--detach"]
        await self.own("checkout", "-q", "--force", *on, commit)

    async def matching(self, mirror: Mirror, commit: str, patterns: Sequence[str]) -> bytes:
        """The entries of a commit that match globs, as `ls-files --stage -z` prints them."""
        if not self.own_git.exists():
            await self._make_own(mirror, commit)
        await self.own("read-tree", commit)
        globs = [f":(glob){pattern}" for pattern in patterns]
        return (await self.own("ls-files", "--stage", "-z", "--", *globs)).stdout

    async def fill(self, git_dir: Path, commit: str, path: str) -> None:
        """Put the files of another repository's commit into a folder of the tree."""
        target = self.tree / path
        if not target.parent.resolve().is_relative_to(self.tree.resolve()) or target.is_symlink():
            raise failed("permanent", f"submodule {path} is to be put where a link leads away")
        target.mkdir(parents=True, exist_ok=True)
        index = {"GIT_INDEX_FILE": str(self.folder / "submodule.index")}
        (self.folder / "submodule.index").unlink(missing_ok=True)
        await self._git.run("read-tree", commit, git_dir=git_dir, env=index)
        await self._git.run(
            "checkout-index", "-q", "--all", "--force", git_dir=git_dir, work_tree=target, env=index
        )

    def seen_state(self) -> bytes:
        """All of the git directory that the command sees but objects and index, as a digest."""
        digest = hashlib.sha256()
        for path in sorted(self.seen_git.rglob("*")):
            inner = path.relative_to(self.seen_git)
            if inner.parts[0] not in ("objects", "index") and path.is_file():
                digest.update(os.fsencode(inner) + b"\0" + path.read_bytes() + b"\0")
        return digest.digest()

    async def own(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        statuses: Sequence[int] = (0,),
    ) -> Said:
        """A call on the runner's own git directory and the tree. Raises GitFailed."""
        return await self._git.run(
            *arguments, git_dir=self.own_git, work_tree=self.tree, env=env, statuses=statuses
        )

    def head(self) -> str:
        """The commit that the own git directory is at. Raises GitFailed."""
        commit = refs.head(self.own_git)
        if not commit:
            raise GitFailed("HEAD", 0, f"{self.own_git} is at no commit")
        return commit

    def point(self, ref: str, commit: str) -> None:
        """Let a ref of the own git directory name a commit, whatever it named before."""
        path = self.own_git / ref
        fresh = path.with_name(f"{path.name}.lock")  # which git takes for no ref
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with fresh.open("x") as file:
            file.write(f"{commit}\n")
        fresh.replace(path)

    async def bare(self, *arguments: str) -> Said:
        """A call on the runner's own git directory alone, in which no file of the tree has a say:
        its `.gitattributes` could call every file a binary one. Raises GitFailed."""
        return await self._git.run(*arguments, git_dir=self.own_git)

    @property
    def is_lost(self) -> bool:
        """Whether a command took its tree away, or put a link to other folders in its place."""
        return self.tree.is_symlink() or not self.tree.is_dir()

    async def unmerged(self) -> tuple[str, ...]:
        """Files in which a merge, or the like, was left with conflicts; the first of them."""
        begun = [self.seen_git / name for name in _BEGUN]
        index = self.seen_git / "index"
        if not any(map(os.path.lexists, begun)) or index.is_symlink() or not index.is_file():
            return ()
        said = await self._git.run(
            "ls-files", "--unmerged", "-z",
            git_dir=self.own_git, env={"GIT_INDEX_FILE": str(index)}, statuses=(0, 128),
        )  # fmt: skip
        paths = {entry.partition(b"\t")[2] for entry in said.stdout.split(b"\0") if entry}
        return tuple(os.fsdecode(path) for path in sorted(paths)[:MAX_NAMED])

    async def mend(self, mirror: Mirror, commit: str, overlooked: Sequence[str] = ()) -> None:
        """Make the own git directory anew where a command has destroyed it."""
        if (self.own_git / "HEAD").exists() and (self.own_git / "index").exists():
            return
        await remove(self.own_git)
        await self._make_own(mirror, commit)
        self.tree.mkdir(exist_ok=True)
        await self.own("read-tree", commit)
        await self._overlook(overlooked)

    async def overlook(self, paths: Sequence[str]) -> None:
        """Never look at these tracked files in the tree: they differ, and that is no change."""
        await self._overlook(paths)
        if self.seen_git.exists():
            self._share_index()

    async def _overlook(self, paths: Sequence[str]) -> None:
        for at in range(0, len(paths), _AT_ONCE):
            await self.own("update-index", "--skip-worktree", "--", *paths[at : at + _AT_ONCE])

    def borrow_seen(self, mirror: Mirror, *, lend: bool = True) -> None:
        """Let the own git directory also read what the command committed by itself, or not."""
        lenders = [mirror.git_dir]
        if lend and (self.seen_git / "objects").is_dir():
            lenders.append(self.seen_git)
        self._borrow(self.own_git, lenders)

    def exclude(self, paths: list[bytes]) -> None:
        """Treat untracked paths as ignored: they are not part of what the command made."""
        lines = b"".join(b"/" + _escaped(path) + b"\n" for path in paths if b"\n" not in path)
        for git_dir in (self.own_git, self.seen_git):
            if git_dir.exists():
                (git_dir / "info").mkdir(exist_ok=True)
                with (git_dir / "info" / "exclude").open("ab") as file:
                    file.write(lines)

    async def _make_own(self, mirror: Mirror, commit: str) -> None:
        await self._git.init(self.own_git, object_format(commit))
        # What is to outlive the machine is in the mirror, which does wait for the disk.
        with (self.own_git / "config").open("a") as file:
            file.write("[core]\n\tfsync = none\n")
        self.lenders = [mirror.git_dir]
        self._borrow(self.own_git, self.lenders)
        _copy_shallow(mirror.git_dir, self.own_git)

    async def _make_visible(self, mirror: Mirror, commit: str) -> None:
        await self._git.init(self.seen_git, object_format(commit), bare=False)
        # Not through a link that an earlier command may have left.
        with (self.tree / ".git").open("x") as file:
            file.write(f"gitdir: {self.seen_git}\n")
        with (self.seen_git / "config").open("a") as file:
            file.write(_AGENT_CONFIG)
        self._borrow(self.seen_git, [mirror.git_dir])
        _copy_shallow(mirror.git_dir, self.seen_git)
        (self.seen_git / "HEAD").write_text(f"{commit}\n")
        tags = await asyncio.to_thread(mirror.tags)
        if tags:
            (self.seen_git / "packed-refs").write_bytes(
                b"# pack-refs with:\n" + tags.encode("utf-8", "surrogateescape")
            )
        self._share_index()

    def _share_index(self) -> None:
        # With its times: git takes a file that is not older than the index for perhaps changed.
        if (self.own_git / "index").exists():
            shutil.copy2(self.own_git / "index", self.seen_git / "index")

    def _borrow(self, git_dir: Path, lenders: list[Path]) -> None:
        info = git_dir / "objects" / "info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "alternates").write_text("".join(f"{path}/objects\n" for path in lenders))


def _copy_shallow(mirror: Path, git_dir: Path) -> None:
    """A history that was cut off where it was fetched from is cut off here too."""
    if (mirror / "shallow").exists():
        shutil.copy(mirror / "shallow", git_dir / "shallow")


def _escaped(path: bytes) -> bytes:
    """A path as a pattern of `info/exclude` that means only itself."""
    for special in (b"\\", b"*", b"?", b"["):
        path = path.replace(special, b"\\" + special)
    return path[:-1] + b"\\ " if path.endswith(b" ") else path
