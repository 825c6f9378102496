"""What a benchmark runs on: a whole hive of its own, on free ports, gone afterwards."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from hive_bench.result import BenchRefused
from hive_shared.settings import Sources
from hive_stack import Stack, StackState, nats, postgres
from hive_stack.ports import free_port, is_free
from hive_stack.vault import Vault

SETTINGS: Final = ("fsync", "synchronous_commit", "shared_buffers", "full_page_writes")
"""Of PostgreSQL: printed with every figure."""
_SYNCS: Final = 200


class Ground(msgspec.Struct, frozen=True):
    stack: Stack
    postgres_admin_url: str
    nats_admin_url: str
    gateway: str
    token: str

    @property
    def state(self) -> StackState:
        state = self.stack.state()
        assert state is not None
        return state


@contextmanager
def prepared() -> Iterator[Ground]:
    """Raises StackError."""
    folder = Path(tempfile.mkdtemp(prefix="hive-bench-"))
    # Started by root, the database runs as another account, which must reach its data.
    folder.chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HIVE_")}
    # A runner that is stopped is to be missed soon: `missions` brings runners of its own.
    env |= {"HIVE_SESSION_TTL": "6", "HIVE_RUNNER_SLOTS": "1"}
    sources = Sources(env=env, home=folder, cwd=folder)
    stack = Stack(sources, data=folder / "hive", port=_free_pair())
    try:
        state = stack.up()
        vault = Vault(stack.paths.secrets)
        yield Ground(
            stack,
            postgres.url(state.postgres_port, postgres.ADMIN, vault.postgres("admin"), "postgres"),
            nats.url(state.nats_port, nats.ADMIN, vault.nats(nats.ADMIN)),
            state.gateway,
            vault.admin_token(),
        )
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)


async def describe(ground: Ground) -> list[str]:
    """Versions, settings and the cost of a sync. Raises BenchRefused where durability is off."""
    connection = await asyncpg.connect(ground.postgres_admin_url)
    try:
        settings = {
            name: str(await connection.fetchval("select current_setting($1)", name))
            for name in SETTINGS
        }
    finally:
        await connection.close()
    for name in ("fsync", "synchronous_commit"):
        if settings[name] == "off":
            raise BenchRefused(f"{name} is off: what durability costs would not be measured")
    state, uname = ground.state, os.uname()
    told = " ".join(f"{name}={value}" for name, value in settings.items())
    return [
        f"{os.cpu_count()} CPUs · {uname.sysname} {uname.release} {uname.machine}",
        f"{state.postgres} · {state.nats} · {told}",
        f"fsync of 8 KiB: {sync_ms(ground.stack.settings.data):.2f} ms (median of {_SYNCS})",
    ]


def sync_ms(folder: Path) -> float:
    """How long it takes, in milliseconds, until 8 KiB are on this folder's disk."""
    durations: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            file.write(b"\0" * 8192)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            durations.append(time.perf_counter() - began)
    return statistics.median(durations) * 1000


def _free_pair() -> int:
    """A free port whose next one is free too."""
    while True:
        port = free_port()
        if port < 65535 and is_free(port + 1):
            return port
