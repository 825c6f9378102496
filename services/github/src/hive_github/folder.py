"""A folder that no other process of this service is in: what is left there may go. Adapter.

Its lock goes with the process, however it ends. Whoever finds the first folder taken has a second.
"""

import fcntl
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def own_folder(first: Path) -> AsyncIterator[Path]:
    """`first`, or `first` with -2, -3 … at its end."""
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return
