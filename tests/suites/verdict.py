"""What must hold of a hive's log once all has come to rest, whatever went wrong before."""

from collections import Counter
from collections.abc import Iterable

from hive_contracts.codec import AnyEvent, decode
from hive_contracts.envelope import Recorded
from hive_contracts.mission import (
    BranchAdvanced,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionRefused,
    MissionSucceeded,
    PhaseDefined,
    PhaseSentBack,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.pathspecs import may_meet
from hive_contracts.plan import WorkDone
from hive_contracts.task import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    RetryScheduled,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskSucceeded,
)
from hive_orchestrator.board import Board

ENDS = (MissionSucceeded, MissionFailed, MissionRefused, MissionCancelled)


def judge(log: list[Recorded]) -> None:
    """Raises AssertionError with what does not hold."""
    assert [recorded.position for recorded in log] == list(range(1, len(log) + 1))
    streams: dict[str, list[AnyEvent]] = {}
    for recorded in log:
        events = streams.setdefault(recorded.stream, [])
        assert recorded.version == len(events) + 1, f"{recorded.stream} has a hole"
        events.append(decode(recorded))
    merged = Counter(
        event.task_id
        for events in streams.values()
        for event in events
        if isinstance(event, BranchAdvanced)
    )
    assert not [id for id, times in merged.items() if times > 1], "work was merged twice"
    for stream, events in streams.items():
        if stream.startswith("mission-"):
            judge_mission(stream, events, merged)
        elif stream.startswith("task-"):
            judge_task(stream, events)
    judge_paths(streams)


def judge_mission(stream: str, events: list[AnyEvent], merged: Counter[str]) -> None:
    ends = [event for event in events if isinstance(event, ENDS)]
    assert len(ends) == 1, f"{stream} ended {len(ends)} times"
    assert events[-1] is ends[0], f"{stream} went on after its end"
    launched = events[0]
    assert isinstance(launched, MissionLaunched)
    tip = launched.repository.base if launched.repository else ""
    for event in events:
        if isinstance(event, BranchAdvanced):
            assert event.old == tip, f"{stream}: the tip moved from where it was not"
            tip = event.new.commit
    judge_phases(stream, events)
    if isinstance(ends[0], MissionSucceeded):
        assert (ends[0].tip.commit if ends[0].tip else "") == tip
        judge_success(stream, events, merged)


def judge_success(stream: str, events: list[AnyEvent], merged: Counter[str]) -> None:
    """Every task was settled well, and the last result of each piece of work is in the branch."""
    planned = {t.task_id: t for e in events if isinstance(e, TasksPlanned) for t in e.tasks}
    phase_of = {t.task_id: e.phase for e in events if isinstance(e, TasksPlanned) for t in e.tasks}
    tolerant = {
        e.phase.name
        for e in events
        if isinstance(e, PhaseDefined) and e.phase.on_failure == "continue"
    }
    settled: dict[str, TaskSettled] = {}
    for event in events:
        if isinstance(event, TaskSettled):
            settled[event.task_id] = event
    for id, task in planned.items():
        if id not in settled:  # criteria that an extension made superfluous
            assert task.kind == "gate", f"{stream}: {task.name} was never settled"
            continue
        last = settled[id]
        if task.kind != "work":
            continue
        if last.outcome != "succeeded":
            assert phase_of[id] in tolerant, f"{stream}: {task.name} {last.outcome}"
            continue
        changed = isinstance(last.result, WorkDone) and bool(last.result.commit)
        assert merged[id] == (1 if changed else 0), (
            f"{stream}: {task.name} merged {merged[id]} times"
        )


def judge_phases(stream: str, events: list[AnyEvent]) -> None:
    """Canaries go first, and a review sends back as often as it may."""
    phases = {e.phase.name: e.phase for e in events if isinstance(e, PhaseDefined)}
    begun: Counter[str] = Counter()
    agreed: set[str] = set()
    asked: dict[str, str] = {}
    rounds: Counter[str] = Counter()
    for event in events:
        match event:
            case TasksPlanned(phase=name, tasks=tasks) if name:
                asked |= {t.task_id: name for t in tasks if t.kind == "gate"}
                begun[name] += sum(t.kind == "work" for t in tasks)
                first = phases[name].canary
                assert not first or name in agreed or begun[name] <= first, (
                    f"{stream}: more than the canaries of {name} began"
                )
            case TaskSettled(task_id=id, outcome="succeeded") if id in asked:
                agreed.add(asked[id])
            case PhaseSentBack(phase=name, phases=again):
                rounds[name] += 1
                assert rounds[name] <= phases[name].rounds, f"{stream}: {name} sent back too often"
                for other in again:
                    begun[other] = 0


def judge_paths(streams: dict[str, list[AnyEvent]]) -> None:
    """Tasks of one mission whose paths may meet are not at work at the same time."""
    specs = {
        events[0].task_id: events[0].spec
        for events in streams.values()
        if isinstance(events[0], TaskPlanned)
    }
    for stream, events in streams.items():
        busy: dict[str, tuple[str, ...]] = {}
        for event in events if stream.startswith("mission-") else ():
            match event:
                case TasksPlanned(tasks=tasks):
                    for task in tasks:
                        paths = specs[task.task_id].paths
                        met = [id for id, other in busy.items() if may_meet(paths, other)]
                        assert not met, f"{stream}: {task.name} began beside {met}"
                        busy[task.task_id] = paths
                case BranchAdvanced(task_id=id):
                    busy.pop(id, None)
                case TaskSettled(task_id=id, result=result):
                    if not (isinstance(result, WorkDone) and result.commit):
                        busy.pop(id, None)


def judge_task(stream: str, events: list[AnyEvent]) -> None:
    """Epochs only grow, and no report of one took effect after a later one had begun."""
    planned = events[0]
    assert isinstance(planned, TaskPlanned)
    minted = begun = counted = 0
    for event in events:
        match event:
            case TaskLeased(epoch=epoch):
                assert epoch == minted + 1, f"{stream}: epoch {epoch} after {minted}"
                minted = epoch
            case AttemptStarted(epoch=epoch):
                assert epoch == minted, f"{stream}: an old epoch began"
                begun = epoch
            case (
                AttemptSucceeded(epoch=epoch)
                | AttemptFailed(epoch=epoch)
                | GatesJudged(epoch=epoch)
            ):
                assert epoch >= begun, f"{stream}: epoch {epoch} took effect after {begun} began"
            case RetryScheduled(counted=True):
                counted += 1
    assert counted < planned.spec.retry.attempts, f"{stream}: too many attempts"
    done = isinstance(events[-1], TaskSucceeded | TaskFailed | TaskCancelled)
    assert done or any(isinstance(e, TaskSucceeded | TaskFailed | TaskCancelled) for e in events), (
        f"{stream} was left open"
    )


def fold(log: Iterable[Recorded]) -> Board:
    """The board, rebuilt from zero."""
    board = Board()
    for recorded in log:
        board.apply(recorded, decode(recorded))
    return board


def same(kept: Board, rebuilt: Board) -> None:
    """Raises AssertionError where a board that was kept differs from one that was rebuilt."""
    assert kept.position == rebuilt.position
    assert kept.cards == rebuilt.cards
    assert kept.timers == rebuilt.timers
    assert kept.prerequisites.succeeded == rebuilt.prerequisites.succeeded
    assert kept.prerequisites.waiting == rebuilt.prerequisites.waiting
    assert kept.sessions == rebuilt.sessions
