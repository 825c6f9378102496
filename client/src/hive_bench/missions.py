"""`hive bench missions`: whole missions, from launch to success, with agents that do nothing.

A mission has one task. It counts when the gateway's subscription delivers its success: then every
event of it is committed and published. The limit is what the same callers reach with launches
alone, of missions that wait for one that never runs.

Where an interpreter is named in which DBOS is installed, its workflows of one durable step are
measured afterwards, and the missions are put beside them.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil
from grpc import aio

from hive_bench import peer_dbos
from hive_bench.ground import Ground, record
from hive_bench.noop_runner import NoopRunner
from hive_bench.processor import cpu
from hive_bench.result import BenchRefused, CaseResult, result
from hive_client import Hive, HiveError, Launched
from hive_contracts.codec import decode
from hive_contracts.mission import MissionSucceeded
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_contracts.v1 import event_pb2
from hive_stack import StackState

CALLERS: Final = 64
BATCH: Final = 64
BATCHES: Final = 2
"""Batches on their way at a time."""
RUNNERS: Final = 4
SLOTS: Final = 64
SECONDS: Final = 8.0
"""How long each case is measured; a fifth of it goes before, unmeasured."""
END_SECONDS: Final = 60.0
BENCH: Final = "bench-"
"""How the names of a benchmark's own runners begin."""
_TICK: Final = 0.2

PLAN: Final = Plan("bench", (Phase("main", tasks=(TaskSpec("work", run="true"),)),))
WAITING: Final = Plan("bench-waiting", PLAN.phases, prerequisites=("bench-never",))

Round = Callable[[], Awaitable[list[float]]]
"""Some missions at once: how long each of them took, in seconds."""


async def run(
    ground: Ground, *, seconds: float = SECONDS, dbos: Path | None = None
) -> list[CaseResult]:
    """Raises BenchRefused where the ground cannot be made, HiveError where a launch is refused."""
    results = _at_rest(ground.state)
    async with (
        without_its_runner(ground),
        _agents(ground),
        Hive(ground.gateway, ground.token) as hive,
    ):
        successes = _Successes(hive)
        async with successes.followed():
            for case, callers, whole, alone in (
                ("LaunchMany, 64 a call", BATCHES, successes.batch, successes.waiting_batch),
                ("one by one, 64 callers", CALLERS, successes.one, successes.waiting_one),
            ):
                limit = len(await _repeated(alone, callers, seconds / 2)) / (seconds / 2)
                await _repeated(whole, callers, seconds / 5)
                before = cpu(ground.state)
                began = time.perf_counter()
                durations = await _repeated(whole, callers, seconds)
                rate = len(durations) / (time.perf_counter() - began)
                results.append(result("missions", case, rate, "missions/s", durations, limit))
                results += _cpu_results(case, before, cpu(ground.state), len(durations))
    if dbos is not None:
        results += await _beside(dbos, results, seconds)
    return results


async def _beside(python: Path, results: list[CaseResult], seconds: float) -> list[CaseResult]:
    """Workflows of DBOS on a server of its own, and what missions are to them."""
    with record() as ground:
        peer = await peer_dbos.measured(python, ground.admin_url, CALLERS, seconds)
    beside = [
        msgspec.structs.replace(
            case,
            case=f"{case.case}, beside {peer.case}",
            limit=peer.value,
            ratio=round(case.value / peer.value, 3),
        )
        for case in results
        if case.unit == "missions/s"
    ]
    return [peer, *beside]


class _Successes:
    """Launches missions, and knows when each has succeeded."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive
        self._ended: dict[str, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        head = (await self._hive.read(limit=1)).head
        following = asyncio.create_task(self._follow(head))
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def one(self) -> list[float]:
        began = time.perf_counter()
        await self._success((await self._hive.launch(PLAN)).mission_id)
        return [time.perf_counter() - began]

    async def batch(self) -> list[float]:
        began = time.perf_counter()

        async def ended(mission_id: str) -> float:
            await self._success(mission_id)
            return time.perf_counter() - began

        ids = _accepted(await self._hive.launch_many([PLAN] * BATCH))
        return list(await asyncio.gather(*map(ended, ids)))

    async def waiting_one(self) -> list[float]:
        began = time.perf_counter()
        await self._hive.launch(WAITING)
        return [time.perf_counter() - began]

    async def waiting_batch(self) -> list[float]:
        began = time.perf_counter()
        launched = _accepted(await self._hive.launch_many([WAITING] * BATCH))
        return [time.perf_counter() - began] * len(launched)

    async def _follow(self, after: int) -> None:
        filter = event_pb2.EventFilter(types=["MissionSucceeded"])
        async for arrived in self._hive.subscribe(filter, after=after):
            event = decode(arrived.event)
            assert isinstance(event, MissionSucceeded)
            future = self._future(event.mission_id)
            if not future.done():
                future.set_result(None)

    async def _success(self, mission_id: str) -> None:
        async with asyncio.timeout(END_SECONDS):
            await self._future(mission_id)
        del self._ended[mission_id]

    def _future(self, mission_id: str) -> asyncio.Future[None]:
        """The success may arrive before the launch's answer."""
        return self._ended.setdefault(mission_id, asyncio.get_running_loop().create_future())


def _accepted(answers: Sequence[Launched | HiveError]) -> list[str]:
    for answer in answers:
        if isinstance(answer, HiveError):
            raise answer
    return [answer.mission_id for answer in answers if isinstance(answer, Launched)]


async def _repeated(round: Round, callers: int, seconds: float) -> list[float]:
    """Rounds one after the other by each caller; those begun within the time are waited for."""
    durations: list[float] = []
    until = time.perf_counter() + seconds

    async def repeat() -> None:
        while time.perf_counter() < until:
            durations.extend(await round())

    await asyncio.gather(*(repeat() for _ in range(callers)))
    return durations


@asynccontextmanager
async def _agents(ground: Ground) -> AsyncIterator[None]:
    """Runners of our own, which do nothing at once."""
    async with aio.insecure_channel(ground.gateway) as channel:
        runners = [
            NoopRunner(channel, ground.token, name=f"{BENCH}{n}", slots=SLOTS)
            for n in range(RUNNERS)
        ]
        working = [asyncio.create_task(runner.run()) for runner in runners]
        try:
            await asyncio.gather(*(runner.ready.wait() for runner in runners))
            yield
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)


@asynccontextmanager
async def without_its_runner(ground: Ground) -> AsyncIterator[None]:
    """Stop the stack's runner where it stands: one that ended would be started again."""
    program = ground.state.program("runner")
    if program is None or program.process is None:
        raise BenchRefused("the stack has no runner")
    os.kill(program.process.pid, signal.SIGSTOP)
    try:
        await its_runner(ground, connected=False)
        yield
    finally:
        os.kill(program.process.pid, signal.SIGCONT)


async def its_runner(ground: Ground, *, connected: bool) -> None:
    """Until the stack's own is given up, or is there again."""
    async with Hive(ground.gateway, ground.token) as hive:
        for _ in range(int(END_SECONDS / _TICK)):
            views = await hive.operations.runners()
            theirs = (view for view in views if not view.name.startswith(BENCH))
            if connected == any(view.status == "connected" for view in theirs):
                return
            await asyncio.sleep(_TICK)
    raise BenchRefused(f"the stack's own runner is {'not there' if connected else 'still there'}")


def _cpu_results(
    case: str, before: dict[str, float], after: dict[str, float], missions: int
) -> list[CaseResult]:
    return [
        result("missions", f"CPU of {name}, {case}", used * 1000 / missions, "ms/mission")
        for name in after
        if (used := after[name] - before.get(name, 0.0)) > 0 and missions
    ]


def _at_rest(state: StackState) -> list[CaseResult]:
    """What each service holds in memory before anything is asked of it."""
    sizes = {
        program.name: psutil.Process(program.process.pid).memory_info().rss / 1e6
        for program in state.programs
        if program.process is not None and program.name not in ("postgres", "nats", "redis")
    }
    return [result("missions", f"memory of {n} at rest", size, "MB") for n, size in sizes.items()]
