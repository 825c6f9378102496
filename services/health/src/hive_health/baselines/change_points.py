"""Where a series of values changes for good: E-divisive. Pure.

A series is split where the two sides differ most by the energy distance, which sees a change of any
kind, in level, spread or shape. The split counts if hardly any random order of the same values has
one as good. Then each side is looked at in the same way.

Matteson, James: A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data,
JASA 109 (2014), https://arxiv.org/abs/1306.4933
"""

import math
import random  # noqa: TID251  # seeded: the same series always has the same changes
from collections.abc import Sequence
from typing import Final

import msgspec

LEAST: Final = 8
"""Values on either side of a change: fewer are a coincidence, or an outlier."""
SIGNIFICANCE: Final = 0.01
PERMUTATIONS: Final = 299
_SEED: Final = 20140301


class Split(msgspec.Struct, frozen=True):
    at: int
    """Index of the first value after the change."""
    chance: float
    """How often a random order of the values around it is split as well as this, estimated."""


def change_points(
    values: Sequence[float],
    *,
    least: int = LEAST,
    significance: float = SIGNIFICANCE,
    permutations: int = PERMUTATIONS,
) -> list[Split]:
    """The changes in order of time. Values are finite numbers: raises ValueError for others.

    Takes time as the square of their number: a tenth of a second for two hundred.
    """
    if not all(map(math.isfinite, values)):
        raise ValueError("a series has no gaps and no infinite values: leave those out")
    found: list[Split] = []
    pending = [(0, len(values))]
    while pending:
        start, end = pending.pop()
        split = _split(values[start:end], max(2, least), significance, permutations)
        if split is not None:
            middle = start + split.at
            found.append(Split(middle, split.chance))
            pending += [(start, middle), (middle, end)]
    return sorted(found, key=lambda each: each.at)


def _split(
    values: Sequence[float], least: int, significance: float, permutations: int
) -> Split | None:
    if len(values) < 2 * least or min(values) == max(values):
        return None
    distances = [[abs(one - other) for other in values] for one in values]
    sums = [math.fsum(row) for row in distances]
    order = list(range(len(values)))
    at, best = _best(distances, sums, order, least)
    allowed = significance * (permutations + 1) - 1
    as_good = 0
    shuffled = random.Random(_SEED)
    for _ in range(permutations):
        shuffled.shuffle(order)
        if _best(distances, sums, order, least)[1] >= best:
            as_good += 1
            if as_good > allowed:
                return None
    return Split(at, (as_good + 1) / (permutations + 1))


def _best(
    distances: Sequence[Sequence[float]], sums: Sequence[float], order: Sequence[int], least: int
) -> tuple[int, float]:
    """Where the values, in this order, differ most, and how much.

    Of n values before it and m after it, the energy distance weighed by nm / (n + m).
    """
    count = len(order)
    left, right = 0.0, math.fsum(sums) / 2
    total = right
    best_at, best = 0, -math.inf
    for n in range(1, count - least + 1):
        new = order[n - 1]
        to_left = sum(map(distances[new].__getitem__, order[: n - 1]))
        left += to_left
        right -= sums[new] - to_left
        if n < least:
            continue
        m = count - n
        across = total - left - right
        energy = 2 / count * (across - m / (n - 1) * left - n / (m - 1) * right)
        if energy > best:
            best_at, best = n, energy
    return best_at, best
