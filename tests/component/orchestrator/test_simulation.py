"""Seeds of the simulator: a seed that fails is named, and `simulate(seed)` shows it again."""

import asyncio
from collections.abc import Callable

import pytest

from tests.suites.simulator.hive import simulate
from tests.suites.verdict import fold, judge, same

CHUNKS = 8


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_goes_wrong_every_mission_ends_as_it_should(
    chunk: int, size: Callable[[int, int], int]
) -> None:
    for seed in range(chunk, size(160, 10_000), CHUNKS):
        try:
            run_seed(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def run_seed(seed: int) -> None:
    simulation = simulate(seed)
    log = asyncio.run(simulation.store.read_all(0, 1_000_000))
    judge(log)
    board = asyncio.run(simulation.desk.load())
    same(board, fold(log))
    assert not board.cards.of
    assert not board.timers.of


def test_the_same_seed_tells_the_same_story() -> None:
    one, other = simulate(7), simulate(7)
    first = asyncio.run(one.store.read_all(0, 1_000_000))
    assert first == asyncio.run(other.store.read_all(0, 1_000_000))
    assert len(first) > 10
