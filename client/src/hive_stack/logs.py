"""The logs of the local stack: each is put aside as `<name>.log.1` before it fills the disk."""

import os
import shutil
from pathlib import Path
from typing import Final

KEPT: Final = 10 * 1024 * 1024
"""Bytes from which a log is put aside."""


def put_aside(folder: Path) -> None:
    """Copy logs that are too long and empty them: programs append, so they go on in the same file.

    What is written between the two is lost. Raises OSError.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > KEPT:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)
