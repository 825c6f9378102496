"""The files that gates are made of: what their commands name, and what the tools in them read.

A gate's command is the base commit's, but what it starts is the work's: who changes the Makefile
decides what `make test` means.
"""

import posixpath
import shlex
from collections.abc import Iterable
from typing import Final

_PYTEST: Final = ("pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml")
_NODE: Final = ("package.json",)
_READ_BY: Final = {
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "just": ("justfile", ".justfile", "Justfile"),
    "tox": ("tox.ini", "setup.cfg", "pyproject.toml"),
    "nox": ("noxfile.py",),
    "pytest": _PYTEST,
    "py.test": _PYTEST,
    "mypy": ("mypy.ini", ".mypy.ini", "setup.cfg", "pyproject.toml"),
    "ruff": ("ruff.toml", ".ruff.toml", "pyproject.toml"),
    "npm": _NODE,
    "npx": _NODE,
    "yarn": _NODE,
    "pnpm": _NODE,
    "mvn": ("pom.xml",),
    "gradle": ("build.gradle", "build.gradle.kts"),
}


def files_of(commands: Iterable[str]) -> frozenset[str]:
    """Paths in the repository that any of these shell commands names or reads; not all need be
    there."""
    found: set[str] = set()
    for command in commands:
        for word in _words(command):
            found.update(_READ_BY.get(posixpath.basename(word), ()))
            found.add(posixpath.normpath(word))
    return frozenset(found)


def _words(command: str) -> list[str]:
    try:
        return list(shlex.shlex(command, posix=True, punctuation_chars=True))
    except ValueError:  # a shell reads some things that this does not
        return command.split()
