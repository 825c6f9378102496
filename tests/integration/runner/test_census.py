"""What the processes of an attempt use, while some of them end."""

import asyncio
import os
import subprocess
import sys

import pytest

from hive_runner.processes import census
from hive_runner.processes.census import Census
from hive_runner.processes.processes import LINUX

TAKES = "x = bytearray(64 * 2**20); print(flush=True); input()"


@pytest.mark.skipif(not LINUX, reason="there is no /proc")
@pytest.mark.parametrize("waited_for", [False, True], ids=["a zombie", "gone"])
def test_a_process_that_has_ended_since_it_was_seen_takes_no_memory(
    monkeypatch: pytest.MonkeyPatch, waited_for: bool
) -> None:
    monkeypatch.setattr(census, "_FRESH_SECONDS", 60.0)
    with (
        asyncio.Runner() as runner,
        subprocess.Popen(
            [sys.executable, "-c", TAKES], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as taking,
    ):
        assert taking.stdout is not None
        taking.stdout.readline()
        counted = Census()

        def memory() -> int:
            return runner.run(counted.usage(taking.pid, "it", shared_below=1)).memory

        assert memory() > 64 * 2**20
        taking.kill()
        os.waitid(os.P_PID, taking.pid, os.WEXITED | os.WNOWAIT)
        if waited_for:
            taking.wait()
        assert memory() == 0
