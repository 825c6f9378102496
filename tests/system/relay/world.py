"""What the faults are done to: a database that can be cut off and put back, and relay processes."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator

import asyncpg

from tests.conftest import Database, NatsAccount


@contextlib.asynccontextmanager
async def relay_process(database: Database, nats: NatsAccount) -> AsyncIterator[Process]:
    """A relay of its own; killed at the end, if it still runs."""
    env = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HIVE_POSTGRES_URL": database.url("relay"),
        "HIVE_NATS_URL": nats.url_of("relay"),
        "HIVE_LOG_LEVEL": "error",
    }
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hive_shared.relay", env=env, cwd="/"
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


@contextlib.contextmanager
def frozen(process: Process) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


class Backups:
    """Copies of a test's database, put back in its place."""

    def __init__(self, database: Database) -> None:
        self._url, _, self._name = database.admin_url.rpartition("/")

    async def take(self) -> None:
        """Keep the database as it is now. Nobody else may be connected to it."""
        await self._run(f"create database {self._name}_copy template {self._name}")

    async def put_back(self) -> None:
        """Everybody is cut off, and finds the database as it was."""
        async with self.cut_off():
            await self._run(
                f"alter database {self._name} rename to {self._name}_lost",
                f"alter database {self._name}_copy rename to {self._name}",
            )

    @contextlib.asynccontextmanager
    async def cut_off(self) -> AsyncIterator[None]:
        """As while PostgreSQL restarts: connections end, and new ones are refused."""
        refuse = f"alter database {self._name} allow_connections"
        cut = (
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{self._name}'"
        )
        await self._run(f"{refuse} false", cut)
        try:
            yield
        finally:
            await self._run(f"{refuse} true")

    async def forget(self) -> None:
        lost, copy = f"{self._name}_lost", f"{self._name}_copy"
        await self._run(*(f"drop database if exists {n} with (force)" for n in (lost, copy)))

    async def _run(self, *statements: str) -> None:
        connection = await asyncpg.connect(f"{self._url}/postgres")
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


async def renew_log_id(database: Database) -> str:
    """As a restore does it."""
    connection = await asyncpg.connect(database.admin_url)
    try:
        seen = await connection.fetchval("select id from hive.log_ids order by number desc limit 1")
        return str(await connection.fetchval("select hive.renew_log_id($1)", seen))
    finally:
        await connection.close()
