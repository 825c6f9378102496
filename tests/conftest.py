"""What every test may ask for: databases, bus accounts, seeds and sizes.

database      a fresh database with all migrations: `.admin_url`, `.url("orchestrator")`
empty_database  the same without migrations
nats          a NATS account of one's own with JetStream: `.url`, `.url_of("gateway")`
seed, size    numbers of this run: both are printed, and can be set from outside
"""

import gc
import os
import random
import re
import zlib
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
import pytest
from hypothesis import settings

from hive_shared.eventstore import pool
from hive_stack.schemas import role_name
from tests import containers, run

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("full", deadline=None)
settings.register_profile("short", deadline=None, max_examples=30)

RUN_DIRECTORY = pytest.StashKey[Path]()
RUN_SEED = pytest.StashKey[int]()


class Database(msgspec.Struct, frozen=True):
    """A database of one test."""

    admin_url: str
    """As the server's superuser."""
    passwords: dict[str, str]

    def url(self, service: str) -> str:
        """As a service's own login, e.g. "orchestrator"."""
        place = self.admin_url.split("@", 1)[1]
        return f"postgresql://{role_name(service)}:{self.passwords[service]}@{place}"


class NatsAccount(msgspec.Struct, frozen=True):
    """A NATS account of one test, with JetStream."""

    server: run.NatsServer
    number: int

    @property
    def url(self) -> str:
        """As a user that may do everything within the account."""
        return self.url_of("admin")

    def url_of(self, user: str) -> str:
        """As a service ("gateway", "relay", …) or the "observer", with that user's rights."""
        server = self.server
        return f"nats://{user}-{self.number}:{server.password}@{server.host}:{server.port}"


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all is collected: what is imported stays
    settings.load_profile("full" if _full_size() else "short")
    # A process tries again; a fixture does not, and five workers share the machine.
    vars(pool)["CONNECT_SECONDS"] = 30.0
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[RUN_DIRECTORY] = Path(worker["run_directory"])
        config.stash[RUN_SEED] = worker["run_seed"]
        return
    if _backend() == "containers" and not containers.engine_answers():
        raise pytest.UsageError(
            "HIVE_TEST_BACKEND=containers, but no container engine answers: "
            "start one, or unset it to use the embedded servers"
        )
    run.keep_in_memory()
    config.stash[RUN_DIRECTORY] = run.new_run_directory()
    config.stash[RUN_SEED] = int(os.environ.get("HIVE_TEST_SEED") or random.randrange(2**32))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell each worker of xdist where the run lives."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist ships no types for it
    node.workerinput["run_directory"] = str(config.stash[RUN_DIRECTORY])  # type: ignore[attr-defined]
    node.workerinput["run_seed"] = config.stash[RUN_SEED]  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and RUN_DIRECTORY in config.stash:
        run.end_run(config.stash[RUN_DIRECTORY])


def pytest_report_header(config: pytest.Config) -> str:
    sizes = "full" if _full_size() else "short"
    return f"hive: HIVE_TEST_SEED={config.stash[RUN_SEED]}, {sizes} sizes, {_backend()} servers"


_LONGEST_FIRST: Final = ("system", "service", "integration", "performance", "contract", "component")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that no worker is left alone with it at the end; what only
    the full size runs is left out of a short run."""

    def level(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return _LONGEST_FIRST.index(folder) if folder in _LONGEST_FIRST else len(_LONGEST_FIRST)

    items.sort(key=level)
    if not _full_size():
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="HIVE_TEST_FULL=1 runs it"))


def pytest_collection_finish() -> None:
    gc.enable()


@pytest.fixture(scope="session")
def test_run(pytestconfig: pytest.Config) -> run.Run:
    return run.Run(pytestconfig.stash[RUN_DIRECTORY], _backend())


@pytest.fixture(scope="session")
def postgres_server(test_run: run.Run) -> run.PostgresServer:
    return test_run.postgres()


@pytest.fixture(scope="session")
def postgres_admin_url(postgres_server: run.PostgresServer) -> str:
    """The superuser's URL of the run's server, database `postgres`."""
    return postgres_server.admin_url


@pytest.fixture
async def database(postgres_server: run.PostgresServer) -> AsyncIterator[Database]:
    """A fresh database with all migrations, dropped at the end."""
    name = await _create_database(postgres_server, run.TEMPLATE)
    yield Database(postgres_server.url_of(name), postgres_server.passwords)
    await _drop_database(postgres_server, name)


@pytest.fixture
async def empty_database(postgres_server: run.PostgresServer) -> AsyncIterator[Database]:
    """A fresh database without any table; the roles exist, as they belong to the server."""
    name = await _create_database(postgres_server, "template0")
    yield Database(postgres_server.url_of(name), postgres_server.passwords)
    await _drop_database(postgres_server, name)


@pytest.fixture
def nats(test_run: run.Run) -> NatsAccount:
    return NatsAccount(test_run.nats(), test_run.next_account())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is left out for one of the reasons of HIVE_TEST_NEEDED (a regular expression)
    has failed."""
    report = yield
    needed = os.environ.get("HIVE_TEST_NEEDED")
    if needed and report.skipped and re.search(needed, str(report.longrepr)):
        report.outcome = "failed"
    return report


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """This test's seed: the same for the same HIVE_TEST_SEED and test."""
    of_run = request.config.stash[RUN_SEED]
    value = zlib.crc32(f"{of_run} {request.node.nodeid}".encode())
    print(f"seed {value} (HIVE_TEST_SEED={of_run})")
    return value


@pytest.fixture(scope="session")
def size() -> Callable[[int, int], int]:
    """`size(short, full)`: how much of a long test is run; HIVE_TEST_FULL=1 asks for all of it."""
    return lambda short, full: full if _full_size() else short


async def _create_database(server: run.PostgresServer, template: str) -> str:
    name = f"test_{os.urandom(6).hex()}"
    connection = await asyncpg.connect(server.admin_url)
    try:
        # Copying files is less work than writing all of them into the log of changes.
        copied = "STRATEGY file_copy"
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {copied}")
    finally:
        await connection.close()
    return name


async def _drop_database(server: run.PostgresServer, name: str) -> None:
    connection = await asyncpg.connect(server.admin_url)
    try:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


def _backend() -> str:
    return os.environ.get("HIVE_TEST_BACKEND") or "embedded"


def _full_size() -> bool:
    return os.environ.get("HIVE_TEST_FULL") == "1"
