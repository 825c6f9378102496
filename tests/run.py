"""One run of the tests: its directory, its seed, and the servers that its processes share.

The process that pytest was started in makes the directory and ends the servers; the first worker
that needs a server starts it, under a file lock.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from hive_stack import binaries, nats, postgres, schemas
from hive_stack.ports import free_port
from hive_stack.processes import ProcessId, alive, identity, stop
from tests import containers

PREFIX: Final = "hive-tests-"
MEMORY: Final = Path("/dev/shm")  # the folder of Linux that is kept in memory
MEMORY_FREE: Final = 8 * 1024**3
"""Bytes that must be free there; a whole run at full size needs less."""
TEMPLATE: Final = "hive_template"
NATS_ACCOUNTS: Final = 400
"""Accounts made beforehand, one per test that uses the bus; adding them later needs a reload."""


class PostgresServer(msgspec.Struct, frozen=True):
    admin_url: str
    passwords: dict[str, str]
    process: ProcessId | None = None
    container: str = ""

    def url_of(self, database: str) -> str:
        return self.admin_url.rsplit("/", 1)[0] + "/" + database


class NatsServer(msgspec.Struct, frozen=True):
    host: str
    port: int
    password: str
    process: ProcessId | None = None
    container: str = ""


class Run:
    """A run as each of its processes sees it."""

    def __init__(self, directory: Path, backend: str) -> None:
        self.directory = directory
        self.backend = backend

    def postgres(self) -> PostgresServer:
        """The run's PostgreSQL, with the template database made; started by the first to ask."""
        with self._lock("postgres"):
            known = self.directory / "postgres.json"
            if known.exists():
                return msgspec.json.decode(known.read_bytes(), type=PostgresServer)
            started = self._containers_postgres() if self._in_containers else self._own_postgres()
            # Written before the migrations: if they fail, the end of the run still finds it.
            known.write_bytes(msgspec.json.encode(started))
            try:
                asyncio.run(_make_template(started))
            except BaseException:
                end_postgres(started)
                known.unlink()
                raise
            return started

    def nats(self) -> NatsServer:
        """The run's NATS; started by the first to ask."""
        with self._lock("nats"):
            known = self.directory / "nats.json"
            if known.exists():
                return msgspec.json.decode(known.read_bytes(), type=NatsServer)
            started = self._containers_nats() if self._in_containers else self._own_nats()
            known.write_bytes(msgspec.json.encode(started))
            return started

    def next_account(self) -> int:
        """The number of a NATS account that no other test of this run gets."""
        with self._lock("account"):
            counter = self.directory / "accounts"
            number = int(counter.read_text()) if counter.exists() else 0
            if number >= NATS_ACCOUNTS:
                raise RuntimeError(f"more than {NATS_ACCOUNTS} tests use NATS: raise NATS_ACCOUNTS")
            counter.write_text(str(number + 1))
            return number

    @property
    def _in_containers(self) -> bool:
        return self.backend == "containers"

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        with (self.directory / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _own_postgres(self) -> PostgresServer:
        config = postgres.PostgresConfig(
            binary=postgres.reachable(binaries.find_postgres(), self.directory / "bin"),
            data=self.directory / "pg",
            port=free_port(),
            log=self.directory / "postgres.log",
            # A power cut is no part of the tests; a killed server loses nothing without fsync.
            options=(("fsync", "off"), ("max_connections", "300"), ("shared_buffers", "64MB")),
        )
        password = secrets.token_hex(16)
        postgres.create(config, password)
        process = postgres.start(config)
        url = postgres.url(config.port, postgres.ADMIN, password, "postgres")
        return PostgresServer(url, _role_passwords(), process=process)

    def _containers_postgres(self) -> PostgresServer:
        url, container = containers.start_postgres()
        return PostgresServer(url, _role_passwords(), container=container)

    def _own_nats(self) -> NatsServer:
        config = nats.NatsConfig(
            binary=binaries.find_nats(),
            store=self.directory / "nats",
            config=self.directory / "nats.conf",
            port=free_port(),
            log=self.directory / "nats.log",
            # Each test's stream reserves a gigabyte, of which it uses next to nothing.
            max_file_store=1 << 50,
        )
        password = secrets.token_hex(16)
        nats.write_config(config, nats_accounts(password), name="hive-tests")
        return NatsServer("127.0.0.1", config.port, password, process=nats.start(config))

    def _containers_nats(self) -> NatsServer:
        password = secrets.token_hex(16)
        host, port, container = containers.start_nats(self.directory, nats_accounts(password))
        return NatsServer(host, port, password, container=container)


def nats_accounts(password: str) -> dict[str, dict[str, object]]:
    return {
        f"T{number}": nats.account_config(dict.fromkeys(nats.USERS, password), suffix=f"-{number}")
        for number in range(NATS_ACCOUNTS)
    }


def keep_in_memory() -> None:
    """All temporary files of this process and of those that it starts lie in memory, where there is
    room and nobody has set TMPDIR: tests make and remove files by the 100,000, and a file system
    on disk looks for minutes at what was removed each time it makes a new one."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    found = os.statvfs(MEMORY)
    if not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= MEMORY_FREE:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def new_run_directory() -> Path:
    """A directory that `nobody` may enter; what dead runs left behind is ended and removed."""
    _sweep()
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    directory.chmod(0o755)
    owner = directory / "owner.json"
    owner.write_bytes(msgspec.json.encode(identity(os.getpid())))
    return directory


def end_run(directory: Path) -> None:
    """End the run's servers and remove its directory."""
    pg, bus = directory / "postgres.json", directory / "nats.json"
    if pg.exists():
        end_postgres(msgspec.json.decode(pg.read_bytes(), type=PostgresServer))
    if bus.exists():
        server = msgspec.json.decode(bus.read_bytes(), type=NatsServer)
        if server.process is not None:
            nats.stop_server(server.process)
        if server.container:
            containers.remove(server.container)
    shutil.rmtree(directory, ignore_errors=True)


def end_postgres(server: PostgresServer) -> None:
    if server.process is not None:
        # Nothing of it is kept, so it need not write anything: "immediate" shutdown.
        stop(server.process, first=signal.SIGQUIT, grace_s=10)
    if server.container:
        containers.remove(server.container)


def _sweep() -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = directory / "owner.json"
        mine = directory.stat().st_uid == os.geteuid()
        if not (mine and owner.exists()):
            continue
        if not alive(msgspec.json.decode(owner.read_bytes(), type=ProcessId)):
            end_run(directory)


def _role_passwords() -> dict[str, str]:
    return {service: secrets.token_hex(16) for service in schemas.LOGINS}


async def _make_template(server: PostgresServer) -> None:
    connection = await asyncpg.connect(server.admin_url)
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    finally:
        await connection.close()
    await schemas.prepare(server.url_of(TEMPLATE), server.passwords)
