"""`hive status --watch`: looks again and again, until it is told to end."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from tests.component.client.fake_gateway import serving


async def test_with_json_each_look_is_a_line_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    async with serving() as fake:
        env = {name: value for name, value in os.environ.items() if not name.startswith("HIVE_")}
        env |= {
            "HOME": str(tmp_path),
            "HIVE_GATEWAY": fake.address,
            "HIVE_TOKEN_FILE": str(tmp_path / "token"),
        }
        words = (str(Path(sys.executable).with_name("hive")), "status", "--watch", "--json")
        process = await asyncio.create_subprocess_exec(
            *words, cwd=tmp_path, env=env, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(60):
                looks = [json.loads(await process.stdout.readline()) for _ in range(2)]
                process.send_signal(signal.SIGINT)
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
    assert [look["gateway"] for look in looks] == [fake.address] * 2
    assert [set(look) for look in looks] == [{"gateway", "ready", "health"}] * 2
    assert process.returncode == 130
