"""A HOME of its own for one command: of its person's HOME it finds what was named, and no more.

In the sandbox a folder of the attempt lies where HOME is. What was named, and what the command
needs to start, lies in it at its own place, and links on the way are made anew: nothing gets a
second name, by which something hidden could be reached. Without a sandbox HOME is that folder
itself, with links to what was named.
"""

import errno
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

_MAX_LINKS: Final = 40
"""On the way to one file, as the kernel has it."""


class Home(msgspec.Struct, frozen=True):
    folder: Path
    """Of the attempt, with which it goes."""
    told: Path
    """The person's HOME, as the command is told of it."""
    changed: tuple[Path, ...] = ()
    """What of it the command may change, without links."""
    read: tuple[Path, ...] = ()
    """What of it the command needs to start, without links."""

    @property
    def person(self) -> Path:
        """The person's HOME without links."""
        return self.told.resolve()


def behind(home: Home, names: Iterable[Path], needed: Iterable[Path]) -> Home:
    """For the sandbox: what lies in the folder, with the links that lead there made in it.

    `names` are in HOME and may be changed; what is `needed` is to be read, wherever it is. What is
    not there is left out.
    """
    changed: list[Path] = []
    for name in _outermost(names):
        changed += _opened(home, home.person / name, changed)
    read = [
        _installed(real, home.person)
        for path in needed
        for real in _opened(home, path, changed)
        if real.is_relative_to(home.person)
    ]
    return Home(home.folder, home.told, tuple(changed), tuple(dict.fromkeys(read)))


def link(home: Home, names: Iterable[Path]) -> None:
    """Without a sandbox: links in the folder to what is there of `names`, which are in HOME."""
    for name in _outermost(names):
        if (home.person / name).exists():
            _link(home.folder / name, home.person / name)


def needed_by(programs: Iterable[str], path: str) -> Iterator[Path]:
    """Where programs are, and all else on PATH, which is `path`."""
    found = [shutil.which(program, path=path) for program in programs]
    places = (Path(place) for place in (*path.split(os.pathsep), *found) if place)
    yield from (place for place in places if place.is_absolute())


def needed_by_modules() -> list[Path]:
    """What a module of the hive needs that is run with this Python."""
    return [Path(place) for place in (sys.executable, sys.prefix, sys.base_prefix, *sys.path)]


def _outermost(names: Iterable[Path]) -> list[Path]:
    """Without those that lie in another of them."""
    kept: list[Path] = []
    for name in sorted(names, key=lambda name: len(name.parts)):
        if not any(map(name.is_relative_to, kept)):
            kept.append(name)
    return kept


def _opened(home: Home, path: Path, changed: Sequence[Path]) -> list[Path]:
    """What is there, without links, which are made in the folder; empty where it is not shown.

    A command may have put a link into what it may change: no way leads over that, or it would
    choose what the next one sees.
    """
    if not path.exists():
        return []
    links, real = _followed(path)
    if any(each.is_relative_to(folder) for each in (*links, real) for folder in changed):
        return []
    for each in links:
        if each.is_relative_to(home.person):
            _link(home.folder / each.relative_to(home.person), each.readlink())
    # All of HOME is shown by no part of it.
    return [] if home.person.is_relative_to(real) else [real]


def _followed(path: Path) -> tuple[Sequence[Path], Path]:
    """The links on the way to a path, and what it is in the end. Raises OSError."""
    links: list[Path] = []
    at, ahead = Path("/"), [*reversed(path.parts)]
    while ahead:
        part = ahead.pop()
        at = at.parent if part == ".." else at / part
        if at.is_symlink():
            links.append(at)
            if len(links) > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            ahead += reversed(at.readlink().parts)
            at = at.parent
    return links, at


def _installed(place: Path, person: Path) -> Path:
    """Of a program its folder; of one from npm that of the packages which it imports."""
    if place.is_dir():
        return place
    packages = [folder for folder in place.parents if folder.name == "node_modules"]
    folder = packages[-1] if packages else place.parent
    return place if person.is_relative_to(folder) else folder


def _link(place: Path, target: Path) -> None:
    if not os.path.lexists(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
