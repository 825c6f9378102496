"""`hive bench gateway`: durable Launch commands, one a call, at 1, 16 and 64 callers.

Each launch is answered when its events are on disk. Each mission waits for one that never runs, so
that what is measured is the way of a command and not the work of the runner. The limit is an empty
gRPC echo, in a process of its own, with as many callers, measured just before.
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
    """How long each call took, in seconds, of those that ended within the time."""
    await _repeated(call, callers, seconds / 5)
    return await _repeated(call, callers, seconds)


async def _repeated(call: Call, callers: int, seconds: float) -> list[float]:
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
