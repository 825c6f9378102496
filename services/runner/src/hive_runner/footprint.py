"""What a folder takes on its disk, as `du` counts it.

It is walked by some thousand files at a time, each time in a thread: attempts and beats go on
meanwhile, and whoever is cancelled need not wait for the end of a walk.
"""

import asyncio
import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_AT_A_TIME: Final = 2_000
"""Files; a few milliseconds."""


async def footprint(folder: Path) -> int:
    """Bytes of a folder with all that is in it: blocks, and a file with many names once.

    What vanishes meanwhile is not counted, nor what cannot be read, what a link leads to and what
    another file system has there. Raises OSError where the folder itself is not there.
    """
    total, sizes = 0, _sizes(folder)
    while some := await asyncio.to_thread(lambda: list(itertools.islice(sizes, _AT_A_TIME))):
        total += sum(some)
    return total


def _sizes(folder: Path) -> Iterator[int]:
    top = folder.stat()
    yield _size(top)
    counted: set[int] = set()
    waiting = [str(folder)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if found.st_dev != top.st_dev or found.st_ino in counted:
                        continue
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append(entry.path)
                    elif found.st_nlink > 1:
                        counted.add(found.st_ino)
                    yield _size(found)


def _size(found: os.stat_result) -> int:
    return found.st_blocks * 512
