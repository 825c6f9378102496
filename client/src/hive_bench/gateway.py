"""`hive bench gateway`: durable Launch commands, one a call, by 1 to 64 callers and at a rate.

Each launch is answered when its events are on disk. Each mission waits for one that never runs, so
that what is measured is the way of a command and not the work of the runner. The limit is an empty
gRPC echo, in a process of its own, with as many callers, measured just before.

Callers that wait for their answer before they call again ask less of a hive that is slow. So in one
case calls come at their time, whatever became of those before, and are timed from the moment at
which they were due; its limit is the rate that was offered.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from grpc import aio

from hive_bench.echo import METHOD
from hive_bench.result import CaseResult, result
from hive_client.connection import new_id
from hive_contracts.v1 import mission_pb2, mission_pb2_grpc

CALLERS: Final = (1, 16, 64)
SECONDS: Final = 5.0
"""How long each case is measured; a fifth of it goes before, unmeasured."""
CALL_SECONDS: Final = 30.0
OFFERED: Final = 867.5
"""Calls a second: what the hive's predecessor was measured at."""

Call = Callable[[], Awaitable[object]]


async def run(
    address: str, token: str, *, callers: Sequence[int] = CALLERS, seconds: float = SECONDS
) -> list[CaseResult]:
    """Measure a running gateway (host:port). Raises AioRpcError where a launch is refused."""
    results = []
    async with _echoing() as echo, aio.insecure_channel(address) as channel:
        launch = _launching(channel, token)
        for number in callers:
            limit = len(await _measured(echo, number, seconds)) / seconds
            durations = await _measured(launch, number, seconds)
            case = f"durable launches, {number} caller{'s' if number > 1 else ''}"
            rate = len(durations) / seconds
            results.append(result("gateway", case, rate, "calls/s", durations, limit))
        await _offered(launch, seconds / 5)
        began = time.perf_counter()
        durations = await _offered(launch, seconds)
        rate = len(durations) / (time.perf_counter() - began)
        case = f"durable launches, offered {OFFERED:g} a second"
        results.append(result("gateway", case, rate, "calls/s", durations, OFFERED))
    return results


def _launching(channel: aio.Channel, token: str) -> Call:
    missions = mission_pb2_grpc.MissionServiceStub(channel)
    metadata = (("authorization", f"Bearer {token}"),)

    async def launch() -> object:
        request = mission_pb2.LaunchRequest(command_id=new_id())
        request.plan.name = "bench"
        request.plan.prerequisites.append(f"never-{request.command_id}")
        request.plan.phases.add(name="main").tasks.add(name="work", run="true")
        return await missions.Launch(request, metadata=metadata, timeout=CALL_SECONDS)

    return launch


async def _measured(call: Call, callers: int, seconds: float) -> list[float]:
    """The same, after some that are not measured."""
    await repeated(call, callers, seconds / 5)
    return await repeated(call, callers, seconds)


async def _offered(call: Call, seconds: float) -> list[float]:
    """How long each of the calls took from when it was due, in seconds; all are waited for."""
    durations: list[float] = []
    began = time.perf_counter()

    async def once(due: float) -> None:
        await call()
        durations.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as calls:
        for number in range(int(OFFERED * seconds)):
            due = began + number / OFFERED
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            calls.create_task(once(due))
    return durations


async def repeated(call: Call, callers: int, seconds: float) -> list[float]:
    """How long each call took, in seconds, of those that ended within the time."""
    durations: list[float] = []
    until = time.perf_counter() + seconds

    async def repeat() -> None:
        while (began := time.perf_counter()) < until:
            await call()
            ended = time.perf_counter()
            if ended <= until:
                durations.append(ended - began)

    await asyncio.gather(*(repeat() for _ in range(callers)))
    return durations


@asynccontextmanager
async def _echoing() -> AsyncIterator[Call]:
    """An echo server of our own, and a call to it."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hive_bench.echo"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        port = int(await server.stdout.readline())
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            echo: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
            yield lambda: echo(b"", timeout=CALL_SECONDS)
    finally:
        server.stdin.close()
        await server.wait()
