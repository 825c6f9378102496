"""What a pause stops, what it lets go on, and what waits meanwhile."""

from hive_contracts.mission import MissionPaused, PauseMission, ResumeMission
from hive_contracts.outcome import Failure
from hive_contracts.plan import (
    CommandGate,
    Phase,
    Plan,
    Retry,
    TaskSpec,
)
from hive_contracts.submit import Accepted, Refused
from hive_contracts.task import LeaseLost, LeaseTask
from hive_orchestrator.handlers.commands import Order
from tests.component.orchestrator.capped import Hive, agents, used
from tests.suites.simulator.hive import TTL


async def test_nothing_more_is_leased_and_what_runs_goes_on_to_its_end() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", "c", "d"))
    assert set(hive.leases()) == {"a", "b", "c"}
    await hive.submit(PauseMission(hive.id, "ann", "lunch"))
    await hive.go_on()
    assert set(hive.leases()) == {"a", "b", "c"}
    await hive.report("a", used(1))
    assert set(hive.leases()) == {"b", "c"}
    assert isinstance(await hive.submit(ResumeMission(hive.id, "ann")), Accepted)
    await hive.go_on()
    assert set(hive.leases()) == {"b", "c", "d"}


async def test_a_pause_now_stops_attempts_as_nobodys_fault_and_they_are_done_again() -> None:
    hive = Hive()
    await hive.launch(agents("a"))
    await hive.start("a")
    for _ in range(30):  # more often than anything may be lost by accident
        await hive.submit(PauseMission(hive.id, "ann", now=True))
        await hive.go_on()
        assert hive.leases() == {}
        await hive.submit(ResumeMission(hive.id, "ann"))
        await hive.go_on()
        assert hive.leases()["a"].attempt == 1
    await hive.report("a", used(1))
    assert "MissionSucceeded" in await hive.types()


async def test_a_lease_that_was_on_its_way_is_taken_back() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", "c", "d"))
    process = hive.simulation.orchestrators[0]
    waiting = [card.task_id for card in process.active._board.cards.queued()]  # type: ignore[union-attr]
    await hive.submit(PauseMission(hive.id, "ann"))
    late = LeaseTask(waiting[0], hive.runner.id, hive.runner.session)
    await process.commands.execute(Order(hive.simulation.new_id(), "orchestrator", late))
    await hive.go_on()
    lost = [event for event in await hive.events() if isinstance(event, LeaseLost)]
    assert [(event.task_id, event.fault) for event in lost] == [(waiting[0], "paused")]


async def test_no_task_waits_too_long_for_a_runner_while_its_mission_is_paused() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", "c", "d"))
    await hive.submit(PauseMission(hive.id, "ann"))
    await hive.go_on()
    await hive.pass_time(10 * 3600)
    assert "TaskFailed" not in await hive.types()
    await hive.submit(ResumeMission(hive.id, "ann"))
    await hive.go_on()
    await hive.pass_time(2 * 3600)
    assert "TaskFailed" in await hive.types()


async def test_to_pause_and_to_resume_twice_does_nothing_more() -> None:
    hive = Hive()
    await hive.launch(agents("a"))
    for command in (PauseMission(hive.id, "ann"), ResumeMission(hive.id, "ann")):
        await hive.submit(command)
        before = len(await hive.events())
        assert isinstance(await hive.submit(command), Accepted)
        assert len(await hive.events()) == before


async def test_a_pause_can_become_one_that_stops_at_once() -> None:
    hive = Hive()
    await hive.launch(agents("a"))
    await hive.submit(PauseMission(hive.id, "ann", "lunch"))
    await hive.submit(PauseMission(hive.id, "bob", now=True))
    await hive.go_on()
    assert hive.leases() == {}
    pauses = [event for event in await hive.events() if isinstance(event, MissionPaused)]
    assert [(pause.reason, pause.now) for pause in pauses] == [("lunch", False), ("lunch", True)]


async def test_a_mission_that_has_ended_is_not_paused() -> None:
    hive = Hive()
    await hive.launch(agents("a"))
    await hive.report("a", used(1))
    refused = await hive.submit(PauseMission(hive.id, "ann"))
    assert isinstance(refused, Refused)
    assert refused.message == "the mission has ended: succeeded"


async def test_a_pause_outlives_the_orchestrator() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", "c", "d"))
    await hive.submit(PauseMission(hive.id, "ann", now=True))
    await hive.go_on()
    hive.restart()
    await hive.pass_time(20)
    assert hive.leases() == {}


async def test_a_task_says_itself_whether_the_mission_goes_on_without_it() -> None:
    for own, phase, ended in (
        ("continue", "stop", "MissionSucceeded"),
        ("", "stop", "MissionFailed"),
        ("stop", "continue", "MissionFailed"),
        ("", "continue", "MissionSucceeded"),
    ):
        weak = TaskSpec("weak", run="x", retry=Retry(attempts=1), on_failure=own)  # type: ignore[arg-type]
        after = TaskSpec("after", run="x", needs=("weak",))
        tasks = (weak, after, TaskSpec("strong", run="x"))
        hive = Hive()
        await hive.launch(Plan("m", (Phase("p", tasks=tasks, on_failure=phase),)))  # type: ignore[arg-type]
        await hive.report("strong", used(0))
        await hive.report("weak", Failure("agent", "it broke"))
        assert (await hive.types()).count(ended) == 1, (own, phase)


async def test_gates_wait_too() -> None:
    hive = Hive()
    gated = TaskSpec("a", run="x", gates=(CommandGate("tests", "make test"),))
    await hive.launch(Plan("m", (Phase("p", tasks=(gated,)),)))
    await hive.start("a")
    await hive.submit(PauseMission(hive.id, "ann"))
    await hive.report("a", used(0))
    assert hive.leases() == {}


async def test_an_exclusive_task_waits_until_its_lost_attempt_has_surely_ended() -> None:
    hive = Hive()
    await hive.launch(agents("a", exclusive=True))
    await hive.start("a")
    await hive.submit(PauseMission(hive.id, "ann", now=True))
    await hive.go_on()
    await hive.submit(ResumeMission(hive.id, "ann"))
    await hive.go_on()
    await hive.pass_time(TTL - 1)
    assert hive.leases() == {}
    await hive.pass_time(2)
    assert set(hive.leases()) == {"a"}


async def test_an_exclusive_task_waits_anew_after_the_orchestrator_was_restarted() -> None:
    hive = Hive()
    await hive.launch(agents("a", exclusive=True))
    await hive.start("a")
    await hive.submit(PauseMission(hive.id, "ann", now=True))
    await hive.go_on()
    await hive.submit(ResumeMission(hive.id, "ann"))
    hive.restart()
    await hive.pass_time(TTL - 1)
    assert hive.leases() == {}


async def test_an_exclusive_attempt_that_says_itself_that_it_ended_is_not_waited_for() -> None:
    hive = Hive()
    await hive.launch(agents("a", exclusive=True))
    await hive.report("a", Failure("infrastructure", "the hive was not heard"))
    await hive.pass_time(4)
    assert set(hive.leases()) == {"a"}
