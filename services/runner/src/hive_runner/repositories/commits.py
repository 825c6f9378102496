"""What the commits of a mirror hold. A commit never changes, and nothing is pruned from a mirror:
what was read of one is not read again while it is remembered.
"""

from collections import OrderedDict
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.files.repository import REPOSITORY_FILE
from hive_runner.repositories.git import Git

SUBMODULES_FILE: Final = ".gitmodules"
GITLINK: Final = b"160000"
"""The mode of a submodule."""
_TOGETHER: Final = (REPOSITORY_FILE, SUBMODULES_FILE)
"""Files that are read of each base: who asks for one will ask for the other."""
_LARGE: Final = 2_000
"""Files."""
_MOST: Final = 1_000
"""Commits that are remembered."""
_MOST_TEXT: Final = 64 * 1024
"""Characters of a file that is remembered."""


class _Facts(msgspec.Struct):
    is_whole: bool = False
    tree: str = ""
    texts: dict[str, str | None] = {}
    submodules: frozenset[bytes] | None = None


class Commits:
    """Those of one mirror."""

    def __init__(self, git_dir: Path, git: Git) -> None:
        self._git_dir = git_dir
        self._git = git
        self._facts: OrderedDict[str, _Facts] = OrderedDict()
        self._are_large: bool | None = None

    def is_whole(self, commit: str) -> bool:
        """Whether it is known to be here with everything that it needs."""
        return commit in self._facts and self._facts[commit].is_whole

    def note_whole(self, commit: str) -> None:
        self._of(commit).is_whole = True

    async def tree_of(self, commit: str) -> str:
        """The name of all its files together. Raises GitFailed."""
        facts = self._of(commit)
        if not facts.tree:
            said = await self._git.run(
                "rev-parse", "--verify", f"{commit}^{{tree}}", git_dir=self._git_dir
            )
            facts.tree = said.text
        return facts.tree

    async def text_of(self, commit: str, path: str) -> str | None:
        """A tracked file's text; None where the commit has no such file. Raises GitFailed."""
        facts = self._of(commit)
        if path not in facts.texts:
            paths = _TOGETHER if path in _TOGETHER else (path,)
            tree, *texts = await self._read(f"{commit}^{{tree}}", *(f"{commit}:{p}" for p in paths))
            found = dict(zip(paths, texts, strict=True))
            if tree is None:  # it is not here yet
                return None
            facts.tree = tree.name
            read = {at: _text(blob) for at, blob in found.items()}
            facts.texts |= {at: t for at, t in read.items() if t is None or len(t) <= _MOST_TEXT}
            return read[path]
        return facts.texts[path]

    async def submodules_of(self, commit: str) -> frozenset[bytes]:
        """The paths that it records as submodules. Raises GitFailed."""
        facts = self._of(commit)
        if facts.submodules is None:
            # With -d it lists folders and submodules, and not each file.
            only = ["-d"] if self._are_large is not None else []
            said = await self._git.run(
                "ls-tree", "-r", *only, "-z", "--full-tree", commit, git_dir=self._git_dir
            )
            if self._are_large is None:
                self._are_large = said.stdout.count(b"\0") >= _LARGE
            facts.submodules = submodules_in(said.stdout)
        return facts.submodules

    async def are_large(self, commit: str) -> bool:
        """Whether they have so many files that writing all of them takes long; it is asked of the
        first one that somebody looks at. Raises GitFailed."""
        if self._are_large is None:
            await self.submodules_of(commit)
        return bool(self._are_large)

    async def _read(self, *names: str) -> list["_Object | None"]:
        """Objects by names of which none has a line's end; None for those that are not here."""
        said = await self._git.run(
            "cat-file", "--batch", git_dir=self._git_dir,
            stdin="".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"),
        )  # fmt: skip
        found: list[_Object | None] = []
        left = said.stdout
        for _ in names:
            head, _, left = left.partition(b"\n")
            if head.endswith(b" missing"):
                found.append(None)
                continue
            name, kind, size = head.decode("ascii").split(" ")
            found.append(_Object(name, kind, left[: int(size)]))
            left = left[int(size) + 1 :]
        return found

    def _of(self, commit: str) -> _Facts:
        facts = self._facts.setdefault(commit, _Facts())
        self._facts.move_to_end(commit)
        if len(self._facts) > _MOST:
            self._facts.popitem(last=False)
        return facts


class _Object(msgspec.Struct, frozen=True):
    name: str
    kind: str
    content: bytes


def submodules_in(listed: bytes) -> frozenset[bytes]:
    """The paths of submodules in what `ls-tree -z` lists."""
    entries = (entry.partition(b"\t") for entry in listed.split(b"\0") if entry)
    return frozenset(path for mode, _, path in entries if mode.startswith(GITLINK))


def _text(blob: _Object | None) -> str | None:
    if blob is None or blob.kind != "blob":
        return None
    return blob.content.decode("utf-8", "replace")
