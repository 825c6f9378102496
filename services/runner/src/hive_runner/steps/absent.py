"""A command that is not there: what shells say of it, and what a person can do."""

import re
from collections.abc import Iterable
from typing import Final

STATUS: Final = 127
"""By which a shell says that it did not find a command (POSIX, "Exit Status for Commands")."""
_SAID: Final = re.compile(
    r"""
    (?:^|\s) (?P<before> [^\s:]+ ) :\ (?:command\ )? not\ found $
    | command\ not\ found:\ (?P<behind> \S+ ) $
    | \b env:\ ['‘"]? (?P<sought> [^'’":]+ ) ['’"]? :\ No\ such\ file\ or\ directory $
    """,
    re.VERBOSE,
)


def absent(status: int | None, said: Iterable[str], runner: str) -> str:
    """Which command was not found, and what to do about it; empty where that is not what happened.

    `said` are the last lines that were printed before it ended with `status`. Any program may end
    with that one: it is believed only beside a shell's own words.
    """
    if status != STATUS:
        return ""
    matches = [match for line in said if (match := _SAID.search(line.rstrip()))]
    if not matches:
        return ""
    name = next(group for group in matches[-1].groups() if group)
    if "/" in name:
        return f"`{name}`, or the program that its first line names, is not there: correct its path"
    return (
        f"`{name}` was not found on the machine of runner {runner}: install it there, or let"
        " `setup` in .hive/repo.yaml install it and name its path in the repository"
    )
