"""One folder of a repository, as a detector looks at it."""

import fnmatch
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

Files = Mapping[str, str]
"""Paths of a repository's files; the text of those that detectors read, else empty."""

_OTHERS: Final = frozenset(
    {
        "test", "tests", "testing", "testdata", "test-data", "fixtures", "example", "examples",
        "sample", "samples", "demo", "demos", "template", "templates", "vendor", "third_party",
        "third-party", "node_modules", "docs", "doc", "benchmarks", "site-packages",
    }
)  # fmt: skip
"""Names of folders whose projects are material, not this repository's own work."""
_DEEPEST: Final = 3
_NAMED: Final = re.compile(r"[\w@+.-][\w@+. -]*(/[\w@+.-][\w@+. -]*)*")


class Folder:
    def __init__(self, files: Files, path: str = "") -> None:
        """`path` is relative to the repository; empty is its top."""
        self.path = path
        self._files = files
        self._prefix = f"{path}/" if path else ""

    def has(self, *names: str) -> str:
        """The first of these files that is there, else nothing."""
        return next((name for name in names if self._prefix + name in self._files), "")

    def text(self, name: str) -> str:
        return self._files.get(self._prefix + name, "")

    def table(self, name: str) -> dict[str, Any]:
        """A TOML file; empty where it is missing or broken."""
        try:
            return tomllib.loads(self.text(name))
        except tomllib.TOMLDecodeError:
            return {}

    def mapping(self, name: str) -> dict[str, Any]:
        """A JSON file; empty where it is missing, broken or something else."""
        try:
            value = msgspec.json.decode(self.text(name))
        except (msgspec.DecodeError, RecursionError):
            return {}
        return entries(value)

    def below(self, *patterns: str) -> Iterator[str]:
        """Files at any depth whose name matches one of these patterns."""
        for path in self._files:
            if path.startswith(self._prefix) and any(
                fnmatch.fnmatchcase(path.rpartition("/")[2], pattern) for pattern in patterns
            ):
                yield path

    def named(self, *patterns: str) -> list[str]:
        """Names of files in this very folder that match one of these patterns."""
        inside = (path.removeprefix(self._prefix) for path in self.below(*patterns))
        return sorted(name for name in inside if "/" not in name)

    def seen(self, *names: str) -> tuple[str, ...]:
        """Those of these files that are there, as paths of the repository."""
        return tuple(self._prefix + name for name in dict.fromkeys(names) if self.has(name))

    def inside(self, command: str) -> str:
        """The command, run in this folder."""
        return f"cd {shlex.quote(self.path)} && {command}" if self.path else command


def folders_with(files: Files, markers: tuple[str, ...]) -> list[str]:
    """Folders that hold one of these files, the top first; others' material is left out."""
    found: set[str] = set()
    for path in files:
        folder, _, name = path.rpartition("/")
        parts = folder.split("/") if folder else []
        if len(parts) > _DEEPEST or not _OTHERS.isdisjoint(part.lower() for part in parts):
            continue
        if any(part.startswith(".") for part in parts):
            continue
        if folder and _NAMED.fullmatch(folder) is None:
            continue
        if any(fnmatch.fnmatchcase(name, marker) for marker in markers):
            found.add(folder)
    return sorted(found, key=lambda folder: (folder.count("/") + bool(folder), folder))


def strings(value: Any) -> list[str]:
    """The texts of a list that a file holds, if it is one."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def inner(value: Any, *keys: str) -> Any:
    """What stands under these keys, one below the other; None where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def entries(value: Any) -> dict[str, Any]:
    """The table that a file holds, if it is one."""
    return value if isinstance(value, dict) else {}
