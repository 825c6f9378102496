"""Benchmarks: each case is measured against a limit of the same machine in the same run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from hive_bench import eventstore, feed, gateway, missions, rebuild
from hive_bench.ground import Ground, describe, prepared
from hive_bench.result import CaseResult

Bench = Callable[[Ground, float | None], Awaitable[list[CaseResult]]]


async def _eventstore(ground: Ground, seconds: float | None) -> list[CaseResult]:
    return await eventstore.run(ground.postgres_admin_url, seconds=seconds or eventstore.SECONDS)


async def _gateway(ground: Ground, seconds: float | None) -> list[CaseResult]:
    return await gateway.run(ground.gateway, ground.token, seconds=seconds or gateway.SECONDS)


async def _missions(ground: Ground, seconds: float | None) -> list[CaseResult]:
    return await missions.run(ground, seconds=seconds or missions.SECONDS)


async def _feed(ground: Ground, seconds: float | None) -> list[CaseResult]:
    return await feed.run(ground.postgres_admin_url, seconds=seconds or feed.SECONDS)


async def _rebuild(ground: Ground, seconds: float | None) -> list[CaseResult]:
    return await rebuild.run(ground.postgres_admin_url, seconds=seconds or rebuild.SECONDS)


BENCHES: Final[dict[str, Bench]] = {
    "eventstore": _eventstore,
    "gateway": _gateway,
    "missions": _missions,
    "feed": _feed,
    "rebuild": _rebuild,
}


def measure(
    names: Sequence[str],
    seconds: float | None,
    told: Callable[[str], None],
    shown: Callable[[list[CaseResult]], None],
) -> None:
    """Run benchmarks, each on a ground of its own: none leaves the next one a fuller disk.

    `told` gets lines about the machine and its settings, `shown` the results of each benchmark.
    Raises BenchRefused where durability is off, StackError where the ground cannot be made.
    """
    for name in names:
        with prepared() as ground:
            for line in asyncio.run(describe(ground)):
                told(line)
            shown(asyncio.run(_collected(BENCHES[name](ground, seconds))))


async def _collected(results: Awaitable[list[CaseResult]]) -> list[CaseResult]:
    return await results
