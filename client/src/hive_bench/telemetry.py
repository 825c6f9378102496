"""`hive bench telemetry`: what traces and metrics cost, as a share of what goes through.

Two hives run side by side, one as it is, one that sends its traces to a collector and is scraped
every five seconds, three times as often as the shipped configuration asks for. Durable launches
are measured on the one and on the other by turns, so that whatever else the machine does meets
both; the limit of a case is what the hive without reached in the same turns. Each turn is compared
with its neighbour of the other hive, and the ratio is the median of all pairs, with its interval: a
cost is known once that interval is narrow. Beside the rate stands what the services used of the
processor for each launch, which others disturb less.

As it is set up, a process begins so many recorded traces a second and no more. In the second case
callers bring a context that says "record it" with each call, and every launch is recorded.
"""

import asyncio
import contextlib
import http.client
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from grpc import aio

from hive_bench.gateway import CALL_SECONDS, Call, repeated
from hive_bench.ground import Ground
from hive_bench.processor import cpu
from hive_bench.result import CaseResult, paired, result
from hive_client.connection import new_id
from hive_contracts.v1 import mission_pb2, mission_pb2_grpc
from hive_stack.services import MODULES

CALLERS: Final = 64
ROUNDS: Final = 16
LEAST_SECONDS: Final = 1.0
"""Of a turn: the kernel counts the processor's time in hundredths."""
SECONDS: Final = 48.0
"""How long each case is measured, all its turns together; each turn's first fifth goes before."""
SCRAPE_SECONDS: Final = 5.0
_PAGES: Final = ("/metrics", "/metrics/hive")


class _Turn(msgspec.Struct, frozen=True):
    calls: int
    seconds: float
    cpu: float
    """Seconds that the hive's services used."""

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    @property
    def cost(self) -> float:
        """Milliseconds of the processor for each call."""
        return self.cpu * 1000 / max(1, self.calls)


class _Case:
    """One way of launching, and what was measured of it so far."""

    def __init__(self, name: str, ground: Ground, call: Call) -> None:
        self.name = name
        self._ground = ground
        self._call = call
        self.durations: list[float] = []
        self.turns: list[_Turn] = []

    async def turn(self, seconds: float) -> None:
        await repeated(self._call, CALLERS, seconds / 5)
        before, began = _services(self._ground), time.perf_counter()
        durations = await repeated(self._call, CALLERS, seconds)
        took = time.perf_counter() - began
        self.turns.append(_Turn(len(durations), took, _services(self._ground) - before))
        self.durations += durations

    @property
    def whole(self) -> "_Turn":
        """All turns together."""
        return _Turn(
            sum(turn.calls for turn in self.turns),
            sum(turn.seconds for turn in self.turns),
            sum(turn.cpu for turn in self.turns),
        )


def _services(ground: Ground) -> float:
    used = cpu(ground.state)
    return sum(used[name] for name in used if name in MODULES)


async def run(plain: Ground, traced: Ground, *, seconds: float = SECONDS) -> list[CaseResult]:
    """`traced` sends its traces to a collector. Raises AioRpcError where a launch is refused."""
    rounds = max(1, min(ROUNDS, int(seconds / LEAST_SECONDS)))
    async with (
        aio.insecure_channel(plain.gateway) as without,
        aio.insecure_channel(traced.gateway) as with_it,
        _scraping(traced),
    ):
        results = []
        for name, recorded in (("traced and scraped", False), ("all recorded", True)):
            cases = (
                _Case(name, traced, launching(with_it, traced.token, recorded=recorded)),
                _Case("", plain, launching(without, plain.token)),
            )
            for number in range(rounds):
                # Whoever comes first in a round comes last in the next.
                for case in cases if number % 2 else reversed(cases):
                    await case.turn(seconds / rounds)
            results += _compared(*cases)
    return results


def _compared(case: _Case, limit: _Case) -> list[CaseResult]:
    name, whole, beside = f"durable launches, {case.name}", case.whole, limit.whole
    pairs = list(zip(case.turns, limit.turns, strict=True))
    rates = result("telemetry", name, whole.rate, "calls/s", case.durations, beside.rate)
    name = f"CPU of services, {case.name}"
    costs = result("telemetry", name, whole.cost, "ms/call", (), beside.cost)
    return [
        paired(rates, [each.rate / other.rate for each, other in pairs]),
        paired(costs, [each.cost / other.cost for each, other in pairs]),
    ]


def launching(channel: aio.Channel, token: str, *, recorded: bool = False) -> Call:
    """A mission that waits for one that never runs."""
    missions = mission_pb2_grpc.MissionServiceStub(channel)
    authorization = ("authorization", f"Bearer {token}")

    async def launch() -> object:
        request = mission_pb2.LaunchRequest(command_id=new_id())
        request.plan.name = "bench"
        request.plan.prerequisites.append(f"never-{request.command_id}")
        request.plan.phases.add(name="main").tasks.add(name="work", run="true")
        metadata = [authorization]
        if recorded:
            context = f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"
            metadata.append(("traceparent", context))
        return await missions.Launch(request, metadata=metadata, timeout=CALL_SECONDS)

    return launch


@asynccontextmanager
async def collecting() -> AsyncIterator[str]:
    """The endpoint of a collector in a process of its own, that takes all and keeps nothing."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hive_bench.collector"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await server.stdout.readline())}"
    finally:
        server.stdin.close()
        await server.wait()


@asynccontextmanager
async def _scraping(ground: Ground) -> AsyncIterator[None]:
    """As Prometheus does."""

    def scrape() -> None:
        for page in _PAGES:
            asked = http.client.HTTPConnection("127.0.0.1", ground.state.http_port, timeout=20)
            with contextlib.closing(asked):
                asked.request("GET", page, headers={"Authorization": f"Bearer {ground.token}"})
                asked.getresponse().read()

    async def again() -> None:
        while True:
            await asyncio.to_thread(scrape)
            await asyncio.sleep(SCRAPE_SECONDS)

    scraping = asyncio.create_task(again())
    try:
        yield
        if scraping.done():
            scraping.result()
    finally:
        scraping.cancel()
        await asyncio.wait([scraping])
