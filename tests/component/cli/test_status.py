"""`hive status`: what it exits with; and `--watch`, which looks again until it is ended."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hive_contracts.v1.operations_pb2 import HealthMember, HealthReport, HealthResponse, Symptom
from tests.component.client.fake_gateway import FakeGateway, serving

GATEWAY = HealthMember(service="gateway", instance="0a", state="alive", ready=True)
RELAY = HealthMember(service="relay", instance="0b", state="alive", ready=True)
GONE = HealthMember(service="relay", instance="0b", state="silent", reason="no beat")
WHOLE = HealthResponse(report=HealthReport(members=[GATEWAY, RELAY]))
SILENT = HealthResponse(
    report=HealthReport(
        members=[GATEWAY, GONE],
        symptoms=[Symptom(kind="service-silent", text="no beat of relay for 9 s", remedy="see it")],
    )
)


@asynccontextmanager
async def status(
    fake: FakeGateway, folder: Path, *options: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    """The command, at the gateway, and what it prints."""
    (folder / "token").write_text("secret\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("HIVE_")}
    env |= {
        "HOME": str(folder),
        "HIVE_GATEWAY": fake.address,
        "HIVE_TOKEN_FILE": str(folder / "token"),
    }
    words = (str(Path(sys.executable).with_name("hive")), "status", *options)
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            yield process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_with_json_each_look_is_a_line_of_its_own(tmp_path: Path) -> None:
    async with serving() as fake, status(fake, tmp_path, "--watch", "--json") as (process, output):
        looks = [json.loads(await output.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    assert [look["gateway"] for look in looks] == [fake.address] * 2
    assert [set(look) for look in looks] == [{"gateway", "ready", "health"}] * 2


async def test_a_service_that_goes_and_comes_back_between_two_looks_is_a_new_block_each(
    tmp_path: Path,
) -> None:
    async with serving() as fake:
        fake.health = WHOLE
        async with status(fake, tmp_path, "--watch") as (process, output):

            async def block(lines: int) -> list[str]:
                return [(await output.readline()).decode().rstrip("\n") for _ in range(lines)]

            whole = [f"hive at {fake.address} is whole", "  gateway ✓  relay ✓"]
            assert await block(2) == whole
            fake.health = SILENT
            assert await block(5) == [
                f"hive at {fake.address} is not whole",
                "  gateway ✓  relay ✗",
                "  relay 0b is silent: no beat",
                "  ✗ service-silent: no beat of relay for 9 s",
                "      see it",
            ]
            # Two looks at the same thing: nothing is said twice, or the next block would begin so.
            seen = fake.looks
            while fake.looks < seen + 2:
                await fake.looked.wait()
                fake.looked.clear()
            fake.health = WHOLE
            assert await block(2) == whole
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130


async def test_it_exits_with_one_where_a_service_is_not_ready(tmp_path: Path) -> None:
    async with serving() as fake:
        for health, exit_status in ((WHOLE, 0), (SILENT, 1), (HealthResponse(trouble="gone"), 1)):
            fake.health = health
            async with status(fake, tmp_path) as (process, output):
                said = (await output.read()).decode()
                assert await process.wait() == exit_status, said
        assert "  health unknown: gone" in said
