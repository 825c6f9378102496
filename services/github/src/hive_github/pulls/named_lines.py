"""Lines of files that what a check says names: `src/a.py:12`, `File "a.py", line 3`, `a.ts(4,1):`.

It reads what anybody may have written, so a name is a guess that git has to confirm.
"""

import re
from collections.abc import Iterator
from typing import Final

MOST: Final = 20
"""Lines that are looked for: each costs a look at git's history."""

_NAMED: Final = re.compile(
    r'File "([^"\n]+)", line (\d{1,7})'
    r"|([^\s:\"'`()<>\[\],]+)(?::(\d{1,7})\b|\((\d{1,7})(?:,\d+)?\):)"
)
_SPACED: Final = re.compile(r"([^:\n]+ [^:\n]*):(\d{1,7}): ")
"""At the beginning of a line, as annotations are told: a name with spaces."""
_MARK: Final = re.compile(r"##\[\w+\]")
_WORKSPACE: Final = re.compile(r"^(?:/github/workspace|(?:/|[A-Z]:/).*?/_?work/[^/]+/[^/]+)/")
"""Where runners of GitHub keep the repository."""


def named_lines(text: str) -> list[tuple[str, int]]:
    """Paths in the repository with their lines: the first to be named first, each once."""
    return list(dict.fromkeys(_found(text)))[:MOST]


def _found(text: str) -> Iterator[tuple[str, int]]:
    for said in text.splitlines():
        line = _MARK.sub("", said)
        spaced = _SPACED.match(line)
        matches = [*([spaced] if spaced else ()), *_NAMED.finditer(line)]
        for match in matches:
            name, number = (told for told in match.groups() if told)
            path = _WORKSPACE.sub("", name.replace("\\", "/")).removeprefix("./")
            # What leads out of the repository is no file of it, and git refuses to look.
            if int(number) and path and path[0] != "/" and ".." not in path.split("/"):
                yield path, int(number)
