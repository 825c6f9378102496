"""Whose the work is that a runner keeps: a note with the task's id beside each ref and folder.

Refs and folders are named as people name missions, and such a name may mean another mission to
another hive. The id is unique: only of that the hive is asked, and what has no note stays. A note
is written before the work that it is of; one alone means nothing.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

OWNER: Final = ".owner"
"""Ending of the file with the task's id."""


class KeptRef(msgspec.Struct, frozen=True):
    ref: str
    commit: str
    task_id: str


def note_of(path: Path) -> Path:
    return path.with_name(path.name + OWNER)


def write_owner(path: Path, task_id: str) -> None:
    """Note whose the work of this path is going to be. Raises OSError."""
    note = note_of(path)
    note.parent.mkdir(parents=True, exist_ok=True)
    fresh = note.with_name(f"{note.name}.new")
    fresh.write_text(task_id)
    os.replace(fresh, note)


def owned(root: Path, refs: Iterable[tuple[str, str]], prefix: str) -> list[KeptRef]:
    """Of refs and their commits those whose owner is noted under `root`."""
    found = []
    for ref, commit in refs:
        note = note_of(root / ref.removeprefix(prefix))
        if note.is_file():
            found.append(KeptRef(ref, commit, note.read_text()))
    return found
