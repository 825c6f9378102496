"""Seeds of relay and subscriptions: one that fails is named; `simulate(seed)` shows it again."""

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.suites.delivery.hive import simulate
from tests.suites.delivery.verdict import judge

CHUNKS = 8
FOUND = (228, 298, 796, 1377, 1403, 1754, 1814, 2216, 2301)
"""Seeds that have found something, or see that a protection is gone where the first ones do not."""


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """What goes wrong is warned of, a thousand times."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_goes_wrong_the_bus_is_the_record_and_nothing_is_skipped(
    chunk: int, size: Callable[[int, int], int]
) -> None:
    for seed in range(chunk, size(80, 1_000), CHUNKS):
        try:
            judge(simulate(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("seed", FOUND)
def test_what_a_seed_has_found_is_mended(seed: int) -> None:
    judge(simulate(seed))


def test_the_same_seed_tells_the_same_story() -> None:
    one, other = simulate(7), simulate(7)
    assert one.outside.calls == other.outside.calls
    assert one.machine.ms == other.machine.ms
    assert len(one.outside.calls) > 10
