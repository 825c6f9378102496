"""Benchmarks: each case is measured against a limit of the same machine in the same run."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from hive_bench import eventstore, feed, gateway, missions, rebuild
from hive_bench.ground import Record, describe, hive, record
from hive_bench.result import CaseResult

Told = Callable[[str], None]
Bench = Callable[[float | None, Told], list[CaseResult]]
"""Measures for so many seconds a case, or its default; tells about the machine first."""


def _eventstore(seconds: float | None, told: Told) -> list[CaseResult]:
    with record() as ground:
        _describe(ground, told)
        return asyncio.run(eventstore.run(ground.admin_url, seconds=seconds or eventstore.SECONDS))


def _feed(seconds: float | None, told: Told) -> list[CaseResult]:
    with record() as ground:
        _describe(ground, told)
        return asyncio.run(feed.run(ground.admin_url, seconds=seconds or feed.SECONDS))


def _rebuild(seconds: float | None, told: Told) -> list[CaseResult]:
    with record() as ground:
        _describe(ground, told)
        return asyncio.run(rebuild.run(ground.admin_url, seconds=seconds or rebuild.SECONDS))


def _gateway(seconds: float | None, told: Told) -> list[CaseResult]:
    with hive() as ground:
        _describe(ground.record, told)
        measured = gateway.run(ground.gateway, ground.token, seconds=seconds or gateway.SECONDS)
        return asyncio.run(measured)


def _missions(seconds: float | None, told: Told) -> list[CaseResult]:
    with hive() as ground:
        _describe(ground.record, told)
        return asyncio.run(missions.run(ground, seconds=seconds or missions.SECONDS))


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
    told: Told,
    shown: Callable[[list[CaseResult]], None],
) -> None:
    """Run benchmarks, each on a ground of its own: none leaves the next one a fuller disk.

    `told` gets lines about the machine and its settings, `shown` the results of each benchmark.
    Raises BenchRefused where durability is off, StackError where the ground cannot be made.
    """
    for name in names:
        shown(BENCHES[name](seconds, told))


def _describe(ground: Record, told: Told) -> None:
    for line in asyncio.run(describe(ground)):
        told(line)
