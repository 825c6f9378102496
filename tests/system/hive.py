"""A hive of real processes, and what can be done to it: its processes killed, frozen and cut off,
its record put back, its bus wiped. And what must hold of it afterwards.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
import pytest

from hive_client import Hive
from hive_client.branch import fetch_branch
from hive_client.checkout import read_checkout
from hive_contracts.codec import decode
from hive_contracts.envelope import Recorded
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_gateway.views.projection import TABLES, ViewsProjection
from hive_orchestrator.board import Board
from hive_orchestrator.desk_postgres import open_postgres_desk
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.postgres import PostgresEventStore, open_postgres_store
from hive_shared.settings import Sources
from hive_stack import Stack
from hive_stack.nats import url as nats_url
from hive_stack.ports import free_port, is_free
from hive_stack.processes import ProcessId, alive, deadline, wait_tick
from hive_stack.services import MODULES, Servers
from hive_stack.state import StackState
from hive_stack.vault import Vault
from tests.suites.bus import assert_bus_is_the_record
from tests.suites.verdict import ENDS, fold, same

T = TypeVar("T")
H = TypeVar("H", bound="RealHive")

PAUSE: Final = 0.1
"""Seconds between two looks."""
TTL: Final = 2.0
SETTINGS: Final = {
    "HIVE_SESSION_TTL": str(TTL),
    "HIVE_BEAT": "0.3",
    "HIVE_SCHEDULER_FENCE": "1.5",
    "HIVE_SCHEDULER_WATCH": "0.2",
    "HIVE_RUNNER_KILL_GRACE": "0.3",
}
SERVICES: Final = tuple(MODULES)
PASSED: Final = ("PATH", "PYTHONPATH", "TMPDIR")
"""Of the environment, to the services."""


async def eventually(
    probe: Callable[[], Awaitable[T | None]], seconds: float = 60, every: float = PAUSE
) -> T:
    """What the probe finds, once it does; a record that is down is asked again."""
    async with asyncio.timeout(seconds):
        while True:
            with suppress(StoreUnavailable, OSError, asyncpg.PostgresError):
                if (found := await probe()) is not None:
                    return found
            await asyncio.sleep(every)


class RealHive:
    def __init__(self, folder: Path, **settings: str) -> None:
        passed = {name: os.environ[name] for name in PASSED if name in os.environ}
        sources = Sources(env=passed | SETTINGS | settings, home=folder, cwd=folder)
        self.folder = folder
        self.stack = Stack(sources, data=folder / "data", port=_free_ports())
        self.data = self.stack.paths.data
        connected = "HIVE_GITHUB_APP_ID" in settings
        self._webhook_port = int(settings["HIVE_GITHUB_WEBHOOK_PORT"]) if connected else 0

    def up(self) -> None:
        """And until GitHub's webhooks are taken: one that comes before is asked for in a minute."""
        self.stack.up()
        until = deadline(60)
        while self._webhook_port and is_free(self._webhook_port):
            assert wait_tick(until), "nobody takes GitHub's webhooks"

    @property
    def state(self) -> StackState:
        state = self.stack.state()
        assert state is not None
        return state

    @property
    def vault(self) -> Vault:
        return Vault(self.stack.paths.secrets)

    def postgres_url(self, service: str) -> str:
        state = self.state
        admin = f"postgresql://postgres:{self.vault.postgres('admin')}@127.0.0.1"
        servers = Servers(f"{admin}:{state.postgres_port}/postgres", state.nats_port)
        return servers.login_url(service, self.vault.postgres(service))

    def nats_url(self, user: str) -> str:
        return nats_url(self.state.nats_port, user, self.vault.nats(user))

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Hive]:
        async with Hive(self.state.gateway, self.vault.admin_token(), patience=90) as hive:
            yield hive

    # --- processes --------------------------------------------------------------------------------

    def process(self, name: str) -> ProcessId | None:
        program = self.state.program(name)
        return program.process if program else None

    def send(self, name: str, number: signal.Signals) -> ProcessId | None:
        """To a program of the stack; None where it is down at this moment."""
        process = self.process(name)
        if process is not None and alive(process):
            os.kill(process.pid, number)
            return process
        return None

    async def again(self, name: str, before: ProcessId | None) -> None:
        """Until another process of that name runs."""

        async def probe() -> bool | None:
            now = self.process(name)
            return True if now is not None and now != before and alive(now) else None

        await eventually(probe)

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """SIGSTOP, and SIGCONT at the end."""
        for name in names:
            self.send(name, signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self.send(name, signal.SIGCONT)

    @asynccontextmanager
    async def stopped(self, name: str) -> AsyncIterator[None]:
        """Really gone, and nobody starts it again before the end."""
        supervisor = self.state.supervisor
        assert supervisor is not None
        os.kill(supervisor.pid, signal.SIGSTOP)
        try:
            # What PostgreSQL calls a fast shutdown: everything is written, clients are cut off.
            before = self.send(name, signal.SIGINT if name == "postgres" else signal.SIGTERM)
            await eventually(lambda: _gone(before))
            yield
        finally:
            os.kill(supervisor.pid, signal.SIGCONT)
        await self.again(name, before)

    def keep_record(self) -> Path:
        """A copy of the record's files; only while PostgreSQL is stopped."""
        copy = self.folder / "backup"
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", self.stack.paths.postgres, copy], check=True)
        return copy

    def put_back_record(self, copy: Path) -> None:
        """As `keep_record` left it; only while PostgreSQL is stopped."""
        shutil.rmtree(self.stack.paths.postgres)
        subprocess.run(["cp", "-a", copy, self.stack.paths.postgres], check=True)

    def wipe_bus(self) -> None:
        """Only while NATS is stopped."""
        shutil.rmtree(self.stack.paths.nats)

    # --- the record -------------------------------------------------------------------------------

    @asynccontextmanager
    async def store(self) -> AsyncIterator[PostgresEventStore]:
        async with open_postgres_store(self.postgres_url("gateway")) as store:
            yield store

    async def log(self) -> list[Recorded]:
        """All events. Raises StoreUnavailable."""
        async with self.store() as store:
            return await store.read_all(0, 1_000_000)

    async def until(
        self, wanted: Callable[[list[Recorded]], object], seconds: float = 100
    ) -> list[Recorded]:
        """All events, once they are as wanted; a record that is down is asked again."""
        async with asyncio.timeout(seconds):
            while True:
                with suppress(StoreUnavailable, OSError, asyncpg.PostgresError):
                    async with self.store() as store:
                        return await _until(store, wanted)
                await asyncio.sleep(PAUSE)

    async def ended(self, missions: int, seconds: float) -> list[Recorded]:
        """All events, once so many missions have ended."""
        try:
            return await self.until(lambda log: len(ends(log)) >= missions, seconds)
        except TimeoutError as error:
            log = await self.log()
            last = {recorded.stream: f"{recorded.version} {recorded.type}" for recorded in log}
            error.add_note(f"{len(ends(log))} of {missions} missions have ended; streams: {last}")
            raise

    async def ended_one(self, mission_id: str, seconds: float = 100) -> list[Recorded]:
        """All events, once that mission has ended."""
        return await self.until(lambda log: ends(of_mission(log, mission_id)), seconds)

    # --- what must hold ---------------------------------------------------------------------------

    async def assert_feed_is_the_record(self) -> None:
        """Dense from the first position on, and equal."""
        async with self.store() as store:
            await assert_bus_is_the_record(store, self.nats_url("observer"))

    async def assert_board_equals_a_fold(self) -> None:
        """What the orchestrator keeps is what the record makes of an empty board."""

        async def probe() -> tuple[Board, list[Recorded]] | None:
            async with open_postgres_desk(self.postgres_url("orchestrator")) as desk:
                kept, log = await desk.load(), await self.log()
                return (kept, log) if kept.position == log[-1].position else None

        kept, log = await eventually(probe)
        same(kept, fold(log))

    async def assert_views_equal_a_rebuild(self) -> None:
        """The gateway's read models are what a rebuild from position zero makes of the record."""
        log = await self.log()
        connection = await asyncpg.connect(self.postgres_url("gateway"))
        try:
            await eventually(lambda: _views_reached(connection, log[-1].position))
            async with _rolled_back(connection):
                kept = await _views(connection)
                projection = ViewsProjection()
                await projection.clear(connection)
                for start in range(0, len(log), 500):
                    await projection.apply(connection, log[start : start + 500])
                assert await _views(connection) == kept
        finally:
            await connection.close()


@contextmanager
def open_folder(name: str, session: pytest.Session) -> Iterator[Path]:
    """A new folder that PostgreSQL's account may pass through, which pytest's own are not. Where a
    test has failed at its end, it stays with its logs, and what is printed says where."""
    folder = Path(tempfile.mkdtemp(prefix=f"hive-{name}-"))
    folder.chmod(0o755)
    before, kept = session.testsfailed, True
    try:
        yield folder
        kept = session.testsfailed > before
    finally:
        if kept:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder)


@contextmanager
def running(hive: H) -> Iterator[H]:
    """From up to down."""
    try:
        hive.up()
        yield hive
    finally:
        hive.stack.down()


class Ground:
    """A small repository, and missions whose every effect can be counted in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        (path / "README").write_text("A repository\n")
        self.git("init", "-q", "-b", "main")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "Begin")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *identity, "-C", str(self.path), *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def plan(self, name: str, tasks: int = 2, first: str = "true") -> Plan:
        """Tasks that each add a line to a file of their own, after `first`, a shell command."""
        specs = tuple(
            TaskSpec(f"t{n}", run=f"{first}; echo t{n} >> {name}-t{n}") for n in range(tasks)
        )
        return Plan(
            name,
            (Phase("main", tasks=specs),),
            repository=read_checkout(self.path).repository,
        )

    async def assert_each_effect_is_there_once(
        self, client: Hive, plan: Plan, mission_id: str
    ) -> None:
        """In the mission's branch, fetched along the chain of its bundles."""
        head = (await client.read(limit=1)).head
        mission = await client.get(mission_id, at_least_position=head)
        assert mission.summary.status == "succeeded", mission.summary
        tip = await fetch_branch(client, mission, self.path)
        specs = plan.phases[0].tasks
        for spec in specs:
            assert self.git("show", f"{tip}:{plan.name}-{spec.name}") == f"{spec.name}\n"
        said = self.git("log", "--merges", "--format=%B", f"main..{tip}")
        assert said.count("Hive-Merge:") == len(specs)
        for spec in specs:
            assert said.count(f"Hive-Merge: main/{spec.name}/") == 1


def ends(log: list[Recorded]) -> list[Recorded]:
    """The events with which missions ended."""
    names = {kind.__name__ for kind in ENDS}
    return [recorded for recorded in log if recorded.type in names]


def of_mission(log: list[Recorded], id: str) -> list[Recorded]:
    """The events of a mission, and of its tasks."""
    return [recorded for recorded in log if recorded.meta.correlation == id]


def of_type(log: list[Recorded], *types: str) -> list[object]:
    return [decode(recorded) for recorded in log if recorded.type in types]


async def _until(
    store: PostgresEventStore, wanted: Callable[[list[Recorded]], object]
) -> list[Recorded]:
    """Raises StoreUnavailable. Nothing is read where nothing was recorded."""
    log: list[Recorded] = []
    head = None
    while True:
        if (now := await store.head()) != head:
            head, log = now, await store.read_all(0, 1_000_000)
        if wanted(log):
            return log
        await asyncio.sleep(PAUSE)


def _free_ports() -> int:
    """The first of three: HTTP, the API, and GitHub's webhooks."""
    while True:
        port = free_port()
        if port < 65000 and is_free(port + 1) and is_free(port + 2):
            return port


async def _gone(process: ProcessId | None) -> bool | None:
    return None if process is not None and alive(process) else True


@asynccontextmanager
async def _rolled_back(connection: asyncpg.Connection) -> AsyncIterator[None]:
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def _views_reached(connection: asyncpg.Connection, position: int) -> bool | None:
    reached = await connection.fetchval(
        "select position from gateway.subscriptions where name = $1", ViewsProjection.name
    )
    return True if reached is not None and reached >= position else None


async def _views(connection: asyncpg.Connection) -> dict[str, list[str]]:
    return {
        table: [
            row[0]
            for row in await connection.fetch(
                f"select to_json(t)::text as row from gateway.{table} t order by 1"
            )
        ]
        for table in TABLES
    }
