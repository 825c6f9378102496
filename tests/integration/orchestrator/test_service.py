"""The orchestrator on real PostgreSQL and NATS, driven through its edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import nats as nats_client
import pytest
from msgspec.structs import replace

from hive_contracts.mission import CancelMission, LaunchMission
from hive_contracts.orders import Beat, Holding, Lease, Orders
from hive_contracts.outcome import Failure, Outcome, WorkDone
from hive_contracts.plan import (
    ApprovalGate,
    Phase,
    Plan,
    Retry,
    TaskSpec,
)
from hive_contracts.submit import Accepted, Refused, Submission
from hive_orchestrator.active import FENCE
from hive_orchestrator.desk_postgres import open_postgres_desk
from hive_shared.eventstore.port import Fence
from hive_shared.eventstore.postgres import open_postgres_store
from tests.conftest import Database, NatsAccount
from tests.integration.orchestrator.hive import (
    FakeRunner,
    Hive,
    cancelled,
    eventually,
    new_id,
    plan,
)
from tests.suites.verdict import fold, judge, same


@pytest.fixture
async def hive(database: Database, nats: NatsAccount) -> AsyncIterator[Hive]:
    client = await nats_client.connect(nats.url_of("gateway"))
    yield Hive(database, nats, client)
    await client.close()


@asynccontextmanager
async def working(*runners: FakeRunner) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(runner.work()) for runner in runners]
    try:
        yield
    finally:
        await cancelled(*tasks)


async def test_work_waits_for_its_agent_and_goes_to_a_runner_once_somebody_logged_in(
    hive: Hive,
) -> None:
    spec = TaskSpec("t", prompt="Do it.", agent="codex")
    runner, session = new_id(), new_id()

    async def beats(agents: tuple[str, ...], holding: Orders | None = None) -> Orders:
        known = tuple(Holding(x.task.task_id, x.epoch) for x in holding.leases) if holding else ()
        return await hive.beat(Beat(runner, session, "anvil", 2, agents, holding=known))

    async def leased() -> Orders | None:
        orders = await beats(("claude", "codex"))
        return orders if orders.leases else None

    async def kept(agents: tuple[str, ...]) -> bool | None:
        async with open_postgres_desk(hive.database.url("orchestrator")) as desk:
            opened = (await desk.load()).sessions.get(session)
        return True if opened is not None and opened.agents == agents else None

    async with hive.orchestrator():
        await hive.submit(LaunchMission("", Plan("m", (Phase("p", tasks=(spec,)),))))
        await beats(("claude",))
        await eventually(lambda: kept(("claude",)))
        await hive.until(lambda types: "TaskPlanned" in types)
        orders = await eventually(leased)
        # The runner keeps its work, and the record has each change once.
        again = await beats(("claude", "codex"), orders)
        assert [held.task_id for held in again.keep] == [orders.leases[0].task.task_id]
        types = await hive.types()
        assert types.count("SessionOpened") == 2
        assert "SessionClosed" not in types
        # Another orchestrator would know it too.
        await eventually(lambda: kept(("claude", "codex")))


def ended(missions: int, how: str = "MissionSucceeded"):  # type: ignore[no-untyped-def]
    return lambda types: types.count(how) == missions


async def assert_consistent(hive: Hive) -> None:
    """The log holds what it must, and the board that was kept is the one that follows from it."""
    log = await hive.log()
    judge(log)

    async def caught_up() -> bool | None:
        async with open_postgres_desk(hive.database.url("orchestrator")) as desk:
            board = await desk.load()
        if board.position < log[-1].position:
            return None
        same(board, fold(log))
        assert not board.cards.of
        assert not board.timers.of
        return True

    await eventually(caught_up)


async def test_a_mission_runs_from_launch_to_success(hive: Hive) -> None:
    async with hive.orchestrator(), working(FakeRunner(hive)):
        [answer] = await hive.submit(LaunchMission("", plan=plan("fix", tasks=3)))
        assert isinstance(answer, Accepted)
        assert answer.name == "fix-1"
        types = await hive.until(ended(1))
        assert types.count("TaskSucceeded") == 3
        await assert_consistent(hive)


async def test_runs_of_one_name_are_numbered(hive: Hive) -> None:
    async with hive.orchestrator():
        answers = await hive.submit(*(LaunchMission("", plan=plan(n)) for n in ["a", "b", "a"]))
        assert [a.name for a in answers if isinstance(a, Accepted)] == ["a-1", "b-1", "a-2"]


async def test_the_same_command_many_times_at_once_takes_effect_once(hive: Hive) -> None:
    once = Submission(new_id(), "ann", LaunchMission("", plan=plan()))
    async with hive.orchestrator(), hive.orchestrator():
        answers = await asyncio.gather(*(hive.send([once, once]) for _ in range(20)))
        names = {(a.id, a.name) for pair in answers for a in pair if isinstance(a, Accepted)}
        assert len(names) == 1
        assert (await hive.types()).count("MissionLaunched") == 1


async def test_another_payload_under_the_same_id_is_refused(hive: Hive) -> None:
    async with hive.orchestrator():
        first = Submission(new_id(), "ann", LaunchMission("", plan=plan("a")))
        second = Submission(first.command_id, "ann", LaunchMission("", plan=plan("b")))
        await hive.send([first])
        [answer] = await hive.send([second])
        assert isinstance(answer, Refused)
        assert answer.code == "reused"


async def test_a_plan_that_makes_no_sense_is_refused_with_its_place(hive: Hive) -> None:
    bad = Plan(
        "m",
        (
            Phase("a", ("b",), (TaskSpec("t", run="x"),)),
            Phase("b", ("a",), (TaskSpec("t", run="x"),)),
        ),
    )
    async with hive.orchestrator():
        [answer] = await hive.submit(LaunchMission("", plan=bad))
        assert isinstance(answer, Refused)
        assert (answer.code, answer.where) == ("invalid", "phases.needs")
        assert "a and b wait for each other" in answer.message
        assert await hive.types() == []


async def test_a_failed_attempt_is_tried_again_with_its_reason(hive: Hive) -> None:
    seen: list[Lease] = []

    def fail_once(lease: Lease) -> Outcome:
        seen.append(lease)
        if lease.attempt == 1:
            return Failure("agent", "exit 1", tail="boom")
        return WorkDone(no_change="done")

    quick = TaskSpec("t", run="x", retry=Retry(attempts=2, backoff=0.05))
    async with hive.orchestrator(), working(FakeRunner(hive, work=fail_once)):
        await hive.submit(LaunchMission("", plan=Plan("m", (Phase("p", tasks=(quick,)),))))
        await hive.until(ended(1))
    assert [lease.attempt for lease in seen] == [1, 2]
    assert seen[1].feedback == Failure("agent", "exit 1", tail="boom")


async def test_a_runner_that_falls_silent_loses_its_lease_to_another(hive: Hive) -> None:
    silent, lively = FakeRunner(hive, slots=1), FakeRunner(hive, slots=1)
    async with hive.orchestrator():
        await silent.beat()
        await hive.submit(LaunchMission("", plan=plan(tasks=1)))

        async def offered() -> bool | None:
            return bool((await silent.beat()).leases) or None

        await eventually(offered)
        async with working(lively):
            types = await hive.until(ended(1))
    assert "SessionClosed" in types
    assert "LeaseLost" in types


async def test_while_the_hive_cannot_hear_no_session_ends(hive: Hive) -> None:
    runner = FakeRunner(hive, slots=1)
    async with hive.orchestrator():
        await runner.beat()
        await hive.submit(LaunchMission("", plan=plan(tasks=1)))
        await hive.until(lambda types: "TaskLeased" in types)
    # No canary was heard: however long the outage, the session is not silent on the hearing clock.
    async with open_postgres_desk(hive.database.url("orchestrator")) as desk:
        await desk._fetch(
            "update orchestrator.hearing set last_at = last_at - interval '1 hour' returning 1"
        )
    async with hive.orchestrator() as service:
        await eventually(lambda: _true(service.replica.active))
        await hive.canary()
        # A timer that has rung since: so the sessions were looked at, too.
        gate = ApprovalGate("ready", "Ready?", timeout=0.1)
        await hive.submit(LaunchMission("", plan=replace(plan("asks"), approvals=(gate,))))
        await hive.until(lambda types: "ApprovalRefused" in types)
        async with working(runner):
            types = await hive.until(ended(1))
    assert "SessionClosed" not in types


async def _true(value: bool) -> bool | None:
    return value or None


async def test_another_orchestrator_takes_over_when_the_active_one_goes(hive: Hive) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(hive.orchestrator())
        await eventually(lambda: _true(first.replica.active))
        async with hive.orchestrator() as second, working(FakeRunner(hive)):
            await hive.submit(*(LaunchMission("", plan=plan()) for _ in range(10)))
            await stack.aclose()
            await hive.until(ended(10))
            assert second.replica.active
            await assert_consistent(hive)


async def test_an_orchestrator_whose_fence_was_taken_writes_nothing_more(hive: Hive) -> None:
    async with hive.orchestrator() as service:
        await eventually(lambda: _true(service.replica.active))
        async with open_postgres_store(hive.database.url("orchestrator")) as store:
            # As if the active one had been frozen for longer than its fence holds.
            await store.release_fence(Fence(FENCE, token=1))
            assert await store.take_fence(FENCE, "another", 60_000) == Fence(FENCE, token=2)
        await FakeRunner(hive).beat()
        await hive.submit(LaunchMission("", plan=plan()))
        await eventually(lambda: _true(not service.replica.active))
        assert "TaskLeased" not in await hive.types()


async def test_a_cancelled_mission_cancels_its_tasks(hive: Hive) -> None:
    async with hive.orchestrator():
        [answer] = await hive.submit(LaunchMission("", plan=plan(tasks=3)))
        assert isinstance(answer, Accepted)
        await hive.submit(CancelMission(answer.id, "enough"))
        types = await hive.until(lambda types: types.count("TaskCancelled") == 3)
        assert "MissionCancelled" in types
        await assert_consistent(hive)


async def test_many_missions_with_two_orchestrators_and_two_runners(hive: Hive) -> None:
    async with (
        hive.orchestrator(),
        hive.orchestrator(),
        working(FakeRunner(hive), FakeRunner(hive)),
    ):
        for _ in range(4):
            await hive.submit(*(LaunchMission("", plan=plan()) for _ in range(10)))
        await hive.until(ended(40))
        await assert_consistent(hive)
