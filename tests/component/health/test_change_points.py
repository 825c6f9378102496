"""Change points: as Apache Otava finds them, never by chance, and in no strange series."""

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_health.baselines.change_points import LEAST, change_points

# The series of Apache Otava's own tests (tests/deterministic_tigerbeetle_test.py, Apache
# License 2.0), and what Otava 0.8.0 finds in it with max_pvalue=0.001 and min_magnitude=0.
TIGERBEETLE = [
    26705, 26475, 26641, 26806, 26835, 26911, 26564, 26812, 26874, 26682, 15672, 26745, 26460,
    26977, 26851, 23412, 23547, 23674, 23519, 23670, 23662, 23462, 23750, 23717, 23524, 23588,
    23687, 23793, 23937, 23715, 23570, 23730, 23690, 23699, 23670, 23860, 23988, 23652, 23681,
    23798, 23728, 23604, 23523, 23412, 23685, 23773, 23771, 23718, 23409, 23739, 23674, 23597,
    23682, 23680, 23711, 23660, 23990, 23938, 23742, 23703, 23536, 24363, 24414, 24483, 24509,
    24944, 24235, 24560, 24236, 24667, 24730, 28346, 28437, 28436, 28057, 28217, 28456, 28427,
    28398, 28250, 28331, 28222, 28726, 28578, 28345, 28274, 28514, 28590, 28449, 28305, 28411,
    28788, 28404, 28821, 28580, 27483, 26805, 27487, 27124, 26898, 27295, 26951, 27312, 27660,
    27154, 27050, 26989, 27193, 27503, 27326, 27375, 27513, 27057, 27421, 27574, 27609, 27123,
    27824, 27644, 27394, 27836, 27949, 27702, 27457, 27272, 28207, 27802, 27516, 27586, 28005,
    27768, 28543, 28237, 27915, 28437, 28342, 27733, 28296, 28524, 28687, 28258, 28611, 29360,
    28590, 29641, 28965, 29474, 29256, 28611, 28205, 28539, 27962, 28398, 28509, 28240, 28592,
    28102, 28461, 28578, 28669,
]  # fmt: skip
OTAVA = [15, 61, 71, 95, 117, 131]


def places(values: Sequence[float]) -> list[int]:
    return [split.at for split in change_points(values)]


def noise(seed: int, count: int, level: float = 0.0, spread: float = 1.0) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(level, spread) for _ in range(count)]


def test_a_published_series_changes_where_otava_says_so() -> None:
    assert places(TIGERBEETLE) == OTAVA


def test_a_step_is_found_where_it_is_and_said_to_be_no_chance() -> None:
    [split] = change_points([*noise(1, 40), *noise(2, 20, 3)])
    assert abs(split.at - 40) <= 1
    assert split.chance <= 0.01


def test_a_change_of_spread_alone_is_one() -> None:
    [at] = places([*noise(3, 60), *noise(4, 60, spread=6)])
    assert abs(at - 60) <= 6


def test_a_share_that_falls_is_found() -> None:
    chance = random.Random(5)
    values = [float(chance.random() < share) for share in [0.95] * 60 + [0.5] * 30]
    [at] = places(values)
    assert abs(at - 60) <= 6


def test_hardly_any_noise_is_taken_for_a_change() -> None:
    # One in a hundred is to be expected, by the significance.
    assert sum(bool(places(noise(seed, 60))) for seed in range(100)) <= 4


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0],
        [7.0] * 200,
        [0.0] * 30 + [1e9] + [0.0] * 30,
        [float(n % 2) for n in range(100)],
        [1.0] * (LEAST - 1) + [2.0] * (LEAST - 1),
    ],
    ids=["none", "one", "constant", "one outlier", "to and fro", "too few on either side"],
)
def test_what_is_no_change_is_none(values: list[float]) -> None:
    assert places(values) == []


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_no_number_is_refused(odd: float) -> None:
    with pytest.raises(ValueError, match="no gaps"):
        change_points([1.0] * 20 + [odd])


@given(st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0]), max_size=40))
def test_places_are_apart_and_always_the_same(values: list[float]) -> None:
    found = places(values)
    edges = [0, *found, len(values)]
    assert not found or all(b - a >= LEAST for a, b in itertools.pairwise(edges))
    assert found == places(values)


def test_the_unit_does_not_matter() -> None:
    values = [*noise(6, 30), *noise(7, 30, 2)]
    assert places([60 * value + 5 for value in values]) == places(values)
