"""A collector that takes connections and never answers, or that is down, is not noticed."""

import asyncio
import signal
import socket
import time
from pathlib import Path

import pytest

from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_shared.exporting import EXPORT_SECONDS
from hive_shared.telemetry import SHUTDOWN_SECONDS
from hive_stack.processes import alive
from tests.service.traces.command import command, mission_file
from tests.service.traces.conftest import StartHive
from tests.system.hive import SERVICES, RealHive, ends, eventually

MISSIONS = 6
"""Each has some dozen steps: waiting for the collector at any of them would take minutes."""
BUSY_SECONDS = 30.0
"""What anything here may take by itself on a machine that is busy with other tests."""
REFUSED = """
mission: red
run: echo done > done
gates: [test -e done]
"""
"""Its gate does not pass on the base: refused, after the whole way to the runner and back."""


@pytest.mark.full("a hive of its own, ended many times")
async def test_missions_go_on_and_exits_do_not_hang(
    start_hive: StartHive, repository: Path, tmp_path: Path
) -> None:
    file = mission_file(tmp_path, REFUSED)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        hive = start_hive(endpoint)
        await refuse_one(hive, endpoint, file, repository)
        await run_missions(hive)
        await restart(hive, "orchestrator")
    await refuse_one(hive, endpoint, file, repository)
    await run_missions(hive)

    log = await hive.log()
    assert [end.type for end in ends(log)].count("MissionSucceeded") == 2 * MISSIONS
    begun = time.monotonic()
    assert await asyncio.to_thread(hive.stack.down)
    assert time.monotonic() - begun < len(SERVICES) * SHUTDOWN_SECONDS + BUSY_SECONDS


async def refuse_one(hive: RealHive, endpoint: str, file: str, repository: Path) -> None:
    begun = time.monotonic()
    assert await command(hive, endpoint, "run", file, "--repo", str(repository)) == 2
    assert time.monotonic() - begun < SHUTDOWN_SECONDS + BUSY_SECONDS


async def run_missions(hive: RealHive) -> None:
    plan = Plan("untraced", (Phase("one", tasks=(TaskSpec("work", run="true"),)),))
    before = len(ends(await hive.log()))
    async with hive.client() as client:
        await asyncio.gather(*(client.launch(plan) for _ in range(MISSIONS)))
    await hive.ended(before + MISSIONS, seconds=MISSIONS * EXPORT_SECONDS)


async def restart(hive: RealHive, service: str) -> None:
    """Tell a service to end: it does so in time, and is started again."""
    told = hive.send(service, signal.SIGTERM)
    assert told is not None

    async def gone() -> bool | None:
        return None if alive(told) else True

    await eventually(gone, SHUTDOWN_SECONDS + BUSY_SECONDS)
    await hive.again(service, told)
