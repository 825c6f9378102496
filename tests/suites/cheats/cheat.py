"""One cheat: a command in place of work, and what comes of it."""

import msgspec

REPOSITORY = {
    ".gitignore": "*.log\n",
    ".github/workflows/ci.yml": "on: push\n",
    ".hive/repo.yaml": "gates: {tests: make test}\n",
    "Makefile": "test:\n\tsh tests/test_all.sh\n",
    "src/upload.py": "x = 1\n",
    "src/retry.py": "y = 1\n",
    "tests/test_all.sh": "test -e src/upload.py\n",
    "tests/test_retry.sh": "test -e src/retry.py\n",
}
"""What they cheat in."""


class Cheat(msgspec.Struct, frozen=True):
    name: str
    """A sentence without its end."""
    run: str
    fails: str = ""
    """The kind of failure that it is; empty where its files are taken as work."""
    words: tuple[str, ...] = ()
    """Of what a person sees of it."""
    waits: tuple[str, ...] = ()
    """Paths for which it waits for a person."""
    files: dict[str, str] = {}
    """What its work must hold in spite of it."""
    never: tuple[str, ...] = ()
    """Paths that its work must not hold."""
