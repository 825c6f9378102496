"""Globs over paths in a repository, as git reads them, without asking git."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

import msgspec

from hive_contracts.globs import regex_of


class Patterns(msgspec.Struct, frozen=True):
    """A list of globs: what the plain ones take in, those with `!` in front take away.

    A pattern takes in whatever lies below what it matches. Letter case does not matter, because on
    some disks it does not.
    """

    taken: tuple[re.Pattern[str], ...]
    left_out: tuple[re.Pattern[str], ...]
    stems: tuple[str, ...]
    """The folders that patterns begin with, up to their first wildcard."""

    def match(self, path: str) -> bool:
        """Whether a file is among them."""
        above = [path, *(str(parent) for parent in PurePosixPath(path).parents if parent.name)]
        return any(_matches(self.taken, each) for each in above) and not any(
            _matches(self.left_out, each) for each in above
        )

    def reach(self, path: str) -> bool:
        """Whether a file, or a folder that is entered by this name, may hold any of them."""
        if self.match(path) or self.match(f"{path}/x"):
            return True
        entered = path.lower()
        return any(stem == entered or stem.startswith(f"{entered}/") for stem in self.stems)


def compiled(patterns: Iterable[str]) -> Patterns:
    every = list(patterns)
    taken = [pattern for pattern in every if not pattern.startswith("!")]
    left_out = [pattern[1:] for pattern in every if pattern.startswith("!")]
    return Patterns(
        tuple(map(_compile, taken)), tuple(map(_compile, left_out)), tuple(map(_stem, taken))
    )


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(regex_of(pattern.rstrip("/")), re.IGNORECASE | re.DOTALL)


def _stem(pattern: str) -> str:
    parts: list[str] = []
    for part in pattern.rstrip("/").lower().split("/"):
        if any(wildcard in part for wildcard in "*?["):
            break
        parts.append(part)
    return "/".join(parts)


def _matches(regexes: Iterable[re.Pattern[str]], path: str) -> bool:
    return any(regex.fullmatch(path) for regex in regexes)
