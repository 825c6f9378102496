"""Folders that worktrees share: `cache` of the repository file.

    cache: [~/.cache/uv]     a folder of the runner's user; commands find it there, as they would
    cache: [.gradle]         a link in the worktree to <runner>/caches/<repository>/<use>/.gradle

What a link leads to outlives the worktree and is shared by all attempts at once, as far as the
tool's own locks make that safe. Work and gates have caches apart: what an attempt wrote into one
must not decide what a gate says. A cache is a thing that can be made again: the first to go when
the disk is short, unless an attempt is using it.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hive_runner.errors import failed
from hive_runner.repositories.copies import failing
from hive_runner.repositories.removal import remove, set_aside
from hive_shared.worktree import link

Use = Literal["work", "gates"]


class Caches:
    def __init__(self, folder: Path, home: str) -> None:
        """`home` is the home of the runner's user; empty where it has none."""
        self._folder = folder
        self._home = home
        self._users: Counter[Path] = Counter()

    def of(self, repository: str, use: Use) -> Path:
        """Where the shared folders of one repository are."""
        return self._folder / repository / use

    def open_in_home(self, names: Sequence[str]) -> list[Path]:
        """Folders of the user's, made where they are missing."""
        folders = [Path(self._home) / name for name in names] if self._home else []
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise failed(
                    "infrastructure", f"the cache {folder} cannot be made: {error.strerror}"
                ) from error
        return folders

    def link(self, tree: Path, names: Sequence[str], repository: str, use: Use) -> None:
        """Put links to them into a worktree. Raises StepFailed where the commit is in the way."""
        with failing():
            link(tree, names, self.of(repository, use))

    def begin(self, repository: str, use: Use) -> None:
        """An attempt is going to have links: they are in use from here on."""
        shared = self.of(repository, use)
        self._users[shared] += 1
        shared.mkdir(parents=True, exist_ok=True)
        os.utime(shared)

    def end(self, repository: str, use: Use) -> None:
        """An attempt that had links is over."""
        self._users[self.of(repository, use)] -= 1

    def held(self) -> list[tuple[Path, bool]]:
        """All shared folders of repositories, and whether any attempt has a link to them."""
        return [(path, self._users[path] > 0) for path in self._folder.glob("*/*")]

    async def drop(self, shared: Path) -> None:
        """Delete the shared folders of a repository, unless somebody uses them. Raises OSError."""
        if self._users[shared] <= 0:
            # At once, so that whoever begins to use it meanwhile makes a new one.
            await remove(set_aside(shared))
