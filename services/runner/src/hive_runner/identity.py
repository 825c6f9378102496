"""Who a runner is: an id for as long as its data lives, and the only one at work there."""

import os
from pathlib import Path

from hive_contracts.ids import NewId, is_id
from hive_runner.errors import DataInUse
from hive_runner.repositories.filelock import try_lock


def take_over(folder: Path) -> int:
    """Become the runner of a folder; the descriptor holds it as long as it is open.

    Raises DataInUse.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    if not try_lock(descriptor):
        os.close(descriptor)
        raise DataInUse(f"another runner works in {folder}: stop it, or name another data folder")
    return descriptor


def runner_id(folder: Path, new_id: NewId) -> str:
    """The runner's id, minted at its first start."""
    path = folder / "id"
    try:
        known = path.read_text().strip()
    except FileNotFoundError:
        known = ""
    if is_id(known):
        return known
    fresh = new_id()
    part = path.with_suffix(".new")
    part.write_text(f"{fresh}\n")
    part.replace(path)
    return fresh
