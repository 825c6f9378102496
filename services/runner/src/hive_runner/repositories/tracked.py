"""The tracked files of a tree that is used again, as they were checked out.

    <place>/tree         the files
    <place>/index        git's index of them: what each file's inode, size and times were
    <place>/tracked      their paths

Beside the tree a command can reach them, so both count only by their digest, which is in this
process's memory. Git takes a file for unchanged if its inode, owner, size and times are those of
the index, the time of the last change of the inode among them, which no ordinary program can set.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Final

INDEX: Final = "index"
_LIST: Final = "tracked"


def write_down(place: Path, index: Path, listed: bytes) -> str:
    """Note what was just checked out at a place: its index, and what `ls-files -z` lists.

    Answers the digest of both.
    """
    # With its times: git takes a file that is not older than the index for perhaps changed.
    shutil.copy2(index, place / INDEX)
    (place / _LIST).write_bytes(listed)
    return _digest(place)


def read(place: Path, digest: str) -> frozenset[bytes] | None:
    """The paths; None where anybody has touched what was noted."""
    try:
        if _digest(place) != digest:
            return None
        return paths_in((place / _LIST).read_bytes())
    except OSError:
        return None


def paths_in(listed: bytes) -> frozenset[bytes]:
    return frozenset(path for path in listed.split(b"\0") if path)


def _digest(place: Path) -> str:
    digest = hashlib.sha256()
    for name in (INDEX, _LIST):
        content = (place / name).read_bytes()
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()
