"""Benchmarks: each case is measured against a limit of the same machine in the same run."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_bench import attempts, eventstore, feed, gateway, missions, rebuild, telemetry
from hive_bench.github import run as github
from hive_bench.ground import Record, describe, hive, record
from hive_bench.result import CaseResult

Told = Callable[[str], None]


class Wish(msgspec.Struct, frozen=True):
    """How somebody wants it measured."""

    seconds: float | None = None
    """Of each case; None is each benchmark's own."""
    dbos: Path | None = None
    """An interpreter in which DBOS is installed; None does without."""


Bench = Callable[[Wish, Told], list[CaseResult]]
"""Measures; tells about the machine first."""


def _eventstore(wish: Wish, told: Told) -> list[CaseResult]:
    with record() as ground:
        _describe(ground, told)
        return asyncio.run(
            eventstore.run(ground.admin_url, seconds=wish.seconds or eventstore.SECONDS)
        )


def _feed(wish: Wish, told: Told) -> list[CaseResult]:
    with record() as ground:
        _describe(ground, told)
        seconds = wish.seconds or feed.SECONDS
        return asyncio.run(feed.run(ground.admin_url, seconds=seconds))


def _rebuild(wish: Wish, told: Told) -> list[CaseResult]:
    with record() as ground:
        _describe(ground, told)
        seconds = wish.seconds or rebuild.SECONDS
        return asyncio.run(rebuild.run(ground.admin_url, seconds=seconds))


def _gateway(wish: Wish, told: Told) -> list[CaseResult]:
    with hive() as ground:
        _describe(ground.record, told)
        measured = gateway.run(
            ground.gateway, ground.token, seconds=wish.seconds or gateway.SECONDS
        )
        return asyncio.run(measured)


def _missions(wish: Wish, told: Told) -> list[CaseResult]:
    with hive() as ground:
        _describe(ground.record, told)
        seconds = wish.seconds or missions.SECONDS
        return asyncio.run(missions.run(ground, seconds=seconds, dbos=wish.dbos))


def _attempts(wish: Wish, told: Told) -> list[CaseResult]:
    with hive(attempts.SLOTS) as ground:
        _describe(ground.record, told)
        return asyncio.run(attempts.run(ground, seconds=wish.seconds or attempts.SECONDS))


def _telemetry(wish: Wish, told: Told) -> list[CaseResult]:
    async def run() -> list[CaseResult]:
        seconds = wish.seconds or telemetry.SECONDS
        async with telemetry.collecting() as endpoint:
            with hive() as plain, hive(HIVE_OTLP_ENDPOINT=endpoint) as traced:
                for line in await describe(plain.record):
                    told(line)
                return await telemetry.run(plain, traced, seconds=seconds)

    return asyncio.run(run())


def _github(wish: Wish, told: Told) -> list[CaseResult]:
    return asyncio.run(github.run(wish.seconds or github.SECONDS, told))


BENCHES: Final[dict[str, Bench]] = {
    "eventstore": _eventstore,
    "gateway": _gateway,
    "missions": _missions,
    "attempts": _attempts,
    "feed": _feed,
    "rebuild": _rebuild,
    "telemetry": _telemetry,
    "github": _github,
}


def measure(
    names: Sequence[str],
    wish: Wish,
    told: Told,
    shown: Callable[[list[CaseResult]], None],
) -> None:
    """Run benchmarks, each on a ground of its own: none leaves the next one a fuller disk.

    `told` gets lines about the machine and its settings, `shown` the results of each benchmark.
    Raises BenchRefused where durability is off, StackError where the ground cannot be made.
    """
    for name in names:
        shown(BENCHES[name](wish, told))


def _describe(ground: Record, told: Told) -> None:
    for line in asyncio.run(describe(ground)):
        told(line)
