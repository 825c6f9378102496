"""One at a time for each mission's pull request, in however many processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hive_github.pulls import turns
from hive_github.pulls.turns import SharedTurns
from hive_shared.clock import SystemClock
from hive_shared.eventstore.errors import StoreUnavailable
from tests.conftest import Database
from tests.suites.bus import pool_of


@asynccontextmanager
async def process(database: Database) -> AsyncIterator[SharedTurns]:
    async with pool_of(database.url("github"), 2) as pool:
        yield SharedTurns(pool, SystemClock())


async def test_two_processes_are_never_at_it_at_once(database: Database) -> None:
    at_it = most = done = 0

    async def work(turns: SharedTurns) -> None:
        nonlocal at_it, most, done
        async with turns.of("one"):
            at_it += 1
            most = max(most, at_it)
            await asyncio.sleep(0)
            at_it -= 1
            done += 1

    async with process(database) as first, process(database) as second:
        await asyncio.gather(*(work(each) for each in (first, second) * 5))
    assert (most, done) == (1, 10)


async def test_another_mission_waits_for_nobody(database: Database) -> None:
    async with (
        process(database) as first,
        process(database) as second,
        first.of("one"),
        second.of("two"),
    ):
        pass


async def test_what_broke_leaves_its_turn(database: Database) -> None:
    async with process(database) as first, process(database) as second:
        for broke in (ZeroDivisionError, TimeoutError):
            with pytest.raises(broke):
                async with first.of("one"):
                    raise broke
        async with second.of("one"):
            pass


async def test_whoever_waits_for_long_tries_again_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0)
    async with process(database) as first, process(database) as second, first.of("one"):
        with pytest.raises(StoreUnavailable, match="another process"):
            async with second.of("one"):
                pass
    async with process(database) as third, third.of("one"):
        pass
