"""What may go when the disk is short, or the runner takes too much of it, in which order. Pure.

    1. caches that no attempt is using             they are made again, by downloads or builds
    2. worktrees that are kept warm                a set-up is done again
    3. mirrors that nobody used for a month        a repository is fetched again

Nothing else ever goes, and of these nothing that is in use or that holds work which is not landed:
a mirror with a kept ref stays whatever the disk says. What is left then is that no work is taken.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec

MIRROR_IDLE: Final = 30 * 24 * 3600.0
"""Seconds without any use, after which a mirror may be fetched again."""
_ORDER: Final = ("cache", "tree", "mirror")
_MARGIN: Final = 1.1
"""Work is taken again only with so much more than is to stay free, or so much less than may be
taken: not to and fro."""


class Held(msgspec.Struct, frozen=True):
    """Something on the disk that can be made again."""

    kind: Literal["cache", "tree", "mirror"]
    path: Path
    size: int
    """Bytes."""
    idle: float
    """Seconds since it was last used."""
    in_use: bool = False
    unlanded: bool = False
    """Work is in it that is nowhere else."""

    @property
    def may_go(self) -> bool:
        if self.in_use or self.unlanded:
            return False
        return self.kind != "mirror" or self.idle >= MIRROR_IDLE


def to_free(held: Iterable[Held], missing: int) -> list[Held]:
    """What goes so that `missing` bytes come free, or all that may if that is less."""
    chosen: list[Held] = []
    for each in sorted(held, key=lambda held: (_ORDER.index(held.kind), -held.idle)):
        if missing <= 0:
            break
        if each.may_go:
            chosen.append(each)
            missing -= each.size
    return chosen


def is_short(free: int, keep_free: int, *, already: bool) -> bool:
    """Whether no work is to be taken; `already` while it was not taken before."""
    return free < (keep_free * _MARGIN if already else keep_free)


def is_over(taken: int, budget: int, *, already: bool) -> bool:
    """The same for what the runner takes; a budget of 0 is none."""
    return budget > 0 and taken > (within(budget) if already else budget)


def within(budget: int) -> int:
    """What a runner that has taken too much is to come down to."""
    return round(budget / _MARGIN)
