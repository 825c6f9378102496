"""Counters in a real Redis: shared, lost, away."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from hive_github.api.counters import counters
from hive_shared.clock import SystemClock
from tests.suites.redis import RedisServer, redis_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as running:
        patient = Retry(ConstantBackoff(0.05), 200, (OSError, redis.ConnectionError))
        with redis.Redis.from_url(running.url_of("github"), retry=patient) as client:
            client.ping()
        yield running


async def test_replicas_count_and_close_together(server: RedisServer) -> None:
    url = server.url_of("github")
    async with counters(url, SystemClock()) as one, counters(url, SystemClock()) as other:
        assert await one.closed("7:core") is None
        for each in (one, other):
            await each.remember({})
        assert [await one.add("7:points", 5, 60), await other.add("7:points", 1, 60)] == [5, 6]
        assert [await one.sum("7:points"), await other.sum("7:none")] == [6, 0]
        turns = [await each.turn("7:write", 750) for each in (one, other, one)]
        assert turns[0] == 0
        assert 600 <= turns[1] <= 750
        assert 1300 <= turns[2] <= 1500
        assert await one.close("7:core", 60_000)
        assert not await other.close("7:core", 1_000)
        assert 50_000 < (await other.closed("7:core") or 0) <= 60_000
        assert 50_000 < (await other.closed("8:core", "7:core") or 0) <= 60_000
        assert await other.closed("8:core") == 0


async def test_replicas_spend_together_and_only_what_may_be_done_is_counted(
    server: RedisServer,
) -> None:
    url = server.url_of("github")
    async with counters(url, SystemClock()) as one, counters(url, SystemClock()) as other:
        assert [await each.spend("7:content", 2, 5, 60) for each in (one, other)] == [0, 0]
        for each in (one, other):
            assert 58_000 < await each.spend("7:content", 2, 5, 60) <= 61_000
        assert await other.spend("7:content", 1, 5, 60) == 0
        assert await other.spend("7:content", 3, 8, 60) == 0
        assert 58_000 < await one.spend("7:content", 1, 8, 60) <= 61_000
        assert await one.spend("8:content", 5, 5, 60) == 0
        # What is over is free again.
        assert await one.spend("9:content", 5, 5, 1) == 0
        wait = await other.spend("9:content", 5, 5, 1)
        assert 0 < wait <= 1_017
        await asyncio.sleep(wait / 1000)
        assert await other.spend("9:content", 5, 5, 1) == 0


async def test_an_emptied_redis_is_noticed_and_one_that_is_away_stops_nothing(
    server: RedisServer,
) -> None:
    async with counters(server.url_of("github"), SystemClock()) as shared:
        assert await shared.closed("7:core") is None
        await shared.remember({})
        assert await shared.closed("7:core") == 0
        server.kill()
        assert await shared.closed("7:core") == 0
        await shared.close("7:core", 60_000)
        assert (await shared.closed("7:core") or 0) > 50_000
        assert await shared.add("7:points", 5, 60) == 5
        assert await shared.turn("7:write", 750) == 0


async def test_what_is_forgotten_is_known_again_and_closed_in_one_step(server: RedisServer) -> None:
    url = server.url_of("github")
    async with counters(url, SystemClock()) as one, counters(url, SystemClock()) as other:
        for each in (one, other):
            await each.remember({})
        server.empty()
        assert await one.closed("7:core") is None
        assert await other.closed("7:core") is None
        await one.remember({"7:core": 60_000, "8:core": 1_000})
        assert 50_000 < (await other.closed("7:core") or 0) <= 60_000
        assert await other.closed("9:core") == 0


async def test_what_a_process_has_done_itself_counts_though_redis_was_emptied(
    server: RedisServer,
) -> None:
    async with counters(server.url_of("github"), SystemClock()) as one:
        assert await one.spend("7:content", 5, 5, 60) == 0
        assert await one.add("7:strikes", 2, 60) == 2
        server.empty()
        assert 58_000 < await one.spend("7:content", 1, 5, 60) <= 61_000
        assert await one.sum("7:strikes") == 2


async def test_a_hundred_callers_at_once_are_no_outage(server: RedisServer) -> None:
    url = server.url_of("github")
    async with counters(url, SystemClock()) as one, counters(url, SystemClock()) as other:
        waits = await asyncio.gather(
            *(each.spend("7:content", 1, 75, 60) for each in (one, other) for _ in range(100))
        )
        assert waits.count(0) == 75


def test_the_services_user_may_touch_its_own_keys_alone(server: RedisServer) -> None:
    client = redis.Redis.from_url(server.url_of("github"))
    with client:
        client.set("hive:github:known", "1")
        tail = ("XADD", "hive:tail:x", "*", "a", "b")
        for forbidden in (tail, ("SET", "other", "1"), ("KEYS", "*")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*forbidden)  # type: ignore[no-untyped-call]
