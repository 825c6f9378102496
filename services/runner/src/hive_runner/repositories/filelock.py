"""Locks that a crash releases: `flock` on a file, held as long as a descriptor of it is open."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

_RETRY_SECONDS: Final = 0.02


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[int]:
    """Hold the lock; yields its descriptor, to be handed to processes that should hold it too."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        # Its holder may be a process that outlived another runner: there is nobody to wake us.
        while not try_lock(descriptor):  # noqa: ASYNC110
            await asyncio.sleep(_RETRY_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the lock, or answer False where somebody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
