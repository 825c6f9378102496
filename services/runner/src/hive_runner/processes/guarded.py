"""The runner's side of a guard: see `guard`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.link.slots import Key
from hive_runner.processes import processes
from hive_runner.processes.guard import STRUCK
from hive_runner.processes.programs import own_program
from hive_runner.processes.vigil import Vigil

_READY_SECONDS: Final = 30.0


class Watch(msgspec.Struct, frozen=True):
    """Whose vigil an exclusive command is under."""

    vigil: Vigil
    key: Key


@asynccontextmanager
async def guarded(
    watch: Watch | None, pid: int, marker: str, cgroup: Path | None
) -> AsyncIterator[None]:
    """While this is open a guard stands beside a process group, where there is a watch.

    The caller has ended the group when it closes this. Raises OSError where no guard can be had.
    """
    if watch is None:
        yield
        return
    started = processes.start_time(pid)
    guard = await asyncio.create_subprocess_exec(
        *own_program("hive_runner.processes.guard"), str(pid), repr(started), marker,
        str(cgroup or "-"), repr(watch.vigil.until(watch.key)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        stderr=asyncio.subprocess.DEVNULL, env={"PATH": os.environ.get("PATH", os.defpath)},
    )  # fmt: skip
    assert guard.stdin is not None and guard.stdout is not None
    pipe = guard.stdin
    try:
        async with asyncio.timeout(_READY_SECONDS):
            if await guard.stdout.readline() != b"ready\n":
                raise OSError("no guard could be started for an exclusive attempt")
        with watch.vigil.watched(watch.key, lambda until: pipe.write(f"{until!r}\n".encode())):
            pipe.write(f"{watch.vigil.until(watch.key)!r}\n".encode())
            yield
    finally:
        with suppress(OSError):
            pipe.write(b"done\n")
            pipe.close()
        if await guard.wait() == STRUCK:
            watch.vigil.struck(watch.key)
