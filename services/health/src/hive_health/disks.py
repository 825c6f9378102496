"""How disks fill, and when one will be full. Pure.

rate    the median of the slopes between all pairs of samples (Theil and Sen): a file that is
        written and removed again changes it little
"""

from collections import deque
from itertools import combinations
from statistics import median
from typing import Final

import msgspec

from hive_contracts.heartbeat import Disk

SAMPLE_SECONDS: Final = 10.0
SAMPLES: Final = 60
"""Ten minutes."""
ENOUGH_SECONDS: Final = 300.0
"""Less than this says nothing of a trend."""
SOON_SECONDS: Final = 1800.0


class Filling(msgspec.Struct, frozen=True):
    host: str
    disk: Disk
    full_in_s: float | None = None
    """Until nothing is free, at the present rate; None where it does not fill, or not soon."""

    @property
    def short(self) -> bool:
        return self.disk.free < self.disk.keep


class Disks:
    """By host and path."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], deque[tuple[float, int]]] = {}
        self._now: dict[tuple[str, str], Filling] = {}

    def saw(self, host: str, disk: Disk, at: float) -> None:
        key = host, disk.path
        samples = self._samples.setdefault(key, deque(maxlen=SAMPLES))
        if not samples or at - samples[-1][0] >= SAMPLE_SECONDS:
            samples.append((at, disk.free))
            self._now[key] = Filling(host, disk, _full_in(samples))
        else:
            self._now[key] = Filling(host, disk, self._now[key].full_in_s)

    def forget(self, hosts: set[str]) -> None:
        """Keep no others than these."""
        for key in [key for key in self._now if key[0] not in hosts]:
            del self._samples[key], self._now[key]

    def filling(self) -> list[Filling]:
        """Disks that are short, or will be full soon."""
        return [each for each in self._now.values() if each.short or each.full_in_s is not None]


def _full_in(samples: deque[tuple[float, int]]) -> float | None:
    if samples[-1][0] - samples[0][0] < ENOUGH_SECONDS:
        return None
    rate = median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(samples, 2))
    if rate >= 0:
        return None
    seconds = samples[-1][1] / -rate
    return seconds if seconds <= SOON_SECONDS else None
