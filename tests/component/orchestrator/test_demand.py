"""What runners are wanted for: what a free slot would be given, and what holds one."""

from hive_contracts.heartbeat import Wanted
from hive_contracts.mission import PauseMission, ResumeMission
from hive_orchestrator.demand import demand
from tests.component.orchestrator.capped import Hive, agents, used


def wanted(hive: Hive) -> tuple[Wanted, ...]:
    active = hive.simulation.orchestrators[0].active
    assert active is not None
    return active.demand()


async def test_what_waits_for_a_slot_and_what_holds_one_is_told_by_profile() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", "c", "d", "e"))
    [told] = wanted(hive)
    assert (told.waiting, told.working) == (2, 3)
    await hive.report("a", used(1))
    await hive.report("b", used(1))
    await hive.go_on()
    [left] = wanted(hive)
    assert (left.agent, left.waiting, left.working) == (told.agent, 0, 3)


async def test_what_is_paused_waits_for_a_person_and_not_for_a_runner() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", "c", "d", "e"))
    await hive.submit(PauseMission(hive.id, "ann"))
    await hive.go_on()
    [told] = wanted(hive)
    assert (told.waiting, told.working) == (0, 3)
    await hive.submit(ResumeMission(hive.id, "ann"))
    await hive.go_on()
    assert wanted(hive)[0].waiting == 2


async def test_an_exclusive_task_whose_attempt_may_still_be_at_work_waits_for_that() -> None:
    hive = Hive()
    await hive.launch(agents("a", "b", "c", "d"))
    active = hive.simulation.orchestrators[0].active
    assert active is not None
    [queued] = active._board.cards.queued()
    assert sum(each.waiting for each in demand(active._board, {queued.task_id})) == 0
    assert sum(each.waiting for each in demand(active._board)) == 1
