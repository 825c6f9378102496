"""The ledger on a real record: everything is counted once, and objectives are computed from it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
from grpc import StatusCode

from hive_contracts.codec import AnyEvent
from hive_contracts.health import AttemptChange, EventBefore
from hive_contracts.mission import (
    BranchAdvanced,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionPaused,
    MissionResumed,
    MissionRevised,
    MissionSucceeded,
    PhaseDefined,
)
from hive_contracts.outcome import AgentRun, Failure, Usage, WorkDone
from hive_contracts.plan import ForEach, Item, Listed, Phase, Repository, TaskSpec, Tip
from hive_contracts.task import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    LeaseLost,
    TaskCancelled,
    TaskLeased,
    TaskPlanned,
    TaskRequeued,
    TaskSucceeded,
)
from hive_contracts.v1 import operations_pb2
from hive_health import ledger as ledgers
from hive_health.baselines import reader
from hive_health.baselines.attempts import Attempt
from hive_health.baselines.reader import Regressions
from hive_health.ledger import Ledger
from hive_health.objectives import Promises
from hive_health.tally import series_of, tallied
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import PostgresEventStore
from tests.conftest import Database, NatsAccount
from tests.service.health.test_processes import health
from tests.suites.bus import pool_of, record
from tests.suites.gateway import (
    ADMIN,
    AUTHORIZED,
    Chronicle,
    bearer,
    gateway,
    gateway_settings,
    http_get,
    new_id,
    scripted,
)
from tests.suites.health import watching
from tests.suites.refusals import refused


@pytest.fixture
async def chronicle(database: Database, nats: NatsAccount) -> AsyncIterator[Chronicle]:
    async with record(database, nats) as store:
        yield Chronicle(store)


@contextlib.asynccontextmanager
async def ledger(database: Database, holder: str = "one") -> AsyncIterator[Ledger]:
    async with pool_of(database.url("health")) as pool:
        yield Ledger(pool, PostgresEventStore(pool), SystemClock(), holder, "1.2.3")


def spent(usd: float, unpriced: int = 0) -> AgentRun:
    return AgentRun("claude", usage=Usage(billed_usd=usd, unpriced=unpriced))


def attempt(task: str, epoch: int, *ends: AnyEvent) -> list[AnyEvent]:
    leased = TaskLeased(task, epoch, "work", new_id(), new_id(), 60)
    return [leased, AttemptStarted(task, epoch), *ends]


def planned(mission: str, task: str, kind: str = "work") -> TaskPlanned:
    return TaskPlanned(task, mission, "fix-1", "main", kind, TaskSpec("work", run="true"))  # type: ignore[arg-type]


async def a_mission(chronicle: Chronicle) -> None:
    """One that succeeded: work that failed once, lost its runner once, and landed for 3.50."""
    mission, task, base = new_id(), new_id(), new_id()
    failed = Failure("gate", "red", agent=spent(1.5))
    done = WorkDone(commit="c", agent=spent(2.0))
    events: list[AnyEvent] = [
        MissionLaunched(mission, "fix-1", "fix"),
        planned(mission, base, "gate"),
        *attempt(base, 1, AttemptFailed(base, 1, Failure("agent", "a gate's own"))),
        planned(mission, task),
        *attempt(task, 1, LeaseLost(task, 1, "gone")),
        *attempt(task, 2, AttemptFailed(task, 2, Failure("infrastructure", "no disk"))),
        TaskRequeued(task, 60),
        *attempt(task, 3, AttemptFailed(task, 3, failed)),
        TaskRequeued(task, 60),
        *attempt(task, 4, AttemptSucceeded(task, 4, done), TaskSucceeded(task, mission, 4, done)),
        BranchAdvanced(mission, "b", Tip("n", None), task, 4),  # type: ignore[arg-type]
        MissionSucceeded(mission, "fix"),
        # What comes back of its pull request makes no second mission of it.
        MissionRevised(mission, 1, "revision-1"),
        MissionSucceeded(mission, "fix"),
    ]
    for event in events:
        await chronicle.write(event)


async def totals(counting: Ledger) -> dict[tuple[str, ...], float]:
    """By family and what its labels say; minutes by whether there are any."""
    found = {}
    for key, value in (await counting.totals()).items():
        series = series_of(key)
        shown = float(value > 0) if series.family == "hive_task_minutes" else value
        found[(series.family, *(text for _, text in series.labels))] = shown
    return found


EXPECTED = {
    ("hive_missions", "succeeded", "300.0"): 1,
    ("hive_work", "accepted"): 1,
    ("hive_work", "failed"): 1,
    ("hive_work", "excused"): 1,
    ("hive_landed_changes", "5.0"): 1,
    ("hive_task_minutes", "working"): 1,
    ("hive_task_minutes", "queued"): 1,
    ("hive_task_minutes", "stuck"): 1,
}


async def test_a_mission_is_counted_once_however_often_it_is_looked_at(
    database: Database, chronicle: Chronicle
) -> None:
    await a_mission(chronicle)
    async with ledger(database) as counting, ledger(database, "two") as other:
        assert await counting.count() is False
        assert await totals(counting) == EXPECTED
        assert await counting.count() is False
        assert await other.count() is False
        assert await totals(counting) == EXPECTED
        unended = MissionLaunched(new_id(), "fix-2", "fix")
        await chronicle.write(unended)
        await chronicle.write(MissionCancelled(unended.mission_id))
        await other.count()
        assert await totals(counting) == EXPECTED
        await counting.count()
        assert (await totals(counting))["hive_missions", "cancelled", "300.0"] == 1


async def test_a_mission_that_succeeds_after_its_deadline_is_late_and_named_until_it_does(
    database: Database, nats: NatsAccount, chronicle: Chronicle
) -> None:
    missed, kept = new_id(), new_id()
    await chronicle.write(MissionLaunched(missed, "slow-1", "slow", deadline=1e-4))
    await chronicle.write(MissionLaunched(kept, "fast-1", "fast", deadline=3600))
    async with ledger(database) as counting, watching(database, nats) as watch:
        await counting.count()
        [late] = [s for s in await watch.look() if s.kind == "mission-late"]
        assert late.about == "slow-1"
        assert "slow-1 was to have succeeded within" in late.text
        assert "`hive mission show slow-1`" in late.remedy
        for mission in (missed, kept):
            await chronicle.write(MissionSucceeded(mission, "x"))
        await counting.count()
        assert "mission-late" not in {symptom.kind for symptom in await watch.look()}
        found = await totals(counting)
        assert found["hive_missions", "late", "300.0"] == 1
        assert found["hive_missions", "succeeded", "300.0"] == 1
        # What comes back of its pull request has no deadline.
        await chronicle.write(MissionRevised(missed, 1, "revision-1"))
        await counting.count()
        assert "mission-late" not in {symptom.kind for symptom in await watch.look()}


async def test_pages_of_any_size_count_the_same(
    database: Database, chronicle: Chronicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "BATCH", 3)
    await a_mission(chronicle)
    async with ledger(database) as counting:
        while await counting.count():
            pass
        assert await totals(counting) == EXPECTED


async def test_when_the_one_that_counts_is_gone_another_goes_on_from_there(
    database: Database, chronicle: Chronicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "HELD_SECONDS", 0.5)
    await a_mission(chronicle)
    async with ledger(database) as counting:
        await counting.count()
    async with ledger(database, "two") as other:
        async with asyncio.timeout(20):
            while ("hive_missions", "failed", "300.0") not in await totals(other):
                mission = new_id()
                await chronicle.write(MissionLaunched(mission, "bad-1", "bad"))
                await chronicle.write(MissionFailed(mission, "no"))
                await other.count()
        found = await totals(other)
    assert found["hive_missions", "succeeded", "300.0"] == 1
    assert found["hive_work", "accepted"] == 1


async def test_who_was_taken_over_while_it_counted_notes_nothing(
    database: Database, chronicle: Chronicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_mission(chronicle)
    steal = "update health.ledger set holder = 'two', held_until = now() + interval '1 minute'"
    async with ledger(database) as counting, pool_of(database.url("health")) as pool:
        tally = tallied

        def slowly(rows: Any) -> Any:
            taking.append(asyncio.ensure_future(pool.execute(steal)))
            return tally(rows)

        taking: list[Any] = []
        monkeypatch.setattr(ledgers, "tallied", slowly)
        note = counting._note

        async def after_it_was_taken(*given: Any) -> None:
            await asyncio.gather(*taking)
            await note(*given)

        monkeypatch.setattr(counting, "_note", after_it_was_taken)
        assert await counting.count() is False
        assert await totals(counting) == {}
    async with ledger(database, "two") as other:
        await other.count()
        assert await totals(other) == EXPECTED


SECONDS = """
select coalesce(sum(value) filter (where series like '%queued%'), 0) * 60 as queued,
    coalesce(sum(value), 0) * 60 as total
from health.counts where series like '["hive_task_minutes"%'
"""
WAITED = """
select l.minutes_until - extract(epoch from e.recorded_at)::float8
from health.ledger l, hive.events e where e.type = 'TaskPlanned' and e.stream = $1
"""


async def test_what_waits_is_counted_while_it_waits_and_not_when_it_is_over(
    database: Database, chronicle: Chronicle
) -> None:
    mission, task = new_id(), new_id()
    await chronicle.write(planned(mission, task))
    async with pool_of(database.url("health")) as pool:
        for _ in range(3):  # each time another one, which goes on from what is kept
            async with ledger(database) as counting:
                for _ in range(2):
                    await counting.count()
            waited = await pool.fetchval(WAITED, f"task-{task}")
            assert waited > 0
            assert (await pool.fetchrow(SECONDS))["queued"] == pytest.approx(waited, abs=1e-3)
        async with ledger(database) as counting:
            await chronicle.write(MissionPaused(mission, "lunch", "ann"))
            await counting.count()
            before = await pool.fetchrow(SECONDS)
            await counting.count()
        async with ledger(database) as counting:
            await counting.count()
            assert await pool.fetchrow(SECONDS) == before
            await chronicle.write(MissionResumed(mission, "ann"))
            await counting.count()
            assert (await pool.fetchrow(SECONDS))["queued"] > before["queued"]
            await chronicle.write(TaskCancelled(task, mission))
            await counting.count()
            assert await pool.fetchval("select count(*) from health.open_tasks") == 0
            before = await pool.fetchrow(SECONDS)
            await counting.count()
            assert await pool.fetchrow(SECONDS) == before


async def test_tasks_of_a_history_that_is_gone_wait_for_nobody(
    database: Database, chronicle: Chronicle
) -> None:
    await chronicle.write(planned(new_id(), new_id()))
    async with pool_of(database.url("health")) as pool, ledger(database) as counting:
        await counting.count()
        assert await pool.fetchval("select count(*) from health.open_tasks") == 1
        await pool.execute("update health.ledger set log_id = 'another'")
    async with pool_of(database.url("health")) as pool, ledger(database) as counting:
        await counting.count()
        assert await pool.fetchval("select count(*) from health.open_tasks") == 0


async def test_objectives_stand_as_what_was_counted_says(
    database: Database, chronicle: Chronicle, tmp_path: Path
) -> None:
    await a_mission(chronicle)
    async with ledger(database) as counting:
        await counting.count()
        promises = Promises(tmp_path, counting)
        found = {each.name: each for each in (await promises.standings()).objectives}
        assert (found["rework-rate"].bad, found["rework-rate"].total) == (1, 2)
        assert found["rework-rate"].budget_left == pytest.approx(1 - 0.5 / 0.2)
        assert found["rework-rate"].firing == ()
        assert (found["mission-success"].bad, found["mission-success"].total) == (0, 1)
        assert (found["change-cost"].bad, found["change-cost"].total) == (0, 1)
        assert found["command-latency"].budget_left is None
        (tmp_path / "bad.yaml").write_text("kind: SLO\n")
        judged = await promises.standings()
        assert "bad.yaml:1: `apiVersion` is missing" in judged.problem
        assert len(judged.objectives) == 6


async def test_an_attempt_had_the_model_that_was_leased(
    database: Database, chronicle: Chronicle
) -> None:
    mission, task = new_id(), new_id()
    spec = TaskSpec("fix", prompt="fix it", agent="claude", model="opus")
    done = WorkDone(commit="c", agent=AgentRun("claude"))
    for event in (
        MissionLaunched(mission, "fix-1", "fix"),
        TaskPlanned(task, mission, "fix-1", "main", "work", spec),
        TaskLeased(task, 1, "work", new_id(), new_id(), 60, model="sonnet"),
        AttemptStarted(task, 1),
        AttemptSucceeded(task, 1, done),
        TaskSucceeded(task, mission, 1, done),
    ):
        await chronicle.write(event)
    async with pool_of(database.url("health")) as pool, ledger(database) as counting:
        await counting.count()
        assert [row["model"] for row in await pool.fetch(reader._ATTEMPTS, 1, 9)] == ["sonnet"]


async def test_old_counts_are_kept_by_the_hour_and_their_sum_is_the_same(
    database: Database, chronicle: Chronicle
) -> None:
    async with pool_of(database.url("health")) as pool:
        await pool.execute(
            "insert into health.counts select 'x', date_trunc('minute', now())"
            " - interval '1 minute' * n, 1 from generate_series(0, 10 * 1440, 30) as n"
        )
        before = await pool.fetchval("select sum(value) from health.counts")
        for _ in range(2):
            await pool.execute(ledgers._ROLL_UP)
        after = await pool.fetchrow("select sum(value) as sum, count(*) as rows from health.counts")
        assert after["sum"] == before == 481
        assert 192 + 143 <= after["rows"] <= 193 + 146


async def test_what_a_gateway_answers_is_counted_from_its_beats(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with (
        scripted(database, nats),
        gateway(settings) as door,
        watching(database, nats) as watch,
        ledger(database) as counting,
    ):
        watch.health.ledger = counting
        watch.hear(door.shell)
        for _ in range(3):
            await door.launch()
        watch.hear(door.shell)
        watch.hear(door.shell)
        await counting.count()
        found = {o.name: o for o in (await Promises(tmp_path, counting).standings()).objectives}
        assert found["command-latency"].total == 3
        assert found["gateway-availability"].total == 3
        assert found["gateway-availability"].bad == 0
        own = (await http_get(door, "/metrics", AUTHORIZED)).body
        assert b"hive_gateway_call_seconds_bucket" in own
        assert b"hive_gateway_call_seconds_count" in own
        assert b"hive_gateway_calls_total" in own


async def test_whoever_asks_a_gateway_is_told_by_health(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    (tmp_path / "health").mkdir()
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    request = operations_pb2.ObjectivesRequest()
    async with scripted(database, nats), gateway(settings) as door:
        with refused(StatusCode.UNAVAILABLE) as told:
            await door.operations.Objectives(request, metadata=bearer(ADMIN))
        assert "hive status" in told.facts["remedy"]
        assert (await http_get(door, "/metrics/hive", AUTHORIZED)).status == 503
        async with health(database, nats, tmp_path / "health"), asyncio.timeout(40):
            while (shown := await http_get(door, "/metrics/hive", AUTHORIZED)).status == 503:
                await asyncio.sleep(0.1)
            assert b"hive_symptoms" in shown.body
            assert (await http_get(door, "/metrics/hive")).status == 401
            while True:
                answer = await door.operations.Objectives(request, metadata=bearer(ADMIN))
                if len(answer.objectives) == 6:
                    break


async def agents_mission(chronicle: Chronicle, prompt: str, usage: Usage | None) -> None:
    """Of a fan-out: an attempt that its gate turned down, a lost one, and one that passed."""
    mission, task = new_id(), new_id()
    template = TaskSpec("each", prompt=prompt, agent="claude", model="sonnet")
    phase = Phase("main", for_each=ForEach(Listed((Item("a"),)), template))
    spec = TaskSpec("each-a", prompt=prompt.replace("${item}", "a"), agent="claude", model="sonnet")
    run = AgentRun("claude", usage=usage, settings="5e771235")
    work = WorkDone(commit="c", agent=run)
    events: list[AnyEvent] = [
        MissionLaunched(mission, "fix-7", "fix"),
        PhaseDefined(mission, phase),
        TaskPlanned(
            task, mission, "fix-7", "main", "work", spec, repository=Repository("/code/app", "b")
        ),
        *attempt(task, 1, AttemptSucceeded(task, 1, work)),
        *attempt(task, 2, AttemptFailed(task, 2, Failure("gate", "red"))),
        TaskRequeued(task, 60),
        *attempt(task, 3, AttemptFailed(task, 3, Failure("infrastructure", "no disk"))),
        TaskRequeued(task, 60),
        *attempt(task, 4, AttemptSucceeded(task, 4, work)),
        *attempt(task, 5),
        TaskSucceeded(task, mission, 5, work),
    ]
    for event in events:
        await chronicle.write(event)


async def test_a_wait_is_from_when_a_task_might_be_leased_and_a_pause_is_none(
    database: Database, chronicle: Chronicle
) -> None:
    mission, other = new_id(), new_id()
    tasks = [new_id() for _ in range(3)]
    spec = TaskSpec("work", prompt="Work.", agent="claude")

    def ready(of: str, task: str) -> TaskPlanned:
        return TaskPlanned(task, of, "fix-1", "main", "work", spec)

    def done(of: str, task: str, epoch: int) -> list[AnyEvent]:
        work = WorkDone(commit="c", agent=AgentRun("claude"))
        ends = (AttemptSucceeded(task, epoch, work), TaskSucceeded(task, of, epoch, work))
        return attempt(task, epoch, *ends)

    waited, lost, paused = tasks
    gone = LeaseLost(lost, 1, "gone")
    events: list[AnyEvent] = [
        MissionLaunched(mission, "fix-1", "fix"),
        MissionLaunched(other, "fix-2", "fix"),
        ready(mission, waited), ready(mission, lost), ready(other, paused),
        MissionPaused(other, "lunch", "ann"), MissionResumed(other, "ann"),
        *done(other, paused, 1),
        *done(mission, waited, 1),
        *attempt(lost, 1, gone),
        *done(mission, lost, 2),
    ]  # fmt: skip
    for event in events:
        await chronicle.write(event)
    async with pool_of(database.url("health")) as pool:
        counting = Ledger(pool, PostgresEventStore(pool), SystemClock(), "one", "1")
        assert await counting.count() is False
        rows = [Attempt(*row) for row in await pool.fetch(reader._ATTEMPTS, 1, 100)]
        at = await pool.fetch("select recorded_at from hive.events order by position")

    def between(ready: AnyEvent, task: str, epoch: int) -> float:
        leased = next(
            n
            for n, each in enumerate(events)
            if isinstance(each, TaskLeased) and (each.task_id, each.epoch) == (task, epoch)
        )
        waited: float = (at[leased][0] - at[events.index(ready)][0]).total_seconds()
        return waited

    [after_loss, without_loss, of_paused] = rows
    assert of_paused.waited is None
    assert without_loss.waited == pytest.approx(between(ready(mission, waited), waited, 1))
    assert after_loss.waited == pytest.approx(between(gone, lost, 2))


def change(
    attempt: Attempt, kind: Literal["prompt", "settings", "attempt"] = "prompt"
) -> AttemptChange:
    """With an attempt of which another prompt is known, and not the launch that brought it."""
    before = EventBefore(attempt.position, kind, 0)
    return AttemptChange(
        "", "fix", "main", "claude", "usd", attempt.ended_at, 1, 2, True, 9, 9, preceded_by=before,
    )  # fmt: skip


async def test_attempts_of_agents_are_noted_once_with_what_is_known_of_them(
    database: Database, chronicle: Chronicle
) -> None:
    await agents_mission(chronicle, "Fix ${item}.", Usage(900, 0, 100, billed_usd=0.5))
    await agents_mission(chronicle, "Mend ${item}.", Usage(unpriced=1))
    await agents_mission(chronicle, "Mend ${item}.", None)
    await a_mission(chronicle)  # a plain command's is none
    async with pool_of(database.url("health")) as pool:
        counting = Ledger(pool, PostgresEventStore(pool), SystemClock(), "one", "1.2.3")
        assert await counting.count() is False
        assert await counting.count() is False
        rows = [Attempt(*row) for row in await pool.fetch(reader._ATTEMPTS, 1, 100)]
        regressions = Regressions(pool, SystemClock())
        found = await regressions.look(1)
        await regressions.look_for_worse()
        assert regressions.worse == ()
        changed = await regressions._with_launches([change(row) for row in rows])
        unlaunched = [change(rows[0], "attempt"), change(rows[0], "settings")]
        assert await regressions._with_launches(unlaunched) == unlaunched
    befores = [each.preceded_by for each in changed if each.preceded_by is not None]
    assert {before.kind for before in befores} == {"prompt"}
    assert {before.at_ms > 0 for before in befores} == {True}
    launches = [before.position for before in befores]
    assert [row.outcome for row in rows] == ["succeeded", "gate"] * 3
    assert [launched < row.position for launched, row in zip(launches, rows, strict=True)] == [
        True
    ] * 6
    assert len(set(launches)) == 3
    first = rows[-1]
    assert (first.mission, first.phase, first.profile, first.model) == (
        "fix", "main", "claude", "sonnet",
    )  # fmt: skip
    assert (first.repository, first.version) == ("/code/app", "1.2.3")
    assert (first.usd, first.tokens) == (0.5, 1000)
    assert {row.model for row in rows} == {"sonnet"}
    assert {row.settings for row in rows} == {"5e771235"}
    assert first.seconds is not None
    assert 0 <= first.seconds < 60
    assert all(row.waited is not None and 0 <= row.waited < 60 for row in rows)
    assert [(row.usd, row.tokens) for row in rows[:4]] == [(None, None)] * 2 + [(None, 0)] * 2
    assert len({row.prompt for row in rows}) == 2
    assert [(each.attempts, each.succeeded) for each in found.baselines] == [(4, 2), (2, 1)]
    assert found.changes == ()
