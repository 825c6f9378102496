"""A whole hive in one thread, from one seed.

Deciders, policy, board, scheduler and handlers as they ship, over the store's twin and a virtual
clock, with runners that are made up.

Any call to the store or the desk may crash its process before or after it took effect, or leave it
in doubt; replicas freeze and wake up late; runners crash, fall silent, repeat themselves and report
late. Afterwards the faults end, the hive runs until nothing moves, and `judge` says what must hold.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from hive_contracts.budget import AttemptCap, Budget
from hive_contracts.codec import decode, encode
from hive_contracts.dialogue import Question
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.github.pull_request import RoundAsked
from hive_contracts.ids import uuid7
from hive_contracts.mission import (
    CancelMission,
    ExtendMission,
    LaunchMission,
    PauseMission,
    RaiseBudget,
    RecordLanding,
    ReleaseMission,
    ResumeMission,
)
from hive_contracts.orders import Beat, Canary, Holding, Lease
from hive_contracts.outcome import (
    AgentRun,
    Asked,
    Failure,
    FailureKind,
    HandedOver,
    Outcome,
    Usage,
    WorkDone,
)
from hive_contracts.plan import (
    ArtifactRef,
    MergeOf,
    Phase,
    TaskSpec,
)
from hive_contracts.submit import Accepted, Answer, Refused, Submission, Submittable
from hive_contracts.task import (
    AnswerQuestion,
    ApproveGate,
    AskQuestion,
    GiveTask,
    LoseLease,
    RejectGate,
    ReportAttempt,
    ReportUsage,
    StartAttempt,
    TakeTask,
)
from hive_orchestrator.active import FENCE, Active, Pace
from hive_orchestrator.aggregates import EVOLVE, Aggregates
from hive_orchestrator.deciders import mission_state, task_state
from hive_orchestrator.desk import Superseded
from hive_orchestrator.handlers.beats import Beats
from hive_orchestrator.handlers.commands import Commands
from hive_orchestrator.handlers.submit import Submit
from hive_orchestrator.measured import Scheduling
from hive_shared.eventstore.errors import Fenced, StoreUnavailable
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, Fence, StreamVersion
from hive_shared.restraints import Restraining
from tests.suites.simulator.clock import VirtualClock
from tests.suites.simulator.faults import Crash, Faults, FaultyDesk, FaultyStore
from tests.suites.simulator.outcomes import commit_of, done
from tests.suites.simulator.plans import random_plan

TTL: Final = 15.0
PACE: Final = Pace(fence=5, session_ttl=TTL)
EXCLUSIVE_MS: Final = int(TTL * 750)
"""How long a runner goes on with an exclusive attempt after the last beat whose orders named it."""


T = TypeVar("T")


@dataclass
class Orchestrator:
    """One process: what it remembers is lost when it crashes."""

    restraining: Restraining
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
    until: dict[tuple[str, int], int] = field(default_factory=dict)
    """When an attempt is ended if it is exclusive and the hive is not heard, in ms."""

    def is_at(self, task_id: str, but: int, now: int) -> bool:
        """Whether another attempt at a task is physically at work here."""
        return any(
            task == task_id and epoch != but and now < self.until[task, epoch]
            for task, epoch in self.holding
            if (task, epoch) not in self.reported
        )


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
        self.rounds: dict[str, int] = {}
        """By mission: what has come back of its pull request."""
        self._states: dict[str, Any] = {}
        self._read = 0
        self.trouble_free = False
        self.seen = Aggregates(self.store)
        """What people and judges see."""

    # --- processes --------------------------------------------------------------------------------

    def new_id(self) -> str:
        self.clock.ms += 1
        return uuid7(self.clock.ms, self.chance.randbytes(10))

    def _boot(self) -> Orchestrator:
        aggregates = Aggregates(self.store)
        restraining = Restraining(self.store, self.clock)
        commands = Commands(
            self.store, aggregates, self.new_id, lambda: self.chance.uniform(-1, 1), restraining
        )
        return Orchestrator(
            restraining,
            commands,
            Submit(commands, aggregates, self.desk, self.new_id),
            Beats(commands, aggregates, self.desk, self.new_id, beat_seconds=2, session_ttl=TTL),
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
                    self.store,
                    self.desk,
                    process.commands,
                    self.new_id,
                    _tell_nobody,
                    PACE,
                    fence,
                    self.clock,
                    Scheduling(self.clock.monotonic),
                    process.restraining,
                )
                await process.active.load()
            elif self.trouble_free:
                await self.store.take_fence(
                    FENCE, f"replica-{index}", 5000
                )  # kept, as Replica does
            return bool(await process.active.turn())

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
        """A person answers one of the gates, or agents, that wait."""
        for recorded in reversed(await self.store.read_all(0, 100_000)):
            if recorded.type not in ("ApprovalRequested", "QuestionAsked"):
                continue
            id = recorded.stream.removeprefix("task-")
            state = (await self.seen.load(recorded.stream, fresh=True)).state
            if isinstance(state, task_state.AwaitingApproval) and state.pending:
                refuse = not self.trouble_free and self.chance.random() < 0.2
                kind = RejectGate if refuse else ApproveGate
                self.ask(kind(id, state.pending[0], "ann"))
                if not self.trouble_free:
                    return
            elif isinstance(state, task_state.Running | task_state.AwaitingAnswer) and (
                asked := state.facts.pending
            ):
                self.ask(AnswerQuestion(id, "allow", "ann", asked.id))
                if not self.trouble_free:
                    return
        await self.deliver(index)

    async def take_over(self) -> None:
        """A person takes one of the tasks that are open, or tries to."""
        states = await self._tasks()
        ids = [
            id
            for id, state in states.items()
            if not isinstance(state, task_state.Ended)
            and (state.facts.planned.kind == "work" or self.chance.random() < 0.1)
        ]
        if ids:
            self.ask(TakeTask(self.chance.choice(ids), self.chance.choice(["ann", "bob"])))

    async def give_back(self) -> None:
        """Whoever has a task gives it back, or tries to; in the end all of them do."""
        for id, state in (await self._tasks()).items():
            if not isinstance(state, task_state.Taken):
                continue
            if not self.trouble_free and self.chance.random() < 0.6:
                continue
            by = self.chance.choice([state.by, state.by, "ann"])
            epoch = self.chance.choice([0, state.facts.minted, state.facts.minted, 1])
            if self.trouble_free:
                by, epoch = state.by, 0
            commit = commit_of("by hand", id, state.facts.minted)
            work = {"commit": commit, "bundle": ArtifactRef("d" * 64, 1)}
            given: list[dict[str, Any]] = [
                {}, {"drop": True}, work, work | {"done": True}, work | {"force": True}
            ]  # fmt: skip
            self.ask(GiveTask(id, by, epoch, **self.chance.choice(given)))

    async def come_back(self, id: str) -> None:
        """Something comes back of a mission's pull request: the github service records it."""
        before = self.rounds.get(id, 0)
        self.rounds[id] = before + 1
        merge = None
        if self.chance.random() < 0.3:
            merge = MergeOf("", "main", 0, commit_of("base", id, before), ArtifactRef("f" * 64, 1))
        task = self.chance.choice(["", "p0/t0", "p1/t0-r2", "revision-1/t0", "p9/t9"])
        asked = RoundAsked(
            id, before + 1, "base" if merge else "checks", f"checks {before}", "a" * 40,
            "ci/test failed", "it is red\n" * self.chance.choice([1, 4_000]), task=task,
            merge=merge,
        )  # fmt: skip
        new = NewEvent(
            self.new_id(), f"pull_request-{id}", "RoundAsked", encode(asked),
            Meta(id, "c" * 32, "github"),
        )  # fmt: skip
        expected = (StreamVersion(f"pull_request-{id}", before),)
        await MemoryEventStore.append(self.store, Append(expected, (new,)))

    async def _tasks(self) -> dict[str, Any]:
        """All tasks by their ids, as the record has them now."""
        for recorded in await self.store.read_all(self._read, 1_000_000):
            self._read = recorded.position
            category, _, id = recorded.stream.partition("-")
            if category == "task":
                before = self._states.get(id, task_state.INITIAL)
                self._states[id] = EVOLVE["task"](before, decode(recorded))
        return self._states

    # --- runners ----------------------------------------------------------------------------------

    async def beat(self, index: int, runner: Runner) -> None:
        """Reports first, then the beat, then what the orders say."""
        await self.report(index, runner)
        holding = [
            Holding(task, epoch, "reported" if (task, epoch) in runner.reported else "running")
            for task, epoch in runner.holding
        ]
        sent = self.clock.ms
        beat = Beat(runner.id, runner.session, "sim", 3, ("bot",), holding=tuple(holding))

        async def once(process: Orchestrator) -> Any:
            return await process.beats(beat)

        orders = await self._guarded(index, once)
        if orders is None:
            return
        kept = {(held.task_id, held.epoch) for held in orders.keep}
        for held in orders.hand_over:
            self._hand_over(runner, (held.task_id, held.epoch))
        taken = {(held.task_id, held.epoch) for held in orders.hand_over}
        for key in kept:
            runner.until[key] = sent + EXCLUSIVE_MS
        for key in [key for key in runner.holding if key not in kept | taken]:
            self._stopped(runner, key)
        runner.holding = {key: lease for key, lease in runner.holding.items() if key in kept}
        for lease in orders.leases:
            key = (lease.task.task_id, lease.epoch)
            if key not in runner.reported:
                runner.holding[key] = lease
                runner.until[key] = sent + EXCLUSIVE_MS
                self._see_that_it_is_alone(key, lease)

    def _stopped(self, runner: Runner, key: tuple[str, int]) -> None:
        """The hive wants an attempt no more; what it used is told, unless nobody knows."""
        if key in runner.started and key not in runner.reported and self.chance.random() < 0.7:
            usage = Usage(input_tokens=self.chance.randint(0, 100), unpriced=1)
            self._spool(runner, ReportUsage(*key, usage))

    def _see_that_it_is_alone(self, key: tuple[str, int], lease: Lease) -> None:
        task, epoch = key
        others = [one for one in self.runners if one.is_at(task, epoch, self.clock.ms)]
        assert not (lease.task.spec.exclusive and others), f"two attempts at work: {task}/{epoch}"

    def work(self, runner: Runner) -> None:
        """Some of what it holds moves on."""
        for key, lease in list(runner.holding.items()):
            if not self.trouble_free and self.chance.random() < 0.4:
                continue
            task, epoch = key
            if key in runner.reported:
                continue
            if lease.task.spec.exclusive and self.clock.ms >= runner.until[key]:
                runner.reported.add(key)
                ended = Failure("infrastructure", "the hive was not heard")
                self._spool(runner, ReportAttempt(task, epoch, ended))
                continue
            if key not in runner.started:
                runner.started.add(key)
                if not self.trouble_free and self.chance.random() < 0.05:
                    self._spool(runner, LoseLease(task, epoch, "declined"))
                    runner.reported.add(key)
                    continue
                self._spool(runner, StartAttempt(task, epoch))
            elif lease.step == "work" and not self.trouble_free and self.chance.random() < 0.1:
                question = Question("May I?", ("allow", "deny"))
                self._spool(runner, AskQuestion(task, epoch, f"{epoch}-1", question))
            else:
                runner.reported.add(key)
                self._spool(runner, ReportAttempt(task, epoch, self._outcome(lease)))

    def _hand_over(self, runner: Runner, key: tuple[str, int]) -> None:
        """As far as it has begun; what is reported already is on its way."""
        if key in runner.reported or (not self.trouble_free and self.chance.random() < 0.3):
            return
        runner.reported.add(key)
        if key not in runner.started or self.chance.random() < 0.2:
            self._spool(runner, LoseLease(*key, "it had not begun"))
            return
        left = HandedOver(commit_of("left", *key), ArtifactRef("e" * 64, 1))
        self._spool(runner, ReportAttempt(*key, left))

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
        outcome = self._by_chance(lease)
        if lease.step != "work" or not lease.task.spec.agent:
            return outcome
        usage = self._used(lease.cap)
        if lease.cap is not None and usage is not None and usage.input_tokens > 100:
            outcome = Failure("budget", "simulated")
        agent = AgentRun("bot", usage=usage)
        if isinstance(outcome, Asked):
            return replace(outcome, work=replace(outcome.work, agent=agent))
        assert isinstance(outcome, WorkDone | Failure)
        return replace(outcome, agent=agent)

    def _used(self, cap: AttemptCap | None) -> Usage | None:
        """Sometimes more than it may, sometimes nobody knows."""
        if self.chance.random() < 0.1:
            return None
        tokens = self.chance.randint(0, 100)
        if cap is not None and not self.trouble_free and self.chance.random() < 0.2:
            tokens = cap.tokens + 101
        cost = self.chance.choice([0.0, 0.1, cap.usd if cap else 0.0])
        return Usage(tokens, billed_usd=cost, unpriced=0 if cost else 1)

    def _by_chance(self, lease: Lease) -> Outcome:
        if not self.trouble_free and self.chance.random() < 0.35:
            kinds: list[FailureKind] = ["agent", "no-change", "timeout", "infrastructure", "limit"]
            if lease.step == "merge":
                kinds = ["conflict", "infrastructure"]
            elif self.chance.random() < 0.05:
                kinds = ["permanent"]
            kind = self.chance.choice(kinds)
            how = "status 1" if kind == "infrastructure" else ""
            return Failure(kind, "simulated", set_up=how)
        return done(lease, self.chance, self.trouble_free)

    # --- the whole --------------------------------------------------------------------------------

    async def run(self, steps: int = 120) -> None:
        for number in range(self.chance.randint(1, 3)):
            self.ask(LaunchMission("", plan=random_plan(self.chance, number)))
        self.faults.rate = self.chance.choice([0.0, 0.02, 0.1, 0.25])
        for _ in range(steps):
            await self._step()
        await self._settle()
        if self.chance.random() < 0.5:
            await self._go_on(steps // 2)
        for id in self.launched:
            self.ask(RecordLanding(id, "f" * 40, "main", "ann"))
            self.ask(ReleaseMission(id, "ann", "no need"))
        await self.deliver(0)
        for index in (0, 1):
            while await self.turn(index):
                pass

    async def _go_on(self, steps: int) -> None:
        """Missions that have ended are told of what came back, and all goes wrong once more."""
        self.trouble_free = False
        self.faults.rate = self.chance.choice([0.0, 0.1])
        for id in self.launched:
            await self.come_back(id)
        for _ in range(steps):
            await self._step()
        await self._settle()

    async def _step(self) -> None:
        index = self.chance.randrange(2)
        runner = self.chance.choice(self.runners)
        match self.chance.choices(
            ["turn", "beat", "work", "watch", "clock", "deliver", "approve", "cancel", "extend",
             "crash", "freeze", "runner", "canary", "pause", "resume", "take", "give", "back"],
            [30, 20, 20, 5, 8, 8, 4, 0.3, 0.5, 1, 2, 1, 8, 1, 2, 4, 4, 0.5],
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
            case "pause" if self.launched:
                id = self.chance.choice(self.launched)
                self.ask(PauseMission(id, "ann", now=self.chance.random() < 0.5))
            case "resume" if self.launched:
                id = self.chance.choice(self.launched)
                add = self.chance.choice([None, Budget(tokens=500)])
                self.ask(ResumeMission(id, "ann", add))
            case "crash":
                self.orchestrators[index] = self._boot()
            case "freeze":  # the other one takes over; this one wakes up later and must be refused
                self.clock.ms += 6000
                await self.turn(1 - index)
            case "runner":
                self.crash_runner(runner)
            case "take":
                await self.take_over()
            case "give":
                await self.give_back()
            case "back" if self.launched:
                await self.come_back(self.chance.choice(self.launched))
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
                await self._let_go_on()
                await self.give_back()
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

    async def _let_go_on(self) -> None:
        """A person raises what is used up, and resumes what is paused."""
        for id in self.launched:
            state = (await self.seen.load(f"mission-{id}", fresh=True)).state
            if not isinstance(state, mission_state.Active) or state.paused is None:
                continue
            if state.purse is None or not state.paused.cap:
                self.ask(ResumeMission(id, "ann"))
                continue
            budget = state.purse.budget
            add = Budget(10 * budget.usd, 10 * budget.tokens, 10 * budget.wall)
            if self.chance.random() < 0.5:
                self.ask(RaiseBudget(id, add, "ann"))
            else:
                self.ask(ResumeMission(id, "ann", add))

    async def _give_up_waiting(self) -> bool:
        """Cancel missions that wait for a success that will not come; whether there was any."""
        waiting = []
        for id in self.launched:
            state = (await self.seen.load(f"mission-{id}", fresh=True)).state
            if isinstance(state, mission_state.Active) and state.unmet:
                waiting.append(id)
        for id in waiting:
            self.ask(CancelMission(id, "its prerequisite failed"))
        return bool(waiting)


async def _tell_nobody(_: str) -> None:
    return None


def simulate(seed: int, steps: int = 120) -> Simulation:
    simulation = Simulation(seed)
    asyncio.run(simulation.run(steps))
    return simulation
