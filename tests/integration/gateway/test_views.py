"""The read models in PostgreSQL: the rows are the fold, whatever the batches were."""

import itertools
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import msgspec
import pytest

from hive_contracts.codec import AnyEvent, encode, stream_of
from hive_contracts.envelope import Meta, Recorded
from hive_contracts.mission import (
    BranchAdvanced,
    MissionLanded,
    MissionLaunched,
    MissionReleased,
    MissionSucceeded,
    PhaseCompleted,
    PhaseDefined,
    PhaseStarted,
    PlannedTask,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.orders import TaskRelease
from hive_contracts.outcome import Failure, GateResult, MergeDone, WorkDone
from hive_contracts.plan import (
    ArtifactRef,
    Phase,
    Repository,
    TaskSpec,
    Tip,
)
from hive_contracts.runner import SessionOpened
from hive_contracts.task import (
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    RetryScheduled,
    TaskLeased,
    TaskPlanned,
    TaskSucceeded,
)
from hive_gateway.views.fold import fold
from hive_gateway.views.projection import TABLES, ViewsProjection, query, rows_of
from hive_gateway.views.reader import ViewsReader
from hive_gateway.views.rows import MissionDetailRow, MissionRow, PhaseRow, RunnerRow, TaskRow
from hive_gateway.views.tables import Table, Views
from hive_shared.eventstore.pool import open_pool
from hive_shared.projection import Progress
from tests.conftest import Database
from tests.suites.bus import pool_of
from tests.suites.gateway import new_id

ROWS: dict[str, type[msgspec.Struct]] = {
    "missions": MissionRow,
    "mission_details": MissionDetailRow,
    "phases": PhaseRow,
    "tasks": TaskRow,
    "runners": RunnerRow,
}
HANDLED = 20_000
"""Events a second that a rebuild must do on a machine with nothing else to do."""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with pool_of(database.url("gateway")) as opened:
        yield opened


def mission_of(tasks: int) -> list[AnyEvent]:
    """A mission that succeeds; one task in three fails first, one in ten asks."""
    id, runner = new_id(), new_id()
    specs = tuple(TaskSpec(f"t{n}", run="true") for n in range(min(tasks, 50)))
    repository = Repository("/r", "b" * 40, "main")
    events: list[AnyEvent] = [
        SessionOpened(runner, new_id(), "anvil", 4, ("claude",)),
        MissionLaunched(id, f"fix-{id[:6]}", "fix", "", 'say "ü\\u2028"', repository),
        PhaseDefined(id, Phase("main", tasks=specs)),
        PhaseStarted(id, "main"),
    ]
    for n in range(tasks):
        events += task_of(id, runner, n)
    return [*events, PhaseCompleted(id, "main"), MissionSucceeded(id, "fix", Tip("c" * 40))]


def task_of(mission_id: str, runner: str, n: int) -> list[AnyEvent]:
    id, session = new_id(), new_id()
    done = WorkDone("c" * 40, ArtifactRef("d" * 64, 1000), files=n)
    planned = TaskPlanned(
        id, mission_id, "fix-1", "main", "work", TaskSpec(f"t{n}", run="true"), tip=Tip("b" * 40)
    )
    events: list[AnyEvent] = [
        TasksPlanned(mission_id, "main", (PlannedTask(id, f"t{n}", "work"),)),
        planned,
        TaskLeased(id, 1, "work", runner, session, 60),
        AttemptStarted(id, 1),
    ]
    if n % 3 == 0:
        failure = Failure("gate", "red", tail="assert 1 == 2\n", files=("a.py",))
        events += [AttemptFailed(id, 1, failure), RetryScheduled(id, 1.5, True)]
    if n % 10 == 0:
        events.append(ApprovalRequested(id, mission_id, "ship", "Ship it?"))
    gates = (GateResult("tests", True, "pytest", 0, 1.25, "ok"),)
    return [
        *events,
        AttemptSucceeded(id, 1, done),
        GatesJudged(id, 1, "c" * 40, gates),
        TaskSucceeded(id, mission_id, 1, done),
        TaskSettled(mission_id, id, "succeeded", 1, done),
        BranchAdvanced(mission_id, "b" * 40, Tip("c" * 40, "e" * 64), id, 1),
        TaskSettled(mission_id, new_id(), "succeeded", 2, MergeDone("b" * 40, Tip("c" * 40))),
    ]


def recorded(events: list[AnyEvent]) -> list[Recorded]:
    at = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
    meta = Meta(new_id(), new_id(), "tester", "00-1-2-01")
    return [
        Recorded(n, stream_of(event), 1, "", type(event).__name__, encode(event), meta, at)
        for n, event in enumerate(events, start=1)
    ]


async def apply(pool: asyncpg.Pool, events: list[Recorded], sizes: Callable[[], int]) -> None:
    projection = ViewsProjection()
    async with pool.acquire() as connection:
        while events:
            batch, events = events[: (size := sizes())], events[size:]
            async with connection.transaction():
                await projection.apply(connection, batch)


async def table(pool: asyncpg.Pool, name: str) -> list[msgspec.Struct]:
    found = await pool.fetchval(f"select json_agg(t order by t::text) from gateway.{name} t")
    return rows_of(found, ROWS[name])


async def tables(pool: asyncpg.Pool) -> dict[str, list[msgspec.Struct]]:
    return {name: await table(pool, name) for name in TABLES}


async def test_the_rows_are_the_fold_of_all_events(pool: asyncpg.Pool, seed: int) -> None:
    chance = random.Random(seed)
    events = [event for tasks in (0, 1, 30) for event in mission_of(tasks)]
    history = recorded(events)
    views = Views()
    for event, record in zip(events, history, strict=True):
        fold(views, event, record)
    await apply(pool, history, lambda: chance.randint(1, 40))
    expected: tuple[Table[Any, Any], ...] = (
        views.missions,
        views.details,
        views.phases,
        views.tasks,
        views.runners,
    )
    for name, folded in zip(TABLES, expected, strict=True):
        stored = await table(pool, name)
        assert sorted(map(msgspec.json.encode, stored)) == sorted(
            map(msgspec.json.encode, folded.changed())
        ), name


async def test_whatever_the_batches_the_rows_are_the_same(pool: asyncpg.Pool) -> None:
    history = recorded(mission_of(12))
    seen = []
    for size in (1, 7, len(history)):
        await apply(pool, history, itertools.repeat(size).__next__)
        seen.append(await tables(pool))
        await pool.execute(query("clear"))
    assert seen[0] == seen[1] == seen[2]
    assert await tables(pool) == {name: [] for name in TABLES}


async def test_events_that_nobody_knows_are_passed_over(pool: asyncpg.Pool) -> None:
    history = recorded(mission_of(1))
    replace = msgspec.structs.replace
    newer = replace(history[0], type="MissionPostponed", stream=f"mission-{new_id()}")
    later = replace(history[1], meta=replace(history[1].meta, schema=9))
    await apply(pool, [newer, later], lambda: 2)
    assert (await tables(pool))["missions"] == []


@pytest.mark.slow
async def test_a_rebuild_is_quick_also_for_one_mission_of_many_tasks(
    pool: asyncpg.Pool, size: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    many = size(600, 10_000)

    async def rate(events: list[AnyEvent]) -> float:
        history = recorded(events)
        began = time.process_time(), time.perf_counter()
        await apply(pool, history, lambda: 1000)
        found = len(history) / (time.perf_counter() - began[1])
        ours = len(history) / (time.process_time() - began[0])
        with capsys.disabled():
            print(f"\n  {len(history)} events: {found:,.0f}/s, {ours:,.0f} a second of our CPU")
        return found

    for _ in range(3):  # what else the machine does counts as well, but not three times
        one_big = await rate(mission_of(many))
        small = await rate([event for _ in range(many // 2) for event in mission_of(1)])
        if min(one_big, small) > HANDLED / 4:
            return
    pytest.fail(f"{one_big:,.0f} and {small:,.0f} events a second")


async def released(pool: asyncpg.Pool, *after: AnyEvent, merged: bool = True) -> list[TaskRelease]:
    """What may go of one task that did its work, when these events came after it."""
    mission_id, task_id = new_id(), new_id()
    done, tip = WorkDone(commit="c" * 40), Tip("d" * 40)
    events: list[AnyEvent] = [
        MissionLaunched(mission_id, "fix-1", "fix", repository=Repository("/repo", "a" * 40)),
        TaskPlanned(task_id, mission_id, "fix-1", "main", "work", TaskSpec("work", run="true")),
        TaskSucceeded(task_id, mission_id, 1, done),
    ]
    if merged:
        events.append(BranchAdvanced(mission_id, "a" * 40, tip, task_id, 1))
    events += [MissionSucceeded(mission_id, "fix", tip)]
    events += [msgspec.structs.replace(event, mission_id=mission_id) for event in after]
    async with pool.acquire() as connection:
        await ViewsProjection().apply(connection, recorded(events))
    reader = ViewsReader(pool, cast(Progress, None))
    told = await reader.releases([task_id, new_id()])
    return [msgspec.structs.replace(release, task_id="") for release in told]


async def test_what_nobody_landed_or_released_may_not_go(pool: asyncpg.Pool) -> None:
    assert await released(pool) == []


async def test_landed_is_what_was_merged_and_only_as_the_mission_ended(pool: asyncpg.Pool) -> None:
    landed = MissionLanded("", "d" * 40, "main", "ann")
    assert await released(pool, landed) == [TaskRelease("", commit="c" * 40)]
    assert await released(pool, landed, merged=False) == []
    assert await released(pool, MissionLanded("", "e" * 40, "main", "ann")) == []


async def test_of_a_released_mission_all_may_go(pool: asyncpg.Pool) -> None:
    (release,) = await released(pool, MissionReleased("", "ann"), merged=False)
    assert release.all


async def test_rows_are_found_by_their_keys_in_tables_that_were_never_analyzed(
    database: Database,
) -> None:
    """Else a plan that was made while they were empty reads all of them, until the next analyze."""
    pool = await open_pool(database.url("gateway"), 1)
    try:
        keys = ["some"]
        for name, sought in (("load", (keys, keys, keys, keys)), ("mission", ("some", keys))):
            lines = await pool.fetch(f"explain {query(name)}", *sought)
            plan = "\n".join(line[0] for line in lines)
            assert "Index Scan" in plan
            assert "Seq Scan" not in plan, plan
        scanned = await pool.fetch("explain select count(*) from gateway.runners where slots > 1")
        assert "JIT" not in "".join(line[0] for line in scanned)
    finally:
        await pool.close()
