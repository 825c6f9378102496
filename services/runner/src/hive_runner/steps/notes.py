"""What a command leaves for the runner in its folder of notes, read without trust.

The runner may read what the command may not: a link that the command puts there must not be
followed, and a pipe would be waited for without end.
"""

import os
import stat
from pathlib import Path
from typing import Final

from hive_runner.errors import plain

NOTES: Final = "notes"
"""The folder beside the tree that an agent may write to."""
_WIDEST: Final = 4
"""Bytes of a character in UTF-8, at most."""
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NoFile(Exception):
    """Something of that name is there, and it is no file."""


def read_note(path: Path, most: int) -> str:
    """At most so many characters of a note; empty where there is none. Raises NoFile."""
    text = note_bytes(path, most * _WIDEST).decode("utf-8", "replace")
    return plain(text)[:most].strip()


def note_bytes(path: Path, most: int) -> bytes:
    """The first bytes of a note; none where there is none. Raises NoFile."""
    if not os.path.lexists(path):
        return b""
    try:
        folder = os.open(path.parent, _FLAGS | os.O_DIRECTORY)
        try:
            descriptor = os.open(path.name, _FLAGS, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise NoFile
            return file.read(most)
    except OSError as error:
        raise NoFile from error
