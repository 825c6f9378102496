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
import contextlib
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hive_runner.git import IDENTITY, Git, Said
from hive_runner.mirror import Mirror, object_format

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


class Workspace:
    """The folder of one attempt."""

    def __init__(self, folder: Path, git: Git) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self.seen_git = folder / "git"
        self.own_git = folder / "own.git"
        self._git = git

    async def create(self) -> None:
        """An empty folder with an empty tree; what an earlier life of this epoch left goes."""
        await remove(self.folder)
        self.tree.mkdir(parents=True)

    async def check_out(self, mirror: Mirror, commit: str, *, visible: bool = True) -> None:
        """Fill the tree from a commit that the mirror has. `visible` gives it a `.git`.

        The index is shared by copying it, so that neither git directory reads all files again.
        """
        await self._make_own(mirror, commit)
        await self.own("checkout", "-q", "--force", "--detach", commit)
        if visible:
            await self._make_visible(mirror, commit)

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

    async def seen(self, *arguments: str) -> Said:
        """A call on the git directory that the command sees. Raises GitFailed."""
        return await self._git.run(*arguments, git_dir=self.seen_git)

    async def mend(self, mirror: Mirror, commit: str) -> None:
        """Make the own git directory anew where a command has destroyed it."""
        if (self.own_git / "HEAD").exists() and (self.own_git / "index").exists():
            return
        await remove(self.own_git)
        await self._make_own(mirror, commit)
        self.tree.mkdir(exist_ok=True)
        await self.own("read-tree", commit)

    def borrow_seen(self, mirror: Mirror) -> None:
        """Let the own git directory also read what the command committed by itself."""
        lenders = [mirror.git_dir]
        if (self.seen_git / "objects").is_dir():
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
        await self._git.run(
            "init", "-q", "--bare", "--template=", f"--object-format={object_format(commit)}",
            str(self.own_git),
        )  # fmt: skip
        # What is to outlive the machine is in the mirror, which does wait for the disk.
        with (self.own_git / "config").open("a") as file:
            file.write("[core]\n\tfsync = none\n")
        self._borrow(self.own_git, [mirror.git_dir])
        _copy_shallow(mirror.git_dir, self.own_git)

    async def _make_visible(self, mirror: Mirror, commit: str) -> None:
        await self._git.run(
            "init", "-q", "--template=", f"--object-format={object_format(commit)}",
            f"--separate-git-dir={self.seen_git}", str(self.tree),
        )  # fmt: skip
        with (self.seen_git / "config").open("a") as file:
            file.write(_AGENT_CONFIG)
        self._borrow(self.seen_git, [mirror.git_dir])
        _copy_shallow(mirror.git_dir, self.seen_git)
        (self.seen_git / "HEAD").write_text(f"{commit}\n")
        tags = await mirror.tags()
        if tags:
            (self.seen_git / "packed-refs").write_bytes(
                b"# pack-refs with:\n" + tags.encode("utf-8", "surrogateescape")
            )
        # With its times: git takes a file that is not older than the index for perhaps changed.
        if (self.own_git / "index").exists():
            shutil.copy2(self.own_git / "index", self.seen_git / "index")

    def _borrow(self, git_dir: Path, lenders: list[Path]) -> None:
        info = git_dir / "objects" / "info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "alternates").write_text("".join(f"{path}/objects\n" for path in lenders))


async def remove(folder: Path) -> None:
    """Delete a folder, whatever rights its contents have. Raises OSError."""
    await asyncio.to_thread(_remove, folder)


def _remove(folder: Path) -> None:
    if not folder.exists():
        return

    def permit_and_retry(function: Callable[..., Any], path: str, _: Any) -> None:
        """A folder without write permission (Go's module cache makes such) keeps its entries."""
        entry = Path(path)
        # The caller looks whether all is gone.
        with contextlib.suppress(OSError):
            if entry != folder:  # what the folder itself is in is none of our business
                entry.parent.chmod(stat.S_IRWXU)
            if entry.is_dir() and not entry.is_symlink():
                entry.chmod(stat.S_IRWXU)
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()

    # Twice: a process that was just killed may have made a file while the folder was emptied.
    for _ in range(2):
        shutil.rmtree(folder, onerror=permit_and_retry)
        if not folder.exists():
            return
    shutil.rmtree(folder)


def _copy_shallow(mirror: Path, git_dir: Path) -> None:
    """A history that was cut off where it was fetched from is cut off here too."""
    if (mirror / "shallow").exists():
        shutil.copy(mirror / "shallow", git_dir / "shallow")


def _escaped(path: bytes) -> bytes:
    """A path as a pattern of `info/exclude` that means only itself."""
    for special in (b"\\", b"*", b"?", b"["):
        path = path.replace(special, b"\\" + special)
    return path[:-1] + b"\\ " if path.endswith(b" ") else path
