"""How soon a regression is seen, and how often one that is none.

    python -m tests.performance.detection [--otava PYTHON] [--series N]

Synthetic series of attempts' durations: sixty as they were, then one after another of what comes
later, looked at each time. Beside the change points of `hive baselines`: a threshold of one and a
half times the median so far, of the newest value and of the mean of the newest five; and, in the
interpreter that is named, Apache Otava with its own defaults, but our significance.
"""

import argparse
import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from hive_health.baselines.change_points import SIGNIFICANCE, change_points

BEFORE: Final = 60
AFTER: Final = 40
NEAR: Final = 8
"""A change that is told so much before the true place is a false alarm."""
SHAPES: Final = {"none": 1.0, "half as long again": 1.5, "twice as long": 2.0, "three times": 3.0}
_OTAVA: Final = """
import json, sys
from otava.analysis import compute_change_points
for line in sys.stdin:
    found = compute_change_points(json.loads(line), max_pvalue=float(sys.argv[1]))[0]
    print(json.dumps([int(each.index) for each in found]), flush=True)
"""

Detect = Callable[[Sequence[float]], list[int]]
"""Where a series changes, by its logarithms."""


def made(seed: int, ratio: float) -> list[float]:
    """Logarithms of durations, which scatter by a factor of about 1.5."""
    chance = random.Random(seed)
    levels = [0.0] * BEFORE + [math.log(ratio)] * AFTER
    return [level + chance.gauss(4, 0.4) for level in levels]


def ours(values: Sequence[float]) -> list[int]:
    return [split.at for split in change_points(values)]


def threshold(newest: int) -> Detect:
    def detect(values: Sequence[float]) -> list[int]:
        seconds = [math.exp(value) for value in values]
        limit = 1.5 * statistics.median(seconds[:-newest])
        return [len(values) - newest] if statistics.fmean(seconds[-newest:]) > limit else []

    return detect


class Otava:
    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", _OTAVA, str(SIGNIFICANCE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def __call__(self, values: Sequence[float]) -> list[int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(values) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=list[int])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def delays(detect: Detect, ratio: float, series: int) -> tuple[list[int], int]:
    """Attempts until it is seen, of the series in which it is; and in how many something is that is
    not there."""
    seen, false = [], 0
    for seed in range(series):
        values = made(seed, ratio)
        told = [
            (end, min(found))
            for end in range(20, len(values) + 1)
            if (found := detect(values[:end]))
        ]
        true = [
            end - BEFORE for end, at in told if ratio > 1 and end > BEFORE and at >= BEFORE - NEAR
        ]
        false += len(told) > len(true)
        seen += true[:1]
    return seen, false


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--otava", metavar="PYTHON", help="an interpreter with apache-otava")
    parser.add_argument("--series", type=int, default=20)
    arguments = parser.parse_args()
    otava = Otava(arguments.otava) if arguments.otava else None
    detectors: dict[str, Detect] = {
        "change points": ours,
        "newest over 1.5 × median": threshold(1),
        "mean of five over 1.5 × median": threshold(5),
    }
    if otava is not None:
        detectors["Apache Otava"] = otava
    print(f"{'':32}{'change':20}{'seen':>10}{'after, median':>16}{'false alarms':>14}{'s':>8}")
    for name, detect in detectors.items():
        for shape, ratio in SHAPES.items():
            began = time.perf_counter()
            seen, false = delays(detect, ratio, arguments.series)
            took = time.perf_counter() - began
            after = f"{statistics.median(seen):g}" if seen else "–"
            of = f"{len(seen)}/{arguments.series}" if ratio > 1 else "–"
            alarms = f"{false}/{arguments.series}"
            print(f"{name:32}{shape:20}{of:>10}{after:>16}{alarms:>14}{took:8.1f}")
    if otava is not None:
        otava.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
