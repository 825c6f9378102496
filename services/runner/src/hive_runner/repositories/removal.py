"""Deleting folders, whatever rights their contents have, and never what a link leads to."""

import asyncio
import contextlib
import itertools
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any


async def remove(folder: Path) -> None:
    """Delete a folder, whatever rights its contents have. Raises OSError."""
    await asyncio.to_thread(_remove, folder)


def remove_entry(entry: Path) -> None:
    """Delete what is of that name, and not what a link leads to. Raises OSError."""
    if entry.is_dir() and not entry.is_symlink():
        _remove(entry)
    else:
        entry.unlink()


def set_aside(folder: Path) -> Path:
    """Rename a folder at once, to a name that nobody uses, so that it can be deleted in peace.

    Raises OSError.
    """
    for number in itertools.count(1):
        aside = folder.with_name(f"{folder.name}.gone-{number}")
        if not aside.exists():
            break
    folder.rename(aside)
    return aside


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
