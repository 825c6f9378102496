"""The sweep of old artifacts, with a real record, real rows and real files."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    BranchAdvanced,
    MissionFailed,
    MissionLanded,
    MissionLaunched,
    MissionReleased,
    MissionSucceeded,
)
from hive_contracts.outcome import Failure, WorkDone
from hive_contracts.plan import ArtifactRef, Link, Repository, TaskSpec, Tip
from hive_contracts.task import AttemptFailed, TaskPlanned, TaskSucceeded
from hive_gateway.retention.sweep import Deleted, Sweep
from hive_gateway.views.projection import ViewsProjection
from hive_shared.artifacts import Artifacts
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import PostgresEventStore
from tests.conftest import Database
from tests.suites.bus import pool_of
from tests.suites.gateway import Chronicle, new_id

NOW = 1e-9
"""Days: whatever is over is old."""
BASE, TIP = "a" * 40, "d" * 40


class Place:
    """A gateway's database and folder, and an orchestrator that writes what it is told."""

    def __init__(self, pool: asyncpg.Pool, chronicle: Chronicle, folder: Path) -> None:
        self.pool = pool
        self.chronicle = chronicle
        self.store = PostgresEventStore(pool)
        self.artifacts = Artifacts(folder)
        self._shown = 0

    def put(self, content: bytes, *, old: bool = True) -> ArtifactRef:
        ref = self.artifacts.put(content)
        if old:
            os.utime(self.artifacts.path(ref.digest), (1e9, 1e9))
        return ref

    async def write(self, mission: str, *events: AnyEvent) -> None:
        await self.chronicle.write(*events, correlation=mission)
        page = await self.store.read_all(self._shown)
        async with self.pool.acquire() as connection, connection.transaction():
            await ViewsProjection().apply(connection, page)
        self._shown = page[-1].position

    def sweep(self, days: float = NOW) -> Sweep:
        return Sweep(self.pool, self.store, self.artifacts, days, SystemClock())

    def there(self, refs: dict[str, ArtifactRef]) -> set[str]:
        return {name for name, ref in refs.items() if self.artifacts.has(ref.digest)}


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    async with (
        pool_of(database.url("gateway")) as pool,
        pool_of(database.url("orchestrator")) as writing,
    ):
        yield Place(pool, Chronicle(PostgresEventStore(writing)), tmp_path / "artifacts")


async def mission(place: Place, *ends: AnyEvent, merged: bool = True) -> dict[str, ArtifactRef]:
    """A mission whose only task was merged, or not; answers its artifacts by what they are."""
    id, task = new_id(), new_id()
    salt = id.encode()
    refs = {
        "output": place.put(b"output " + salt),
        "work": place.put(b"work " + salt),
        "bundle": place.put(b"bundle " + salt),
    }
    link = Link(old=BASE, new=TIP, bundle=refs["bundle"])
    refs["manifest"] = place.put(msgspec.json.encode(link))
    done = WorkDone(commit="c" * 40, bundle=refs["work"], output=refs["output"])
    events: list[AnyEvent] = [
        MissionLaunched(id, "fix-1", "fix"),
        TaskPlanned(task, id, "fix-1", "main", "work", TaskSpec("work", run="true")),
        TaskSucceeded(task, id, 1, done),
    ]
    if merged:
        events.append(BranchAdvanced(id, BASE, Tip(TIP, refs["manifest"].digest), task, 1))
    events += (msgspec.structs.replace(event, mission_id=id) for event in ends)
    await place.write(id, *events)
    return refs


SUCCEEDED = MissionSucceeded("", "fix")
FAILED = MissionFailed("", "no")
LANDED = MissionLanded("", TIP, "main", "ann")
RELEASED = MissionReleased("", "ann")
KEPT: dict[str, tuple[tuple[AnyEvent, ...], bool]] = {
    "an open mission": ((), True),
    "one that nobody landed": ((SUCCEEDED,), True),
    "one that failed with merged work": ((FAILED,), True),
    "one that failed with work that was not merged": ((FAILED,), False),
    "one that was landed before its end": ((SUCCEEDED, MissionLanded("", "e" * 40, "", "a")), True),
    "one that was landed without all of its work": ((SUCCEEDED, LANDED), False),
}


@pytest.mark.parametrize(("ends", "merged"), KEPT.values(), ids=KEPT)
async def test_nothing_goes_of(place: Place, ends: tuple[AnyEvent, ...], merged: bool) -> None:
    refs = await mission(place, *ends, merged=merged)
    assert await place.sweep().sweep() == 0
    assert place.there(refs) == set(refs)


@pytest.mark.parametrize("ends", [(SUCCEEDED, LANDED), (SUCCEEDED, RELEASED), (FAILED, RELEASED)])
async def test_all_goes_of_what_was_landed_or_released(
    place: Place, ends: tuple[AnyEvent, ...]
) -> None:
    refs = await mission(place, *ends)
    assert await place.sweep().sweep() == 4
    assert place.there(refs) == set()
    deleted = Deleted(place.pool)
    assert [await deleted.at(ref.digest) is not None for ref in refs.values()] == [True] * 4
    assert await deleted.at("0" * 64) is None
    assert await place.sweep().sweep() == 0


async def test_what_a_mission_without_any_work_printed_goes(place: Place) -> None:
    id, task = new_id(), new_id()
    output = place.put(b"it did not work")
    await place.write(
        id,
        MissionLaunched(id, "fix-1", "fix"),
        TaskPlanned(task, id, "fix-1", "main", "work", TaskSpec("work", run="false")),
        AttemptFailed(task, 1, Failure("agent", "no", output=output)),
        MissionFailed(id, "no"),
    )
    assert await place.sweep().sweep() == 1
    assert not place.artifacts.has(output.digest)


async def test_nothing_goes_before_its_time_or_where_all_is_kept(place: Place) -> None:
    refs = await mission(place, SUCCEEDED, LANDED)
    assert await place.sweep(days=30).sweep() == await place.sweep(days=0).sweep() == 0
    assert place.there(refs) == set(refs)


async def test_what_another_mission_names_too_stays(place: Place) -> None:
    refs = await mission(place, SUCCEEDED, LANDED)
    await place.sweep(days=30).sweep()  # what was read before is not read again
    other, task = new_id(), new_id()
    again = AttemptFailed(task, 1, Failure("agent", "no", output=refs["output"]))
    planned = TaskPlanned(task, other, "fix-2", "main", "work", TaskSpec("work", run="true"))
    await place.write(other, MissionLaunched(other, "fix-2", "fix"), planned, again)
    assert await place.sweep().sweep() == 3
    assert place.there(refs) == {"output"}


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_base_that_the_hive_has_itself_goes_with_the_last_mission_that_began_there(
    place: Place, is_over: bool
) -> None:
    refs, chain, old_ = {}, "", ""
    for n in range(3):
        commit = str(n) * 40
        refs[f"bundle {n}"] = place.put(f"bundle {n}".encode())
        link = Link(old_, commit, refs[f"bundle {n}"], chain)
        refs[f"link {n}"] = place.put(msgspec.json.encode(link))
        chain, old_ = refs[f"link {n}"].digest, commit
    id = new_id()
    launched = MissionLaunched(
        id, "fix-1", "fix", repository=Repository("https://example.org/a", old_, "main", chain)
    )
    await place.write(id, launched, *([MissionFailed(id, "no")] if is_over else []))
    assert await place.sweep().sweep() == (6 if is_over else 0)
    assert place.there(refs) == (set() if is_over else set(refs))


async def test_what_was_handed_in_since_stays(place: Place) -> None:
    refs = await mission(place, SUCCEEDED, LANDED)
    place.artifacts.touch(refs["output"].digest)
    assert await place.sweep(days=1e-3).sweep() == 0  # the mission itself is not old enough
    await place.pool.execute("update gateway.missions set ended_at = 'epoch', landed = $1", old())
    assert await place.sweep(days=1).sweep() == 3
    assert place.there(refs) == {"output"}


def old() -> bytes:
    return msgspec.json.encode({"commit": TIP, "branch": "", "by": "ann", "at": "1970-01-01"})


async def test_a_sweep_that_was_cut_short_goes_on(place: Place) -> None:
    refs = await mission(place, SUCCEEDED, LANDED)
    place.artifacts.delete(refs["work"].digest, float("inf"))  # killed before it was noted
    assert await place.sweep().sweep() == 4
    assert await Deleted(place.pool).at(refs["work"].digest) is not None


async def test_two_replicas_sweep_one_at_a_time(place: Place) -> None:
    refs = await mission(place, SUCCEEDED, LANDED)
    counts = await asyncio.gather(*(place.sweep().sweep() for _ in range(4)))
    assert sum(counts) == 4 or place.there(refs) != set()
    while place.there(refs):
        await place.sweep().sweep()


async def test_after_a_restore_the_index_is_made_anew(place: Place) -> None:
    refs = await mission(place, SUCCEEDED)
    await place.sweep().sweep()
    await place.pool.execute("update gateway.artifact_index set log_id = 'another'")
    await place.pool.execute("delete from gateway.artifact_refs")
    await place.sweep().sweep()
    known = await place.pool.fetch("select distinct digest from gateway.artifact_refs")
    assert {ref.digest for ref in refs.values()} <= {row["digest"] for row in known}
