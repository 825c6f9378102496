"""The files of a gate's report, in a tree that nobody has reviewed yet.

What matches before the command runs is removed, so that no report is read that the command did not
write now. Symbolic links that lead out of the tree are neither followed to remove nor to read.
"""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from hive_shared.judging.junit import Reading, Report, ReportProblem

MAX_FILES: Final = 5_000
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""A named pipe would else be waited for."""


def clear(tree: Path, pattern: str) -> None:
    """Remove what matches. Raises ReportProblem where something stays."""
    for path in list(_found(tree, pattern)):
        try:
            path.unlink()
        except OSError as error:
            raise ReportProblem(
                f"{path.relative_to(tree)} was there before and cannot be removed: {error.strerror}"
            ) from error


def read(tree: Path, pattern: str) -> Report:
    """The report that the command wrote. Raises ReportProblem."""
    paths = sorted(islice(_found(tree, pattern), MAX_FILES + 1))
    if not paths:
        raise ReportProblem(
            f"it wrote no report {pattern}: either it does not write one at all"
            f" (pytest does with --junitxml={pattern}), or it ended before its tests did"
        )
    if len(paths) > MAX_FILES:
        raise ReportProblem(f"more than {MAX_FILES} files match {pattern}")
    reading = Reading()
    for path in paths:
        name = str(path.relative_to(tree))
        try:
            descriptor = os.open(path, _FLAGS)
            with open(descriptor, "rb") as file:  # noqa: PTH123 # opened without following links
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ReportProblem(f"{name} is no file")
                reading.read(file, name)
        except OSError as error:
            raise ReportProblem(f"{name} cannot be read: {error.strerror}") from error
    return reading.report()


def _found(tree: Path, pattern: str) -> Iterator[Path]:
    top = tree.resolve()
    for path in tree.glob(pattern):
        if path.parent.resolve().is_relative_to(top):
            yield path
