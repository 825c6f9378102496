"""The paths that tasks name: git's glob pathspecs, relative to the repository's root.

https://git-scm.com/docs/gitglossary#Documentation/gitglossary.txt-glob
"""

import re
from collections.abc import Iterable
from typing import Final

MAX_PATTERN: Final = 200
"""Characters of one pattern."""

_SPECIAL: Final = re.compile(r"[\\*?\[]")


def fault(pattern: str) -> str:
    """Why it is no pattern of paths in a repository; empty where it is one."""
    if not pattern or len(pattern) > MAX_PATTERN:
        return f"a pattern has 1 to {MAX_PATTERN} characters"
    if pattern[0] in "/:!":
        return "a pattern is relative to the repository's root, and begins with none of / : !"
    if ".." in pattern.split("/") or any(ord(character) < 32 for character in pattern):
        return "a pattern stays in the repository"
    return ""


def escaped(path: str) -> str:
    """A path as a pattern that means only itself, and what is in it."""
    return _SPECIAL.sub(lambda match: "\\" + match[0], path)


def may_meet(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a path could be in both; answers true where it cannot be told."""
    ours, theirs = [*map(_fixed, some)], [*map(_fixed, others)]
    return any(mine[: len(other)] == other[: len(mine)] for mine in ours for other in theirs)


def _fixed(pattern: str) -> tuple[str, ...]:
    """The folders and name that all its paths begin with: what stands before a wildcard."""
    fixed: list[str] = []
    for part in pattern.split("/"):
        if part in ("", "."):
            continue
        plain = re.sub(r"\\(.)", "", part)
        if _SPECIAL.search(plain):
            break
        fixed.append(re.sub(r"\\(.)", r"\1", part))
    return tuple(fixed)
