"""How a benchmark's figures are made."""

import random

import pytest

from hive_bench.result import median_interval, paired, result


@pytest.mark.parametrize(
    ("many", "place"),
    [(1, 1), (5, 1), (6, 1), (8, 1), (9, 2), (12, 3), (16, 4), (20, 6)],
)
def test_an_interval_of_a_median_takes_the_places_of_the_tables(many: int, place: int) -> None:
    values = list(range(1, many + 1))
    random.Random(7).shuffle(values)
    assert median_interval(values) == (place, many + 1 - place)


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    chance = random.Random(20261130)
    held = 0
    for _ in range(2_000):
        low, high = median_interval([chance.lognormvariate(0, 0.3) for _ in range(16)])
        held += low <= 1 <= high
    assert held / 2_000 >= 0.94


def test_of_pairs_the_ratio_is_the_median_and_not_that_of_the_sums() -> None:
    case = result("telemetry", "x", 950.0, "calls/s", (), 1000.0)
    assert case.ratio == 0.95
    assert (case.ratio_low, case.ratio_high) == (None, None)
    told = paired(case, [0.97, 0.98, 0.99, 0.5, 0.96, 1.4])
    assert (told.value, told.limit) == (950.0, 1000.0)
    assert (told.ratio, told.ratio_low, told.ratio_high) == (0.975, 0.5, 1.4)
