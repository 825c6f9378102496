"""A whole hive in one thread, from one seed.

Deciders, policy, board, scheduler and handlers as they ship, over the store's twin and a virtual
clock, with runners that are made up.

Any call to the store or the desk may crash its process before or after it took effect, or leave it
in doubt; replicas freeze and wake up late; runners crash, fall silent, repeat themselves and report
late. Afterwards the faults end, the hive runs until nothing moves, and `judge` says what must hold.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar

from msgspec.structs import replace

from hive_contracts.ids import uuid7
from hive_contracts.mission import CancelMission, ExtendMission, LaunchMission
from hive_contracts.orders import Beat, Canary, Holding, Lease
from hive_contracts.plan import (
    ApprovalGate,
    ArtifactRef,
    Baseline,
    Commanded,
    CommandGate,
    Failure,
    FailureKind,
    ForEach,
    GateResult,
    GatesRun,
    Globbed,
    Item,
    ItemsListed,
    Listed,
    MergeDone,
    Outcome,
    Phase,
    Plan,
    Repository,
    Retry,
    TaskSpec,
    Tip,
    WorkDone,
)
from hive_contracts.submit import Accepted, Answer, Refused, Submission, Submittable
from hive_contracts.task import ApproveGate, LoseLease, RejectGate, ReportAttempt, StartAttempt
from hive_orchestrator.active import FENCE, Active, Pace
from hive_orchestrator.aggregates import Aggregates
from hive_orchestrator.board import Changes
from hive_orchestrator.deciders import mission_state, task_state
from hive_orchestrator.desk import Superseded
from hive_orchestrator.desk_memory import MemoryDesk
from hive_orchestrator.handlers.beats import Beats
from hive_orchestrator.handlers.commands import Commands
from hive_orchestrator.handlers.submit import Submit
from hive_shared.eventstore.errors import Fenced, StoreUnavailable
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, Appended, Fence

TTL: Final = 15.0
PACE: Final = Pace(fence=5, session_ttl=TTL)


T = TypeVar("T")


class Crash(Exception):
    """The process that was at work is gone."""


class VirtualClock:
    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)

    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.ms)


class Faults:
    """Whether the next call fails, and how."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.rate = 0.0

    async def around(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call, or a crash or a doubt before or after it took effect."""
        if self._chance.random() >= self.rate:
            return await call()
        error = self._chance.choice([Crash, StoreUnavailable])
        if self._chance.random() < 0.5:
            await call()
        raise error("simulated")


class FaultyStore(MemoryEventStore):
    def __init__(self, clock: VirtualClock, faults: Faults) -> None:
        super().__init__(clock)
        self._faults = faults

    async def append(self, append: Append) -> Appended:
        return await self._faults.around(lambda: super(FaultyStore, self).append(append))


class FaultyDesk(MemoryDesk):
    def __init__(self, clock: VirtualClock, faults: Faults) -> None:
        super().__init__(clock.now)
        self._faults = faults

    async def keep(self, before: int, after: int, changes: Changes) -> None:
        await self._faults.around(lambda: super(FaultyDesk, self).keep(before, after, changes))


@dataclass
class Orchestrator:
    """One process: what it remembers is lost when it crashes."""

    commands: Commands
    submit: Submit
    beats: Beats
    active: Active | None = None
    fence: Fence | None = None


@dataclass
class Runner:
    """Made up: what it was leased, what it wants to say, and what it said."""

    id: str
    session: str
    holding: dict[tuple[str, int], Lease] = field(default_factory=dict)
    started: set[tuple[str, int]] = field(default_factory=set)
    reported: set[tuple[str, int]] = field(default_factory=set)
    spool: list[Submission] = field(default_factory=list)


class Simulation:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = VirtualClock()
        self.faults = Faults(self.chance)
        self.store = FaultyStore(self.clock, self.faults)
        self.desk = FaultyDesk(self.clock, self.faults)
        self.orchestrators = [self._boot(), self._boot()]
        self.runners = [Runner(self.new_id(), self.new_id()) for _ in range(2)]
        self.people: list[Submission] = []
        """What people asked for and were not answered yet."""
        self.launched: list[str] = []
        self.trouble_free = False

    # --- processes --------------------------------------------------------------------------------

    def new_id(self) -> str:
        self.clock.ms += 1
        return uuid7(self.clock.ms, self.chance.randbytes(10))

    def _boot(self) -> Orchestrator:
        aggregates = Aggregates(self.store)
        commands = Commands(self.store, aggregates, self.new_id, lambda: self.chance.uniform(-1, 1))
        return Orchestrator(
            commands,
            Submit(commands, aggregates, self.desk, self.new_id),
            Beats(commands, aggregates, self.desk, self.new_id, beat_seconds=2),
        )

    async def _guarded(self, index: int, call: Callable[[Orchestrator], Awaitable[T]]) -> T | None:
        """A call of an orchestrator; where it crashes, another process takes its place."""
        try:
            return await call(self.orchestrators[index])
        except* Crash:
            self.orchestrators[index] = self._boot()
        except* (StoreUnavailable, Superseded, Fenced):
            self.orchestrators[index].active = None
        return None

    async def turn(self, index: int) -> bool:
        """What Replica does in one round."""

        async def once(process: Orchestrator) -> bool:
            if process.active is None:
                fence = await self.store.take_fence(FENCE, f"replica-{index}", 5000)
                if fence is None:
                    return False
                process.fence = fence
                process.active = Active(
                    self.store, self.desk, process.commands, self.new_id, _tell_nobody, PACE, fence
                )
                await process.active.load()
            return await process.active.turn()

        return bool(await self._guarded(index, once))

    async def watch(self, index: int) -> None:
        async def once(process: Orchestrator) -> None:
            if process.active is not None:
                await process.active.watch()

        await self._guarded(index, once)

    # --- people -----------------------------------------------------------------------------------

    def ask(self, command: Submittable) -> None:
        self.people.append(Submission(self.new_id(), "ann", command))

    async def send(self, index: int, submissions: list[Submission]) -> list[Answer]:
        async def once(process: Orchestrator) -> list[Answer]:
            return await process.submit(submissions)

        return await self._guarded(index, once) or [
            Refused("unavailable", "no answer") for _ in submissions
        ]

    async def deliver(self, index: int) -> None:
        """Send what people ask for; sometimes all of it twice. Unanswered is asked again later."""
        asked = list(self.people)
        if not asked:
            return
        if self.chance.random() < 0.2:
            await self.send(index, asked)
        answers = await self.send(index, asked)
        for submission, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Refused) and answer.code == "unavailable":
                continue
            self.people.remove(submission)
            if isinstance(answer, Accepted) and isinstance(submission.command, LaunchMission):
                self.launched.append(answer.id)

    async def judge_approvals(self, index: int) -> None:
        """A person answers one of the gates that wait."""
        for recorded in reversed(await self.store.read_all(0, 100_000)):
            if recorded.type != "ApprovalRequested":
                continue
            id = recorded.stream.removeprefix("task-")
            state = (await Aggregates(self.store).load(recorded.stream)).state
            if isinstance(state, task_state.AwaitingApproval) and state.pending:
                refuse = not self.trouble_free and self.chance.random() < 0.2
                kind = RejectGate if refuse else ApproveGate
                self.ask(kind(id, state.pending[0], "ann"))
                if not self.trouble_free:
                    return
        await self.deliver(index)

    # --- runners ----------------------------------------------------------------------------------

    async def beat(self, index: int, runner: Runner) -> None:
        """Reports first, then the beat, then what the orders say."""
        await self.report(index, runner)
        holding = [
            Holding(task, epoch, "reported" if (task, epoch) in runner.reported else "running")
            for task, epoch in runner.holding
        ]
        beat = Beat(runner.id, runner.session, "sim", 3, ("bot",), holding=tuple(holding))

        async def once(process: Orchestrator) -> Any:
            return await process.beats(beat)

        orders = await self._guarded(index, once)
        if orders is None:
            return
        kept = {(held.task_id, held.epoch) for held in orders.keep}
        runner.holding = {key: lease for key, lease in runner.holding.items() if key in kept}
        for lease in orders.leases:
            key = (lease.task.task_id, lease.epoch)
            if key not in runner.reported:
                runner.holding[key] = lease

    def work(self, runner: Runner) -> None:
        """Some of what it holds moves on."""
        for key, lease in list(runner.holding.items()):
            if not self.trouble_free and self.chance.random() < 0.4:
                continue
            task, epoch = key
            if key in runner.reported:
                continue
            if key not in runner.started:
                runner.started.add(key)
                if not self.trouble_free and self.chance.random() < 0.05:
                    self._spool(runner, LoseLease(task, epoch, "declined"))
                    runner.reported.add(key)
                    continue
                self._spool(runner, StartAttempt(task, epoch))
            else:
                runner.reported.add(key)
                self._spool(runner, ReportAttempt(task, epoch, self._outcome(lease)))

    def _spool(self, runner: Runner, command: Submittable) -> None:
        runner.spool.append(Submission(self.new_id(), runner.id, command))

    async def report(self, index: int, runner: Runner) -> None:
        spooled = list(runner.spool)
        if not spooled:
            return
        for submission, answer in zip(spooled, await self.send(index, spooled), strict=True):
            if isinstance(answer, Refused) and answer.code == "unavailable":
                break
            if self.trouble_free or self.chance.random() < 0.9:  # else the receipt is lost
                runner.spool.remove(submission)

    def crash_runner(self, runner: Runner) -> None:
        """Its spool is on disk; what it was doing is gone."""
        runner.session = self.new_id()
        runner.holding.clear()

    def _outcome(self, lease: Lease) -> Outcome:
        if not self.trouble_free and self.chance.random() < 0.35:
            kinds: list[FailureKind] = ["agent", "no-change", "timeout", "infrastructure", "limit"]
            if lease.step == "merge":
                kinds = ["conflict", "infrastructure"]
            elif self.chance.random() < 0.05:
                kinds = ["permanent"]
            return Failure(self.chance.choice(kinds), "simulated")
        return _done(lease, self.chance, self.trouble_free)

    # --- the whole --------------------------------------------------------------------------------

    async def run(self, steps: int = 120) -> None:
        for number in range(self.chance.randint(1, 3)):
            self.ask(LaunchMission("", plan=random_plan(self.chance, number)))
        self.faults.rate = self.chance.choice([0.0, 0.02, 0.1, 0.25])
        for _ in range(steps):
            await self._step()
        await self._settle()

    async def _step(self) -> None:
        index = self.chance.randrange(2)
        runner = self.chance.choice(self.runners)
        match self.chance.choices(
            ["turn", "beat", "work", "watch", "clock", "deliver", "approve", "cancel", "extend",
             "crash", "freeze", "runner", "canary"],
            [30, 20, 20, 5, 8, 8, 4, 0.3, 0.5, 1, 2, 1, 8],
        )[0]:  # fmt: skip
            case "turn":
                await self.turn(index)
            case "beat":
                await self.beat(index, runner)
            case "work":
                self.work(runner)
            case "watch":
                await self.watch(index)
            case "clock":
                self.clock.ms += self.chance.choice([100, 1000, 4000, 6000, 20_000])
            case "deliver":
                await self.deliver(index)
            case "approve":
                await self.judge_approvals(index)
            case "cancel" if self.launched:
                self.ask(CancelMission(self.chance.choice(self.launched), "changed my mind"))
            case "extend" if self.launched:
                more = Phase("more", tasks=(TaskSpec("extra", run="true"),))
                self.ask(ExtendMission(self.chance.choice(self.launched), (more,)))
            case "crash":
                self.orchestrators[index] = self._boot()
            case "freeze":  # the other one takes over; this one wakes up later and must be refused
                self.clock.ms += 6000
                await self.turn(1 - index)
            case "runner":
                self.crash_runner(runner)
            case "canary":
                await self.orchestrators[index].beats(Canary("gateway"))

    async def _settle(self) -> None:
        """No more faults: what is left must come to its end."""
        self.faults.rate = 0.0
        self.trouble_free = True
        quiet = 0
        for _ in range(600):
            before = (await self.store.head()).position
            for index in (0, 1):
                await self.deliver(index)
                await self.judge_approvals(index)
                for runner in self.runners:
                    self.work(runner)
                    await self.beat(index, runner)
                while await self.turn(index):
                    pass
                await self.watch(index)
            await self.orchestrators[0].beats(Canary("gateway"))
            self.clock.ms += 2000
            quiet = quiet + 1 if (await self.store.head()).position == before else 0
            if quiet > 60 and not await self._give_up_waiting():
                return
        raise AssertionError("the hive does not come to rest")

    async def _give_up_waiting(self) -> bool:
        """Cancel missions that wait for a success that will not come; whether there was any."""
        waiting = []
        for id in self.launched:
            state = (await Aggregates(self.store).load(f"mission-{id}")).state
            if isinstance(state, mission_state.Active) and state.unmet:
                waiting.append(id)
        for id in waiting:
            self.ask(CancelMission(id, "its prerequisite failed"))
        return bool(waiting)


async def _tell_nobody(_: str) -> None:
    return None


def random_plan(chance: random.Random, number: int) -> Plan:
    """A plan of one to three phases, with all that plans can hold."""
    with_repository = chance.random() < 0.8
    phases = tuple(_random_phase(chance, index) for index in range(chance.randint(1, 3)))
    criteria: list[CommandGate | ApprovalGate] = []
    if with_repository and chance.random() < 0.6:
        compare: Literal["", "base"] = chance.choice(["", "base"])
        criteria.append(CommandGate("tests", "make test", compare=compare))
    if chance.random() < 0.3:
        criteria.append(ApprovalGate("good", "Is it good?"))
    return Plan(
        name=f"m{number}",
        phases=phases,
        repository=Repository("/repo", "a" * 40) if with_repository else None,
        prerequisites=(f"m{number - 1}",) if number and chance.random() < 0.4 else (),
        approvals=(ApprovalGate("start", "Shall it start?"),) if chance.random() < 0.2 else (),
        criteria=tuple(criteria),
    )


def _random_phase(chance: random.Random, index: int) -> Phase:
    needs = tuple(f"p{i}" for i in range(index) if chance.random() < 0.5)
    gates = tuple(
        gate
        for gate in (CommandGate("lint", "lint"), ApprovalGate("ok", "ok?"))
        if chance.random() < 0.25
    )
    retry = Retry(attempts=chance.randint(1, 4))
    agent = chance.choice(["", "bot"])
    work: dict[str, Any] = (
        {"prompt": "do ${item}", "agent": agent} if agent else {"run": "do ${item}"}
    )
    if chance.random() < 0.4:
        items = tuple(Item(f"item {n}") for n in range(chance.randint(1, 5)))
        sources: list[Listed | Globbed | Commanded] = [
            Listed(items),
            Globbed(("src/*/",)),
            Commanded("./list"),
        ]
        paths = chance.choice([(), ("${item}/**",), ("shared/**",)])
        template = TaskSpec("each", gates=gates, retry=retry, paths=paths, **work)
        each = ForEach(chance.choice(sources), template, min=0)
        canary = chance.choice([0, 0, 1, 2])
        return _set_up(chance, Phase(f"p{index}", needs, for_each=each, canary=canary))
    work = {key: value.replace("${item}", "it") for key, value in work.items()}
    specs = tuple(
        TaskSpec(
            f"t{n}",
            needs=(f"t{n - 1}",) if n and chance.random() < 0.4 else (),
            gates=gates,
            retry=retry,
            paths=chance.choice([(), (), (f"lib{n % 2}/**",), ("lib0/x", "docs")]),
            **work,
        )
        for n in range(chance.randint(1, 4))
    )
    return _set_up(chance, Phase(f"p{index}", needs, tasks=specs))


def _set_up(chance: random.Random, phase: Phase) -> Phase:
    """Now and then it goes on without what failed, or it reviews what it needs."""
    if chance.random() < 0.4:
        phase = replace(phase, on_failure="continue")
    if not phase.needs or chance.random() < 0.5 or phase.for_each is not None:
        return phase
    reviews = tuple(replace(spec, review=True) for spec in phase.tasks)
    to, rounds = chance.choice(phase.needs), chance.randint(1, 2)
    return replace(phase, tasks=reviews, sends_back_to=to, rounds=rounds)


def _done(lease: Lease, chance: random.Random, trouble_free: bool) -> Outcome:
    task = lease.task
    match lease.step:
        case "work":
            wrong = task.spec.review and not trouble_free and chance.random() < 0.5
            defects = "it is wrong" if wrong else ""
            if task.repository is None or chance.random() < 0.1:
                return WorkDone(no_change="nothing to do", defects=defects)
            commit = _commit("work", task.task_id, lease.epoch)
            done = WorkDone(commit, ArtifactRef("b" * 64, 1), defects=defects)
            if chance.random() < 0.1:
                done = replace(done, protected=(".github/ci.yml",), protected_files=1)
            return done
        case "gates":
            green = trouble_free or chance.random() < 0.7
            known = {baseline.gate: baseline for baseline in task.baselines}
            results = [
                _judged(gate, green, known.get(gate.definition), chance)
                for gate in task.spec.gates
                if isinstance(gate, CommandGate)
            ]
            return GatesRun(lease.result.commit if lease.result else "", tuple(results))
        case "merge":
            assert task.tip is not None and task.merge is not None
            new = _commit("merge", task.tip.commit, task.merge.commit)
            return MergeDone(task.tip.commit, Tip(new, "c" * 64))
        case "expand":
            return ItemsListed(tuple(Item(f"found {n}") for n in range(chance.randint(0, 4))))


def _judged(
    gate: CommandGate, green: bool, known: Baseline | None, chance: random.Random
) -> GateResult:
    if not gate.compare:
        return GateResult(gate.name, green)
    flaky = (f"test {chance.randint(1, 9)}",) if chance.random() < 0.2 else ()
    baseline = known or Baseline(gate.definition, chance.randint(0, 1))
    return GateResult(gate.name, green, flaky=flaky, baseline=baseline)


def _commit(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()


def simulate(seed: int, steps: int = 120) -> Simulation:
    simulation = Simulation(seed)
    asyncio.run(simulation.run(steps))
    return simulation
