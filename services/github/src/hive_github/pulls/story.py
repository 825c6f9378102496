"""What a mission's record says, as its pull request tells it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    BranchAdvanced,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionRefused,
    MissionRevised,
    MissionSucceeded,
    PhaseDefined,
    RevisionDeclined,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import AgentRun, GateResult, Usage, WorkDone
from hive_contracts.plan import Origin, Phase, PullRequestWish, Repository, Tip
from hive_contracts.task import (
    ApprovalGiven,
    AttemptFailed,
    AttemptSucceeded,
    CheckAwaited,
    GatesJudged,
    TaskPlanned,
)
from hive_github.pulls.parts import Change, Part, branch_of, parts_of

Outcome = Literal["open", "succeeded", "failed", "cancelled", "refused"]


class Work(msgspec.Struct, frozen=True):
    name: str
    attempts: int
    outcome: Literal["", "succeeded", "failed", "cancelled"]
    """Empty while it goes."""
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    part: str = ""
    """The task of the plan, as `phase/task`."""
    prompt: str = ""
    """What was asked, or run."""
    judged: "Judged | None" = None
    """Its own gates, on what was merged."""
    usage: Usage = Usage()


class Judged(msgspec.Struct, frozen=True):
    """Gates, run by the hive in a clean checkout of one commit."""

    commit: str
    results: tuple[GateResult, ...]


class Approval(msgspec.Struct, frozen=True):
    gate: str
    by: str


class Story(msgspec.Struct, frozen=True):
    mission_id: str
    name: str
    objective: str
    ask: str
    """What an agent was asked, where there is no objective."""
    repository: Repository | None
    wish: PullRequestWish | None
    outcome: Outcome
    reason: str
    tip: Tip | None
    works: tuple[Work, ...]
    judged: Judged | None
    approvals: tuple[Approval, ...]
    usage: Usage
    origin: Origin | None = None
    round: int = 0
    """The last round of its pull request that it went on with."""
    declined: dict[int, str] = {}
    """Rounds that it could not go on with, and why."""
    answer: "Answered | None" = None
    """What its last round came to."""
    changes: tuple[Change, ...] = ()
    """Of the tip, in their order."""
    parts: tuple[Part, ...] = ()
    """Tasks that changed something."""
    part: str = ""
    """Where it is told of one task alone: that one, as `phase/task`."""
    closes: bool = True
    """Whether its issue is done with it."""
    has_succeeded: bool = False
    """Whether it ever has, before what came back too: then it may go on."""
    awaits_github: bool = False
    """Whether its own gates have passed on the tip, and checks on GitHub are to judge it."""

    @property
    def branch(self) -> str:
        return branch_of(self.name, self.part)

    @property
    def newest(self) -> str:
        """The tip up to which the branch on GitHub has to have what belongs into it."""
        if self.part:
            return self.changes[-1].new.commit if self.changes else ""
        return self.tip.commit if self.tip is not None else ""

    @property
    def needs(self) -> tuple[str, ...]:
        """What the task that it is told of is based on."""
        return next((part.needs for part in self.parts if part.name == self.part), ())


class Answered(msgspec.Struct, frozen=True):
    """What an agent made of what came back, in its own words where it said any."""

    words: str = ""
    no_change: str = ""
    files: int = 0
    insertions: int = 0
    deletions: int = 0


def work_tasks(mission: Iterable[AnyEvent]) -> list[str]:
    """The ids of the tasks whose streams the story is told from."""
    return [
        task.task_id
        for event in mission
        if isinstance(event, TasksPlanned)
        for task in event.tasks
        if task.kind in ("work", "gate")
    ]


def tell(mission: Sequence[AnyEvent], tasks: Mapping[str, Sequence[AnyEvent]]) -> Story | None:
    """`mission` are the events of its stream, `tasks` those of its tasks by id.

    None where no launch is recorded.
    """
    launched = mission[0] if mission else None
    if not isinstance(launched, MissionLaunched):
        return None
    outcome: Outcome = "open"
    reason, ask, tip = "", "", None
    round, declined, revision = 0, {}, ""
    answer: Answered | None = None
    has_succeeded = False
    settled: dict[str, TaskSettled] = {}
    changes: list[Change] = []
    phases: list[Phase] = []
    known_as: dict[str, tuple[str, str]] = {}
    rounds: dict[str, MissionRevised] = {}
    planned: dict[str, tuple[str, str]] = {}
    phase_of: dict[str, str] = {}
    for event in mission:
        match event:
            case PhaseDefined(phase=phase):
                phases.append(phase)
                prompts = [task.prompt or task.run for task in phase.tasks]
                ask = ask or next(filter(None, prompts), "")
            case TasksPlanned(phase=phase_name):
                for task in event.tasks:
                    phase_of[task.task_id] = phase_name
                    if task.kind == "work":
                        known_as[task.task_id] = (phase_name, task.again or task.name)
                    if task.kind in ("work", "gate"):
                        planned[task.task_id] = (task.kind, _name(phase_name, task.name))
            case BranchAdvanced(old=old, new=new, task_id=id):
                tip = new
                changes.append(_change(old, new, known_as.get(id, ("", "")), rounds))
            case TaskSettled(task_id=id, result=result):
                settled[id] = event
                if isinstance(result, WorkDone) and phase_of.get(id) == revision != "":
                    answer = _answered(result)
            case MissionRevised(round=round, phase=revision):
                outcome, reason, answer = "open", "", None
                rounds[revision] = event
            case RevisionDeclined(round=number, reason=why):
                declined[number] = why
            case MissionSucceeded():
                outcome, has_succeeded = "succeeded", True
            case MissionFailed(reason=reason):
                outcome = "failed"
            case MissionRefused(reason=reason):
                outcome = "refused"
            case MissionCancelled(reason=reason):
                outcome = "cancelled"
    works = tuple(
        _work(
            name,
            tasks.get(id, ()),
            settled.get(id),
            _change("", Tip(""), known_as[id], rounds).part,
        )
        for id, (kind, name) in planned.items()
        if kind == "work"
    )
    return Story(
        launched.mission_id,
        launched.name,
        launched.objective,
        ask,
        launched.repository,
        launched.pull_request,
        outcome,
        reason,
        tip,
        works,
        _judged(planned, tasks, tip),
        tuple(_approvals(tasks)),
        _usage(tasks.values()),
        launched.origin,
        round,
        declined,
        answer,
        tuple(changes),
        parts_of(changes, phases, _by_phase(known_as.values())),
        has_succeeded=has_succeeded,
        awaits_github=any(
            isinstance(event, CheckAwaited) and tip is not None and event.commit == tip.commit
            for events in tasks.values()
            for event in events
        ),
    )


def of_part(story: Story, part: str, part_of_round: Mapping[int, str]) -> Story:
    """The same of one task alone, with what came back of its pull request.

    `part_of_round`: whose pull request each round came back of.
    """
    changes = tuple(
        each
        for each in story.changes
        if (part_of_round.get(each.round) if each.round else each.part) == part
    )
    works = tuple(work for work in story.works if work.part == part)
    usage = Usage()
    for work in works:
        usage = usage.plus(work.usage)
    return msgspec.structs.replace(
        story, part=part, changes=changes, works=works, usage=usage,
        ask=next((work.prompt for work in works if work.prompt), ""),
    )  # fmt: skip


def _change(
    old: str, new: Tip, known_as: tuple[str, str], rounds: Mapping[str, MissionRevised]
) -> Change:
    phase, task = known_as
    if (revised := rounds.get(phase)) is None:
        return Change(f"{phase}/{task}", old, new)
    merged = revised.merge.commit if revised.merge else ""
    return Change(revised.revises, old, new, revised.round, merged)


def _by_phase(known_as: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for phase, task in known_as:
        found.setdefault(phase, []).append(task)
    return found


def _answered(done: WorkDone) -> Answered:
    words = done.agent.said if done.agent is not None else ""
    return Answered(words, done.no_change, done.files, done.insertions, done.deletions)


def _name(phase: str, task: str) -> str:
    return task if phase in ("", task) else f"{phase}/{task}"


def _work(name: str, events: Sequence[AnyEvent], settled: TaskSettled | None, part: str) -> Work:
    attempts, prompt = 0, ""
    judged: Judged | None = None
    for event in events:
        # A lease for the gates begins an epoch too; only work makes attempts.
        match event:
            case TaskPlanned(spec=spec):
                prompt = spec.prompt or spec.run
            case GatesJudged(commit=commit, results=results):
                judged = Judged(commit, results)
            case AttemptSucceeded(result=WorkDone()):
                attempts += 1
            case AttemptFailed(failure=failure) if failure.kind not in ("infrastructure", "limit"):
                attempts += failure.kind != "gate"
    done = settled.result if settled is not None else None
    outcome = settled.outcome if settled is not None else ""
    work = Work(
        name, attempts, outcome, part=part, prompt=prompt, judged=judged, usage=_usage([events])
    )
    if not isinstance(done, WorkDone):
        return work
    return msgspec.structs.replace(
        work, files=done.files, insertions=done.insertions, deletions=done.deletions
    )


def _judged(
    planned: Mapping[str, tuple[str, str]],
    tasks: Mapping[str, Sequence[AnyEvent]],
    tip: Tip | None,
) -> Judged | None:
    """Of the tip alone: what passed at another commit proves nothing."""
    found: dict[str, GateResult] = {}
    for id, (kind, _) in planned.items():
        for event in tasks.get(id, ()) if kind == "gate" else ():
            if isinstance(event, GatesJudged) and tip is not None and event.commit == tip.commit:
                by_github = event.epoch == 0
                found |= {result.name: _told(result, by_github) for result in event.results}
    return Judged(tip.commit, tuple(found.values())) if tip is not None and found else None


def _told(result: GateResult, by_github: bool) -> GateResult:
    """What the hive did not run says who ran it."""
    if not by_github or result.reason:
        return result
    return msgspec.structs.replace(result, reason=f"GitHub's check {result.command}")


def _approvals(tasks: Mapping[str, Sequence[AnyEvent]]) -> Iterable[Approval]:
    for events in tasks.values():
        for event in events:
            if isinstance(event, ApprovalGiven):
                yield Approval(event.gate, event.by)


def _usage(tasks: Iterable[Sequence[AnyEvent]]) -> Usage:
    total = Usage()
    for events in tasks:
        for event in events:
            agent = _agent(event)
            if agent is not None:
                total = total.plus(agent.usage or Usage(unpriced=1))
    return total


def _agent(event: AnyEvent) -> AgentRun | None:
    match event:
        case AttemptSucceeded(result=WorkDone() as done):
            return done.agent
        case AttemptFailed(failure=failure):
            return failure.agent
    return None
