"""What a mission with a budget leases, when it pauses, and what goes on."""

import asyncio

import pytest

from hive_contracts.budget import AttemptCap, Budget, Spent
from hive_contracts.mission import (
    BudgetWarned,
    LaunchMission,
    MissionPaused,
    PauseMission,
    RaiseBudget,
    ReservationMade,
    ReservationSettled,
    ReserveLease,
    ResumeMission,
)
from hive_contracts.outcome import AgentRun, Failure, Usage
from hive_contracts.plan import (
    ApprovalGate,
    Phase,
    Plan,
    TaskSpec,
)
from hive_contracts.submit import Accepted, Refused
from hive_contracts.task import LeaseTask, ReportAttempt, ReportUsage, TaskLeased
from hive_orchestrator.aggregates import Aggregates
from hive_orchestrator.handlers.commands import Commands, Order
from hive_shared.restraints import Restraining
from tests.component.orchestrator.capped import Hive, agents, stopped, used


def pause_now(mission: str) -> PauseMission:
    return PauseMission(mission, "ann", now=True)


async def test_a_lease_is_recorded_together_with_what_its_attempt_may_use() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", budget=Budget(tokens=1_000)))
    log = await hive.simulation.store.read_all(0, 1_000)
    made = [r for r in log if r.type == "ReservationMade"]
    leased = [r for r in log if r.type == "TaskLeased"]
    assert [r.position + 1 for r in made] == [r.position for r in leased]
    assert {lease.cap for lease in hive.leases().values()} == {AttemptCap(tokens=500)}
    assert (await hive.purse()).left("tokens") == 0


async def test_a_mission_without_a_budget_leases_without_its_own_stream() -> None:
    hive = Hive()
    await hive.launch(agents("a"))
    before = [r.type for r in await hive.simulation.store.read_all(0, 1_000)]
    assert "ReservationMade" not in before
    assert before.count("TaskLeased") == 1
    assert hive.leases()["a"].cap is None


async def test_what_was_used_takes_the_place_of_what_was_reserved() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", budget=Budget(tokens=1_000, usd=10)))
    await hive.report("a", used(120, usd=0.5))
    purse = await hive.purse()
    assert (purse.tokens, purse.billed_usd) == (120, 0.5)
    assert (purse.held("tokens"), purse.left("tokens")) == (500, 380)


async def test_an_agent_that_does_not_say_what_it_used_counts_with_all_it_had() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", budget=Budget(tokens=1_000)))
    await hive.report("a", Failure("agent", "it broke", agent=AgentRun("bot")))
    assert (await hive.purse()).used("tokens") == 500


async def test_a_failure_before_the_agent_began_costs_nothing() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", budget=Budget(tokens=1_000)))
    await hive.report("a", Failure("infrastructure", "the set-up failed"))
    assert (await hive.purse()).used("tokens") == 0


async def test_at_a_cap_the_mission_pauses_and_goes_on_once_it_is_raised() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", budget=Budget(tokens=1_000), needs=()))
    await hive.report("a", stopped(700))
    await hive.report("b", stopped(400))
    await hive.pass_time(10)
    pauses = [e for e in await hive.events() if isinstance(e, MissionPaused)]
    assert [(pause.by, pause.cap) for pause in pauses] == [("hive", "tokens")]
    assert pauses[0].reason == "at the cap: 1,100 of 1,000 tokens are used"
    refused = await hive.submit(ResumeMission(hive.id, "ann"))
    assert isinstance(refused, Refused)
    assert refused.remedy == "hive resume m-1 --add tokens=1M"
    assert isinstance(
        await hive.submit(RaiseBudget(hive.id, Budget(tokens=5_000), "ann")), Accepted
    )
    await hive.go_on()
    assert (await hive.types())[-6:].count("MissionResumed") == 1
    caps = [lease.cap for lease in hive.leases().values()]
    assert sum(cap.tokens for cap in caps if cap) == 4_900


async def test_a_stopped_attempt_is_tried_again_with_more_and_counts() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", "c", budget=Budget(tokens=9_000)))
    await hive.report("a", stopped(3_001))
    await hive.report("b", used(10))
    await hive.report("c", used(10))
    await hive.pass_time(10)
    lease = hive.leases()["a"]
    assert lease.attempt == 2
    assert lease.cap == AttemptCap(tokens=5_979, last=True)


async def test_the_last_of_the_budget_is_no_fault_of_the_task_that_has_it() -> None:
    hive = Hive()
    await hive.launch(agents("a", budget=Budget(tokens=1_000)))
    for _ in range(4):
        await hive.report("a", stopped(1_001))
        await hive.pass_time(5)
        assert (await hive.mission()).paused is not None
        await hive.submit(ResumeMission(hive.id, "ann", Budget(tokens=2_000)))
        await hive.go_on()
        assert hive.leases()["a"].attempt == 1


async def test_what_is_left_is_waited_for_while_others_hold_it() -> None:
    hive = Hive()
    first = TaskSpec("first", run="make")
    after = TaskSpec("b", prompt="do it", agent="bot", needs=("first",))
    (phase,) = agents("a").phases
    tasks = (*phase.tasks, first, after)
    await hive.launch(Plan("m", (Phase("p", tasks=tasks),), budget=Budget(tokens=1_000)))
    await hive.report("first", used(0))
    assert set(hive.leases()) == {"a"}
    assert "MissionPaused" not in await hive.types()
    await hive.report("a", used(100))
    assert hive.leases()["b"].cap == AttemptCap(tokens=900, last=True)


async def test_commands_and_gates_cost_nothing() -> None:
    hive = Hive()
    plan = Plan("m", (Phase("p", tasks=(TaskSpec("a", run="make"),)),), budget=Budget(tokens=1))
    await hive.launch(plan)
    assert hive.leases()["a"].cap is None
    assert "ReservationMade" not in await hive.types()


async def test_a_lost_attempt_counts_until_it_tells_what_it_used() -> None:
    hive = Hive()
    await hive.launch(agents("a", budget=Budget(tokens=1_000)))
    lease = await hive.start("a")
    await hive.submit(pause_now(hive.id))
    await hive.go_on()
    assert hive.leases() == {}
    assert (await hive.purse()).used("tokens") == 1_000
    await hive.submit(ReportUsage(lease.task.task_id, lease.epoch, Usage(30, output_tokens=4)))
    await hive.go_on()
    assert (await hive.purse()).used("tokens") == 34
    await hive.submit(ResumeMission(hive.id, "ann"))
    await hive.go_on()
    assert hive.leases()["a"].cap == AttemptCap(tokens=966, last=True)


async def test_a_late_report_still_says_what_was_used() -> None:
    hive = Hive()
    await hive.launch(agents("a", budget=Budget(tokens=1_000)))
    first = await hive.start("a")
    await hive.submit(pause_now(hive.id))
    await hive.go_on()
    await hive.submit(ResumeMission(hive.id, "ann", Budget(tokens=1_000)))
    await hive.go_on()
    await hive.start("a")
    await hive.submit(ReportAttempt(first.task.task_id, first.epoch, used(77)))
    await hive.go_on()
    purse = await hive.purse()
    assert (purse.tokens, purse.lost) == (77, {})


async def test_people_are_told_once_that_a_cap_comes_near() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", budget=Budget(tokens=1_000, warn=0.5)))
    await hive.report("a", used(450))
    await hive.report("b", used(460))
    warned = [e for e in await hive.events() if isinstance(e, BudgetWarned)]
    assert [(e.cap, e.used, e.limit) for e in warned] == [("tokens", 910, 1_000)]


async def test_two_schedulers_cannot_reserve_the_same_money() -> None:
    """Each decides on what it remembers; the versions in the append let only one of them."""
    hive = Hive()
    await hive.launch(agents("a", "b", budget=Budget(tokens=1_000)))
    await hive.submit(pause_now(hive.id))
    await hive.go_on()
    await hive.submit(ResumeMission(hive.id, "ann", Budget(tokens=1_000)))
    simulation = hive.simulation
    tasks = [e.task_id for e in await hive.events() if isinstance(e, TaskLeased)][:2]

    def scheduler() -> Commands:
        store = simulation.store
        restraining = Restraining(store, simulation.clock)
        return Commands(store, Aggregates(store), simulation.new_id, float, restraining)

    async def reserve(commands: Commands, task: str) -> None:
        lease = LeaseTask(task, hive.runner.id, hive.runner.session)
        order = Order(simulation.new_id(), "orchestrator", ReserveLease(hive.id, lease, 1))
        await commands.execute(order)

    one, other = scheduler(), scheduler()
    for commands in (one, other):
        for stream in (f"mission-{hive.id}", *(f"task-{task}" for task in tasks)):
            await commands._aggregates.load(stream)
    results = await asyncio.gather(
        reserve(one, tasks[0]), reserve(other, tasks[1]), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "Rejected"]
    purse = await hive.purse()
    assert purse.left("tokens") >= 0
    assert len(purse.reserved) == 1


async def test_its_own_time_is_up_although_the_hive_was_restarted() -> None:
    hive = Hive()
    await hive.launch(agents("a", budget=Budget(wall=600, warn=0.5)))
    await hive.start("a")
    await hive.pass_time(200)
    hive.restart()
    await hive.pass_time(150)
    assert [e.cap for e in await hive.events() if isinstance(e, BudgetWarned)] == ["wall"]
    hive.restart()
    await hive.pass_time(260)
    paused = (await hive.mission()).paused
    assert paused is not None
    assert (paused.cap, paused.reason) == ("wall", "its wall time of 10 min is used up")
    refused = await hive.submit(ResumeMission(hive.id, "ann"))
    assert isinstance(refused, Refused)
    await hive.submit(ResumeMission(hive.id, "ann", Budget(wall=60)))
    await hive.pass_time(30)
    assert (await hive.mission()).paused is None
    await hive.pass_time(40)
    assert (await hive.mission()).paused is not None


async def test_no_time_of_its_own_passes_while_it_waits_for_people() -> None:
    hive = Hive()
    plan = agents("a", budget=Budget(wall=60))
    asked = ApprovalGate("ready", "Ready?")
    await hive.launch(Plan("m", plan.phases, approvals=(asked,), budget=plan.budget))
    await hive.pass_time(1_000)
    assert (await hive.mission()).paused is None


async def test_a_budget_is_only_raised_where_there_is_one() -> None:
    hive = Hive()
    await hive.launch(agents("a", budget=Budget(tokens=1_000)))
    refused = await hive.submit(RaiseBudget(hive.id, Budget(usd=1), "ann"))
    assert isinstance(refused, Refused)
    assert refused.message == "m-1 has no cap on usd"
    other = Hive()
    await other.launch(agents("a"))
    refused = await other.submit(RaiseBudget(other.id, Budget(usd=1), "ann"))
    assert isinstance(refused, Refused)
    assert "has no budget" in refused.message


@pytest.mark.parametrize("budget", [Budget(), Budget(usd=-1), Budget(usd=1, warn=1.5)])
async def test_a_budget_that_makes_no_sense_is_refused(budget: Budget) -> None:
    hive = Hive()
    refused = await hive.submit(LaunchMission("", plan=agents("a", budget=budget)))
    assert isinstance(refused, Refused)
    assert refused.where.startswith("budget")


async def test_settling_twice_counts_once() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", budget=Budget(tokens=1_000)))
    await hive.report("a", used(100))
    await hive.go_on()
    settled = [e for e in await hive.events() if isinstance(e, ReservationSettled)]
    made = [e for e in await hive.events() if isinstance(e, ReservationMade)]
    assert [event.spent for event in settled] == [Spent(tokens=100)]
    assert len(made) == 2
