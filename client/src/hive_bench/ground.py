"""What a benchmark runs on: a PostgreSQL, or a whole hive, of its own; gone afterwards."""

import os
import platform
import secrets
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
from hive_stack import Stack, StackState, binaries, postgres
from hive_stack.ports import free_port, is_free
from hive_stack.vault import Vault

SETTINGS: Final = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
"""Of PostgreSQL: printed with every figure."""
_SYNCS: Final = 200


class Record(msgspec.Struct, frozen=True):
    """A PostgreSQL server."""

    folder: Path
    """On the disk that its data is on."""
    admin_url: str


class Ground(msgspec.Struct, frozen=True):
    """A whole hive."""

    stack: Stack
    record: Record
    gateway: str
    token: str

    @property
    def state(self) -> StackState:
        state = self.stack.state()
        assert state is not None
        return state


@contextmanager
def record() -> Iterator[Record]:
    """Raises StackError."""
    with scratch() as folder:
        password = secrets.token_hex(16)
        config = postgres.PostgresConfig(
            binary=postgres.reachable(binaries.find_postgres(), folder / "bin"),
            data=folder / "pg",
            port=free_port(),
            log=folder / "postgres.log",
        )
        postgres.create(config, password)
        server = postgres.start(config)
        try:
            yield Record(folder, _admin_url(config.port, password))
        finally:
            postgres.stop_server(server)


@contextmanager
def hive(slots: int = 1, toml: str = "", **settings: str) -> Iterator[Ground]:
    """`slots` are its runner's; `toml` is its configuration, `settings` more of its environment.

    Raises StackError.
    """
    with scratch() as folder:
        (folder / "hive.toml").write_text(toml)
        env = {name: value for name, value in os.environ.items() if not name.startswith("HIVE_")}
        # A runner that is stopped is to be missed soon: `missions` brings runners of its own.
        env |= {"HIVE_SESSION_TTL": "6", "HIVE_RUNNER_SLOTS": str(slots)} | settings
        sources = Sources(env=env, home=folder, cwd=folder)
        stack = Stack(sources, data=folder / "hive", port=_free_pair())
        try:
            state = stack.up()
            vault = Vault(stack.paths.secrets)
            url = _admin_url(state.postgres_port, vault.postgres("admin"))
            yield Ground(stack, Record(folder, url), state.gateway, vault.admin_token())
        finally:
            stack.down()


async def describe(record: Record) -> list[str]:
    """Versions, settings and the cost of a sync. Raises BenchRefused where durability is off."""
    connection = await asyncpg.connect(record.admin_url)
    try:
        settings = {
            name: str(await connection.fetchval("select current_setting($1)", name))
            for name in ("server_version", *SETTINGS)
        }
    finally:
        await connection.close()
    for name in ("fsync", "synchronous_commit"):
        if settings[name] == "off":
            raise BenchRefused(
                f"{name} is off: what durability costs would not be measured",
                "postgresql.conf",
                "turn it on",
            )
    version = settings.pop("server_version")
    told = " ".join(f"{name}={value}" for name, value in settings.items())
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    programs = f"Python {platform.python_version()} · NATS {binaries.find_nats().shown()}"
    return [
        f"{os.cpu_count()} CPUs · {system} · {programs}",
        f"PostgreSQL {version} · {told}",
        f"fsync of 8 KiB: {sync_ms(record.folder):.2f} ms (median of {_SYNCS})",
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


@contextmanager
def scratch(prefix: str = "hive-bench-") -> Iterator[Path]:
    """A folder for a stack; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    # Started by root, the database runs as another account, which must reach its data.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _admin_url(port: int, password: str) -> str:
    return postgres.url(port, postgres.ADMIN, password, "postgres")


def _free_pair() -> int:
    """A free port whose next one is free too."""
    while True:
        port = free_port()
        if port < 65535 and is_free(port + 1):
            return port
