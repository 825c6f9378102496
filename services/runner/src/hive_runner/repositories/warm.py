"""Worktrees that are kept for the next attempt: those whose set-up is done, for one that would do
the same set-up, and those with so many files that writing them all takes long.

    <runner>/trees/<number>/tree     one attempt at a time works there; its path never changes,
                                     because what a set-up makes often has it inside

    fresh ──set-up──▶ noted ──attempt──▶ swept ──▶ warm ──same key──▶ swept ──▶ lent again
                                           │                            │
                                           └── anything differs ────────┴──▶ deleted

Noted is each file that the set-up made: inode, size, rights and times, the time of the last change
of the inode among them, which no ordinary program can set. Swept means that each noted file is as
it was noted, and that everything else is deleted but tracked files (`tracked`), of which the next
check-out writes what is not as it was checked out. So a warm tree holds exactly what the set-up
made, and files for git to judge, or it is not used.

The notes are in this process's memory alone: no command can reach them, and a runner that starts
finds no warm tree.
"""

import asyncio
import itertools
import logging
import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.repositories import tracked
from hive_runner.repositories.removal import remove, remove_entry

log = logging.getLogger(__name__)

MAX_AGE: Final = 12 * 3600.0
"""Seconds: a set-up that asks the network may find something newer."""
MAX_NOTED: Final = 500_000
"""Files of a tree; with more it is not kept."""
GIT: Final = b".git"
_TICK: Final = 0.02
"""Seconds: longer than the steps in which a kernel tells the time of a change."""

State = tuple[int, ...]
"""What tells that a file was touched."""


class Note(msgspec.Struct, frozen=True):
    """What a set-up made, by paths within the tree. Folders have only their rights."""

    key: str
    made_at: float
    """On the monotonic clock."""
    files: dict[bytes, State]
    tracked: str
    """Digest of what was checked out with it (`tracked`)."""
    folder: State
    """Of a folder that git makes."""


class Trees:
    """The places of worktrees, and those of them that are warm."""

    def __init__(self, folder: Path, most: int) -> None:
        """`most` warm trees are kept; with 0 none is."""
        self._folder = folder
        self._most = most
        self._warm: dict[Path, Note] = {}
        """The one that waits longest first."""
        self._taken: set[Path] = set()

    async def clear(self) -> None:
        """At the start of a runner: what it does not know is nobody's."""
        if self._folder.is_dir():
            for place in sorted(self._folder.iterdir()):
                if place not in self._taken and place not in self._warm:
                    await remove(place)

    def hold(self, tree: Path) -> None:
        """A runner before this one left an attempt's work there."""
        self._taken.add(tree.parent)

    def take_fresh(self) -> Path:
        """A new, empty tree."""
        for number in itertools.count(1):
            place = self._folder / str(number)
            if place not in self._taken and place not in self._warm and not place.exists():
                (place / "tree").mkdir(parents=True)
                self._taken.add(place)
                return place / "tree"
        raise AssertionError  # there is always a next number

    async def take_warm(self, key: str, *, without: Collection[bytes] = ()) -> "Lent | None":
        """A tree that was set up under this key and holds nothing else; None where there is none.

        `without` are paths that must not be among what the set-up made.
        """
        for place, note in list(self._warm.items()):
            if note.key != key or self._warm.pop(place, None) is None:
                continue
            self._taken.add(place)
            fit = time.monotonic() - note.made_at < MAX_AGE and not _overlap(note.files, without)
            lying = await asyncio.to_thread(_swept, place / "tree", note) if fit else None
            if lying is not None:
                return Lent(place / "tree", note, lying)
            await self.drop(place / "tree")
        return None

    def owns(self, tree: Path) -> bool:
        """Whether this is a place of a worktree here."""
        return (
            tree.name == "tree"
            and tree.parent.parent == self._folder
            and tree.parent.name.isdecimal()
            and not tree.parent.is_symlink()
        )

    async def give_back(self, tree: Path, note: Note | None) -> None:
        """An attempt is over. Its tree is kept warm, or goes. Raises OSError."""
        place = tree.parent
        if note is None or self._most == 0 or await asyncio.to_thread(_swept, tree, note) is None:
            await self.drop(tree)
            return
        self._taken.discard(place)
        self._warm[place] = note
        while len(self._warm) > self._most:
            await self._drop_oldest()

    async def drop(self, tree: Path) -> None:
        """Delete a tree that an attempt had. Raises OSError."""
        await remove(tree.parent)
        self._taken.discard(tree.parent)

    def warm(self) -> list[Path]:
        """The warm trees, the one that was used longest ago first."""
        return [place / "tree" for place in self._warm]

    async def forget(self, tree: Path) -> None:
        """Delete a warm tree, if it still is one: the disk is short. Raises OSError."""
        if self._warm.pop(tree.parent, None) is not None:
            await remove(tree.parent)

    async def _drop_oldest(self) -> None:
        place = next(iter(self._warm))
        del self._warm[place]
        await remove(place)


class Lent(msgspec.Struct, frozen=True):
    tree: Path
    note: Note
    lying: frozenset[bytes]
    """Paths of tracked files that may be there."""


async def note_of(tree: Path, key: str, apart: Iterable[bytes], digest: str) -> Note | None:
    """Note what a set-up made: all files of the tree but those of `apart`, which each attempt gets
    anew. None where there are too many.

    When this returns the clock has moved on, so that any later change shows.
    """
    folder = _state(await asyncio.to_thread(tree.stat))
    files = await asyncio.to_thread(_states, tree, frozenset(apart))
    if len(files) > MAX_NOTED:
        return None
    await asyncio.sleep(_TICK)
    return Note(key, time.monotonic(), files, digest, folder)


def note_of_files(tree: Path, key: str, digest: str) -> Note:
    """Note a tree that holds tracked files alone."""
    return Note(key, time.monotonic(), {}, digest, _state(tree.stat()))


def _states(tree: Path, apart: frozenset[bytes]) -> dict[bytes, State]:
    found: dict[bytes, State] = {}
    folders = [b""]
    while folders and len(found) <= MAX_NOTED + len(apart):
        here = folders.pop()
        for path, entry in _entries(tree, here):
            if path in apart or path == GIT:
                continue
            found[path] = _state(entry.stat(follow_symlinks=False))
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
    # The folders of tracked files come with those, unless the set-up put something into them.
    given = {parent for path in apart for parent in _parents(path)}
    made = {path for path in found if path not in given or not _is_folder(found[path])}
    needed = made | {parent for path in made for parent in _parents(path)}
    return {path: state for path, state in found.items() if path in needed}


def _swept(tree: Path, note: Note) -> frozenset[bytes] | None:
    """Delete what is neither noted nor tracked. Answers the tracked paths, or None where what is
    noted is not as it was."""
    lying = tracked.read(tree.parent, note.tracked)
    if lying is None:
        return None
    above = {parent for path in lying for parent in _parents(path)}
    met = 0
    folders = [b""]
    try:
        while folders:
            here = folders.pop()
            for path, entry in list(_entries(tree, here)):
                noted = note.files.get(path)
                if noted is None and path in above and entry.is_dir(follow_symlinks=False):
                    if _state(entry.stat(follow_symlinks=False)) != note.folder:
                        return None
                    folders.append(path)
                elif noted is None:
                    if path not in lying or entry.is_dir(follow_symlinks=False):
                        remove_entry(Path(os.fsdecode(entry.path)))
                elif noted != _state(entry.stat(follow_symlinks=False)):
                    return None
                else:
                    met += 1
                    if _is_folder(noted):
                        folders.append(path)
    except OSError as error:
        log.info("%s is not kept warm: %s", tree, error)
        return None
    return lying if met == len(note.files) else None


def _overlap(files: Mapping[bytes, State], paths: Iterable[bytes]) -> bool:
    """Whether a path is one that a set-up made, or is below one that is no folder."""
    return any(
        path in files
        or any(parent in files and not _is_folder(files[parent]) for parent in _parents(path))
        for path in paths
    )


def _entries(tree: Path, here: bytes) -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
    """What is in a folder of the tree, with its path within the tree."""
    with os.scandir(os.fsencode(tree) + b"/" + here) as entries:
        for entry in entries:
            yield (here + b"/" + entry.name if here else entry.name), entry


def _parents(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def _is_folder(state: State) -> bool:
    return stat.S_ISDIR(state[0])


def _state(found: os.stat_result) -> State:
    if stat.S_ISDIR(found.st_mode):
        return (found.st_mode, found.st_uid, found.st_gid)
    return (
        found.st_mode, found.st_uid, found.st_gid, found.st_ino, found.st_dev, found.st_size,
        found.st_mtime_ns, found.st_ctime_ns,
    )  # fmt: skip
