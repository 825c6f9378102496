"""A hive over the twins, driven step by step: one runner, and what it reports is said here."""

from msgspec.structs import replace

from hive_contracts.budget import Budget, Purse
from hive_contracts.codec import AnyEvent, decode
from hive_contracts.mission import LaunchMission
from hive_contracts.orders import Lease
from hive_contracts.outcome import (
    AgentRun,
    Failure,
    Outcome,
    Usage,
    WorkDone,
)
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_contracts.submit import Answer, Submission, Submittable
from hive_contracts.task import ReportAttempt, StartAttempt
from hive_orchestrator.deciders.mission_state import Active
from tests.suites.simulator.hive import Simulation


def agents(*names: str, budget: Budget | None = None, **fields: object) -> Plan:
    """A mission with a task for an agent each."""
    specs = (TaskSpec(name, prompt="do it", agent="bot") for name in names)
    tasks = tuple(replace(spec, **fields) for spec in specs)
    return Plan("m", (Phase("p", tasks=tasks),), budget=budget)


def used(tokens: int, usd: float = 0) -> WorkDone:
    run = AgentRun("bot", usage=Usage(tokens, billed_usd=usd))
    return WorkDone(no_change="nothing to do", agent=run)


def stopped(tokens: int) -> Failure:
    """An attempt that the runner stopped at its cap."""
    run = AgentRun("bot", usage=Usage(tokens))
    return Failure("budget", "bot was stopped: it used too much", agent=run)


class Hive:
    def __init__(self) -> None:
        self.simulation = Simulation(seed=1)
        self.runner = self.simulation.runners[0]
        self.id = ""

    async def launch(self, plan: Plan) -> None:
        await self.beat()
        answer = await self.submit(LaunchMission("", plan=plan))
        self.id = answer.id  # type: ignore[union-attr]
        await self.go_on()

    async def submit(self, command: Submittable) -> Answer:
        submission = Submission(self.simulation.new_id(), "ann", command)
        (answer,) = await self.simulation.send(0, [submission])
        return answer

    async def go_on(self) -> None:
        """Until nothing moves but by time or from outside."""
        while await self.simulation.turn(0):
            pass
        await self.beat()

    async def pass_time(self, seconds: float) -> None:
        self.simulation.clock.ms += int(seconds * 1000)
        await self.go_on()
        await self.simulation.watch(0)
        await self.go_on()

    async def beat(self) -> None:
        await self.simulation.beat(0, self.runner)

    def restart(self) -> None:
        """The orchestrator is killed, and another one takes its place."""
        self.simulation.orchestrators[0] = self.simulation._boot()

    def leases(self) -> dict[str, Lease]:
        """What the runner holds, by the names of tasks."""
        return {lease.task.spec.name: lease for lease in self.runner.holding.values()}

    async def start(self, name: str) -> Lease:
        lease = self.leases()[name]
        await self.submit(StartAttempt(lease.task.task_id, lease.epoch))
        return lease

    async def report(self, name: str, outcome: Outcome) -> None:
        lease = await self.start(name)
        await self.submit(ReportAttempt(lease.task.task_id, lease.epoch, outcome))
        await self.go_on()

    async def events(self) -> list[AnyEvent]:
        return [decode(r) for r in await self.simulation.store.read_all(0, 100_000)]

    async def types(self) -> list[str]:
        return [type(event).__name__ for event in await self.events()]

    async def mission(self) -> Active:
        process = self.simulation.orchestrators[0]
        loaded = await process.submit._aggregates.load(f"mission-{self.id}", fresh=True)
        state = loaded.state
        assert isinstance(state, Active)
        return state

    async def purse(self) -> Purse:
        purse = (await self.mission()).purse
        assert purse is not None
        return purse
