"""An answer to an attempt at work comes down with the orders, for as long as it is waited for."""

from hive_contracts.dialogue import Question, Reply
from hive_contracts.mission import LaunchMission
from hive_contracts.orders import Beat, Holding, Orders
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_contracts.task import AnswerQuestion, AskQuestion, StartAttempt
from tests.suites.simulator.hive import Runner, Simulation

MAY = Question("May I?", ("allow", "deny"))


async def at_work() -> tuple[Simulation, Runner, str]:
    """A hive in which one attempt is at work."""
    hive = Simulation(seed=1)
    hive.trouble_free = True
    hive.ask(LaunchMission("", plan=Plan("x", (Phase("p", tasks=(TaskSpec("t", run="x"),)),))))
    await hive.deliver(0)
    for _ in range(20):
        while await hive.turn(0):
            pass
        await hive.watch(0)
        for runner in hive.runners:
            await hive.beat(0, runner)
            for task, epoch in runner.holding:
                hive._spool(runner, StartAttempt(task, epoch))
                await hive.report(0, runner)
                return hive, runner, task
    raise AssertionError("nobody was given the task")


async def beat(hive: Simulation, runner: Runner, task: str, asks: str, index: int = 0) -> Orders:
    beat = Beat(
        runner.id, runner.session, "sim", 3, ("bot",), holding=(Holding(task, 1, asks=asks),)
    )
    orders = await hive.orchestrators[index].beats(beat)
    assert isinstance(orders, Orders)
    return orders


async def test_an_answer_comes_with_every_order_until_no_beat_asks_for_it() -> None:
    hive, runner, task = await at_work()
    hive._spool(runner, AskQuestion(task, 1, "1-1", MAY))
    await hive.report(0, runner)
    for index in (0, 1):
        assert (await beat(hive, runner, task, "1-1", index)).replies == ()
    hive.ask(AnswerQuestion(task, "allow", "ann"))
    await hive.deliver(0)
    reply = Reply(task, 1, "1-1", "allow")
    for index in (0, 0, 1):  # also by a replica that remembers how it was before
        assert (await beat(hive, runner, task, "1-1", index)).replies == (reply,)
    assert (await beat(hive, runner, task, "")).replies == ()


async def test_an_answer_is_for_its_own_question_alone() -> None:
    hive, runner, task = await at_work()
    hive._spool(runner, AskQuestion(task, 1, "1-1", MAY))
    await hive.report(0, runner)
    hive.ask(AnswerQuestion(task, "allow", "ann"))
    await hive.deliver(0)
    assert (await beat(hive, runner, task, "1-2")).replies == ()
