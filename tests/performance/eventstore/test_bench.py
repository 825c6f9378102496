"""`hive bench eventstore` measures, cleans up, and refuses what nobody should run."""

from collections.abc import Iterator

import asyncpg
import msgspec
import pytest

from hive_bench.eventstore import run
from hive_bench.result import BenchRefused
from hive_stack import binaries, postgres
from hive_stack.ports import free_port
from tests import run as test_run


@pytest.fixture
def durable_url() -> Iterator[str]:
    """The superuser of a server with fsync on, unlike that of the other tests."""
    folder = test_run.new_run_directory()
    config = postgres.PostgresConfig(
        binary=postgres.reachable(binaries.find_postgres(), folder / "bin"),
        data=folder / "pg",
        port=free_port(),
        log=folder / "postgres.log",
    )
    postgres.create(config, "secret")
    process = postgres.start(config)
    yield postgres.url(config.port, postgres.ADMIN, "secret", "postgres")
    postgres.stop_server(process)
    test_run.end_run(folder)


async def test_each_case_is_measured_against_plain_inserts_of_the_same_run(
    durable_url: str,
) -> None:
    results = await run(durable_url, callers=(1, 4), seconds=0.3)
    assert [result.case for result in results] == [
        "two-event appends, 1 caller",
        "two-event appends, 4 callers",
    ]
    for result in results:
        print(msgspec.json.encode(result).decode())
        assert (result.bench, result.unit) == ("eventstore", "events/s")
        assert result.limit is not None
        assert result.value > 0
        assert result.ratio == pytest.approx(result.value / result.limit, abs=0.001)
        assert result.p50_ms is not None
        assert result.p99_ms is not None
        assert 0 < result.p50_ms <= result.p99_ms

    admin = await asyncpg.connect(durable_url)
    try:
        left = "select count(*) from pg_database where datname like 'hive_bench%'"
        assert await admin.fetchval(left) == 0
        left = "select count(*) from pg_roles where rolname like 'hive_bench%'"
        assert await admin.fetchval(left) == 0
    finally:
        await admin.close()


async def test_without_durability_nothing_is_measured(postgres_admin_url: str) -> None:
    with pytest.raises(BenchRefused, match="is off"):
        await run(f"{postgres_admin_url}?synchronous_commit=off", seconds=0.1)
