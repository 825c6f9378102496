"""A mission of three tasks on the test GitHub, each with a pull request of its own."""

import hashlib
from collections.abc import Sequence

from hive_contracts.github.pull_request import RoundAsked
from hive_contracts.mission import (
    BranchAdvanced,
    MissionLaunched,
    MissionRevised,
    MissionSucceeded,
    PhaseDefined,
    PlannedTask,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import AgentRun, GateResult, WorkDone
from hive_contracts.plan import Phase, PullRequestWish, Repository, TaskSpec, Tip
from hive_contracts.task import AttemptSucceeded, GatesJudged, TaskPlanned, TaskSucceeded
from hive_shared.eventstore.port import EventStore
from tests.suites.on_github import MISSION, USAGE, Checkout, Story, append

SPECS = (
    TaskSpec("limiter", prompt="Build the limiter."),
    TaskSpec("wiring", prompt="Wire it in.", needs=("limiter",)),
    TaskSpec("docs", prompt="Write of it."),
)
PER_TASK = PullRequestWish("acme/shop", per="task")


def task_id(name: str) -> str:
    return "0192f0c0" + hashlib.sha256(name.encode()).hexdigest()[:24]


class Tasks(Story):
    """`wiring` needs `limiter`, `docs` needs nothing: all of the phase `build`."""

    def __init__(
        self,
        store: EventStore,
        checkout: Checkout,
        wish: PullRequestWish | None = PER_TASK,
        specs: Sequence[TaskSpec] = SPECS,
    ) -> None:
        super().__init__(store, checkout, wish)
        self._specs = tuple(specs)

    async def launched(self) -> None:
        await append(
            self._store,
            MissionLaunched(
                MISSION, "limits-1", "limits", objective="Limits.", pull_request=self.wish,
                origin=self.origin,
                repository=Repository(
                    "https://github.com/acme/shop", self._checkout.base, "main"
                ),
            ),
            PhaseDefined(MISSION, Phase("build", tasks=self._specs)),
            TasksPlanned(
                MISSION, "build",
                tuple(PlannedTask(task_id(spec.name), spec.name, "work") for spec in self._specs),
            ),
            *(
                TaskPlanned(
                    task_id(spec.name), MISSION, "limits-1", "build", "work", spec,
                    tip=Tip(self._checkout.base),
                )
                for spec in self._specs
            ),
        )  # fmt: skip

    async def done(self, task: str, **files: str) -> Tip:
        """A task was done, judged by a gate of its own, and merged."""
        old, id = self._checkout.tip.commit, task_id(task)
        tip = self._checkout.commit(f"build/{task}", **files)
        work = WorkDone(
            tip.commit, files=len(files), insertions=3, agent=AgentRun("claude", usage=USAGE)
        )
        result = GateResult("lint", passed=True, exit_code=0, commit=tip.commit)
        await append(
            self._store,
            AttemptSucceeded(id, 1, work),
            GatesJudged(id, 1, tip.commit, (result,)),
            TaskSucceeded(id, MISSION, 1, work),
            TaskSettled(MISSION, id, "succeeded", 1, work),
            BranchAdvanced(MISSION, old, tip, id, 1),
        )
        return tip

    async def revised(self, round: RoundAsked, said: str = "Mended.", **files: str) -> Tip:
        """The mission went on with what came back of one of them."""
        phase, id = f"revision-{round.round}", task_id(f"revision {round.round}")
        name = "base" if round.merge else round.part.partition("/")[2]
        await append(
            self._store,
            MissionRevised(
                MISSION, round.round, phase, round.part, round.title, merge=round.merge
            ),
            TasksPlanned(MISSION, phase, (PlannedTask(id, name, "work"),)),
        )  # fmt: skip
        old = self._checkout.tip.commit
        if round.merge is not None:
            tip = self._checkout.merge(round.merge, **files)
        else:
            tip = self._checkout.commit(f"{phase}/{name}", **files)
        done = WorkDone(
            tip.commit, files=1, insertions=2, agent=AgentRun("claude", said=said, usage=USAGE)
        )
        await append(
            self._store,
            AttemptSucceeded(id, 1, done),
            TaskSettled(MISSION, id, "succeeded", 1, done),
            BranchAdvanced(MISSION, old, tip, id, 1),
            MissionSucceeded(MISSION, "limits", tip),
        )
        return tip
