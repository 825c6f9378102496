"""What commands print: how much of it is kept, and who has seen which bytes of it. Pure.

Bytes are numbered from 0 as they were printed, whatever becomes of them on the way: so whoever
misses some knows which.
"""

import re
from typing import Final

import msgspec

KEPT: Final = 16 * 1024 * 1024
"""Bytes of one output that are kept: its beginning (half), and its end (at least a quarter)."""
HEAD: Final = KEPT // 2

_LEFT_OUT: Final = re.compile(rb"\n\[(\d{1,18}) bytes are left out here\]\n")


def left_out(size: int) -> bytes:
    """The line that stands in a kept output for the bytes that were not kept."""
    return f"\n[{size} bytes are left out here]\n".encode()


def read_left_out(piece: bytes) -> tuple[int, int] | None:
    """How many bytes such a line at the beginning of a piece stands for, and its own length."""
    found = _LEFT_OUT.match(piece)
    return None if found is None else (int(found[1]), found.end())


class Fresh(msgspec.Struct, frozen=True):
    """Bytes that were not seen before."""

    offset: int
    piece: bytes
    late: bool = False
    """They lie before others that were seen already."""


class Gap(msgspec.Struct, frozen=True):
    """Bytes that should have come, and did not yet."""

    offset: int
    size: int


class Seen:
    """Which bytes of one output somebody has seen: each is new once, in whatever order they come.

    What is missing is a list of holes below the end of what was seen.
    """

    def __init__(self) -> None:
        self.end = 0
        """After the last byte that was seen."""
        self._holes: list[tuple[int, int]] = []

    @property
    def gaps(self) -> list[Gap]:
        """What is missing below the end."""
        return [Gap(begin, end - begin) for begin, end in self._holes]

    def has(self, offset: int, size: int) -> bool:
        """Whether all of these bytes were seen."""
        stop = offset + size
        return stop <= self.end and not any(
            begin < stop and offset < end for begin, end in self._holes
        )

    def take(self, offset: int, piece: bytes) -> list[Fresh | Gap]:
        """What is new in a piece, and the gap before it where it left one."""
        told: list[Fresh | Gap] = list(self._fill(offset, piece))
        if offset > self.end:
            told.append(Gap(self.end, offset - self.end))
            self._holes.append((self.end, offset))
            self.end = offset
        if fresh := piece[self.end - offset :]:
            told.append(Fresh(self.end, fresh))
            self.end += len(fresh)
        return told

    def _fill(self, offset: int, piece: bytes) -> list[Fresh]:
        """What of a piece lies in holes, which are smaller afterwards."""
        stop, late, left = offset + len(piece), [], []
        for begin, end in self._holes:
            first, last = max(begin, offset), min(end, stop)
            if first >= last:
                left.append((begin, end))
                continue
            late.append(Fresh(first, piece[first - offset : last - offset], late=True))
            left += [hole for hole in ((begin, first), (last, end)) if hole[0] < hole[1]]
        self._holes = left
        return late
