"""A stack of its own, clients, kills, and what came of it."""

import asyncio
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from hive_bench.ground import scratch
from hive_bench.uptime.kills import Killer, order
from hive_bench.uptime.load import PREFIX, Load, Witness
from hive_bench.uptime.outcomes import outcomes
from hive_bench.uptime.windows import (
    COUNT_EVERY,
    WINDOW_SECONDS,
    Call,
    Counters,
    Uptime,
    window,
    windows,
)
from hive_client import Hive, HiveError
from hive_client.checkout import read_checkout
from hive_contracts.plan import Repository
from hive_shared.settings import Sources
from hive_stack import Stack
from hive_stack.ports import free_port, is_free
from hive_stack.vault import Vault

OBJECTIVE: Final = "gateway-availability"
SETTLED_SECONDS: Final = 30.0
"""After the end: health counts what gateways told it, later where the machine is busy."""
CATCH_UP_SECONDS: Final = 60.0
END_SECONDS: Final = 300.0
"""After the end: missions under way may have been made again more than once."""
RUNNERS: Final = 2
READ_SECONDS: Final = 10.0
LEAST_EVERY: Final = 4.0
"""Seconds between two kills, at least."""

ALERTS: Final = 5
"""From the stack's port on to the one at which both processes of health take alerts."""

Told = Callable[[str], None]


@contextmanager
def replicated(told: Told) -> Iterator[tuple[Stack, Repository]]:
    """Two of each service, alerts taken, and two runners; gone afterwards. Raises StackError."""
    with scratch("hive-uptime-") as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith("HIVE_")}
        port = _port()
        env |= {"HIVE_REPLICAS": "2", "HIVE_RUNNERS": str(RUNNERS), "HIVE_RUNNER_SLOTS": "2"}
        env |= {"HIVE_ALERTS_PORT": str(port + ALERTS), "HIVE_COUNT_EVERY": str(COUNT_EVERY)}
        stack = Stack(Sources(env=env, home=folder, cwd=folder), data=folder / "hive", port=port)
        try:
            state = stack.up()
            told(f"two of each service, {len(state.programs)} processes, up at {state.gateway}")
            yield stack, _repository(folder / "repository")
        finally:
            stack.down()


async def measure(
    stack: Stack,
    repository: Repository,
    *,
    seconds: float,
    target: float,
    deadline: float,
    told: Told,
    length: float = WINDOW_SECONDS,
) -> Uptime:
    """Clients call for so many seconds while each process is killed once, or more often."""
    state = stack.state()
    assert state is not None
    gateway, token = state.gateway, Vault(stack.paths.secrets).admin_token()
    programs = order([program.name for program in state.programs])
    every = max(LEAST_EVERY, seconds / (len(programs) + 1))
    began = time.monotonic()
    load = Load(gateway, token, repository, deadline=deadline, began=began)
    killer, witness = Killer(stack, began, told), Witness(gateway, token)
    counters: list[Counters] = []
    watching = [
        asyncio.create_task(killer.run(every), name="kills"),
        asyncio.create_task(witness.run(), name="witness"),
        asyncio.create_task(_counting(gateway, token, began, counters), name="counters"),
    ]
    loading = asyncio.create_task(load.run(), name="load")
    try:
        await asyncio.wait([loading, *watching], timeout=seconds, return_when="FIRST_COMPLETED")
        for task in (loading, *watching):
            if task.done():
                task.result()  # none of them ends by itself
        watching[0].cancel()
        load.end()
        await loading
        head = await _head(gateway, token)
        await witness.caught_up(head, CATCH_UP_SECONDS)
        settled = asyncio.create_task(asyncio.sleep(SETTLED_SECONDS))
        async with Hive(gateway, token, patience=CATCH_UP_SECONDS) as hive:
            path = Path(repository.url)
            missions = await outcomes(hive, load.launched, PREFIX, path, END_SECONDS)
        await settled
        await _count(gateway, token, began, counters)
    finally:
        for task in (loading, *watching):
            task.cancel()
        await asyncio.gather(loading, *watching, return_exceptions=True)
    calls, kills = load.calls, killer.kills
    return Uptime(
        target,
        window(calls, kills, counters, 0.0, float("inf")),
        windows(calls, kills, counters, length),
        tuple(kills),
        tuple(Counter(_short(call) for call in calls if call.error).most_common(5)),
        events=witness.last,
        events_missing=witness.missing + max(0, head - witness.last),
        missions=missions,
        programs=tuple(programs),
    )


async def _head(gateway: str, token: str) -> int:
    async with Hive(gateway, token, patience=CATCH_UP_SECONDS) as hive:
        return (await hive.read(limit=1)).head


async def _counting(gateway: str, token: str, began: float, counters: list[Counters]) -> None:
    while True:
        await _count(gateway, token, began, counters)
        await asyncio.sleep(READ_SECONDS)


async def _count(gateway: str, token: str, began: float, counters: list[Counters]) -> None:
    """What the objective's counters say now, if anybody answers."""
    with suppress(HiveError):
        async with Hive(gateway, token, patience=READ_SECONDS) as hive:
            answer = await hive.operations.objectives()
        at = time.monotonic() - began
        counters += [
            Counters(at, each.bad, each.total)
            for each in answer.objectives
            if each.name == OBJECTIVE
        ]


def _short(call: Call) -> str:
    return f"{call.kind}: {call.error}"[:160]


def _repository(path: Path) -> Repository:
    path.mkdir()
    (path / "README").write_text("A repository\n")
    identity = ("-c", "user.name=hive", "-c", "user.email=hive@example.org")
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "Begin")):
        subprocess.run(["git", *identity, "-C", str(path), *words], check=True, capture_output=True)
    return read_checkout(path).repository


def _port() -> int:
    """The first of those that a replicated stack takes."""
    while True:
        port = free_port()
        if port < 65000 and all(is_free(port + n) for n in range(1, ALERTS + 1)):
            return port
