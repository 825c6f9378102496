"""Seeds of the simulator: a seed that fails is printed, and `simulate(seed)` shows it again."""

import asyncio
import os

import pytest

from tests.suites.simulator import simulate
from tests.suites.verdict import fold, judge, same

SEEDS = int(os.environ.get("HIVE_TEST_SEEDS", "200"))
CHUNK = 25


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_whatever_goes_wrong_every_mission_ends_as_it_should(first: int) -> None:
    for seed in range(first, min(first + CHUNK, SEEDS)):
        try:
            simulation = simulate(seed)
            log = asyncio.run(simulation.store.read_all(0, 1_000_000))
            judge(log)
            board = asyncio.run(simulation.desk.load())
            same(board, fold(log))
            assert not board.cards and not board.timers
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
