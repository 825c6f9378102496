"""What one process of github does at a time, and the folder that each has to itself."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hive_github import sole
from hive_github.folder import own_folder
from hive_github.sole import Loops, Sole
from hive_shared.clock import SystemClock
from tests.conftest import Database
from tests.suites.on_github import until_refused_the_lock


class Place:
    """Processes that would do the same, and which of them are at it."""

    def __init__(self, database: Database) -> None:
        self.url = database.url("github")
        self.at_it: list[str] = []
        self.began = 0
        """How often one began."""
        self.changed = asyncio.Condition()

    @asynccontextmanager
    async def process(self, name: str) -> AsyncIterator[asyncio.Task[None]]:
        running = asyncio.create_task(
            Sole("looks", self.url, SystemClock()).run(lambda: {"look": self.look(name)})
        )
        try:
            yield running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def look(self, name: str) -> None:
        await self._change(name, begins=True)
        try:
            await asyncio.Event().wait()
        finally:
            await self._change(name, begins=False)

    async def until(self, *names: str) -> None:
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.at_it == list(names))

    async def _change(self, name: str, *, begins: bool) -> None:
        async with self.changed:
            if begins:
                self.at_it.append(name)
                self.began += 1
            else:
                self.at_it.remove(name)
            self.changed.notify_all()


@pytest.fixture
def place(database: Database, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(sole, "LOOK_SECONDS", 0.05)
    return Place(database)


async def test_of_two_processes_one_is_at_it_and_the_other_goes_on_when_it_ends(
    place: Place, database: Database
) -> None:
    async with place.process("second") as second:
        await place.until("second")
        async with place.process("first"):
            await until_refused_the_lock(database)
            assert place.at_it == ["second"]
            second.cancel()
            await place.until("first")
        assert (place.at_it, place.began) == ([], 2)


async def test_whoever_loses_its_connection_stops_and_somebody_goes_on(
    place: Place, database: Database
) -> None:
    async with place.process("one"):
        await place.until("one")
        connection = await asyncpg.connect(database.url("github"))
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        await connection.close()
        async with asyncio.timeout(30), place.changed:
            await place.changed.wait_for(lambda: place.began == 2)
        assert place.at_it == ["one"]


@pytest.mark.parametrize("error", [OSError("no disk"), ZeroDivisionError()])
async def test_a_loop_that_fails_is_a_failure_of_the_process(
    database: Database, error: Exception
) -> None:
    async def fails() -> None:
        raise error

    async def goes_on() -> None:
        await asyncio.Event().wait()

    def loops() -> Loops:
        made: dict[str, Coroutine[Any, Any, None]] = {"fails": fails(), "goes on": goes_on()}
        return made

    with pytest.raises(type(error)):
        async with asyncio.timeout(30):
            await Sole("looks", database.url("github"), SystemClock()).run(loops)


async def test_each_process_has_a_folder_of_its_own_and_takes_over_one_that_is_left(
    tmp_path: Path,
) -> None:
    first = tmp_path / "github"
    async with own_folder(first) as one, own_folder(first) as two:
        assert (one, two) == (first, tmp_path / "github-2")
    async with own_folder(first) as again:
        assert again == first
