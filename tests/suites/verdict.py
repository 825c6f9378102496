"""What must hold of a hive's log once all has come to rest, whatever went wrong before."""

from collections import Counter
from collections.abc import Iterable

from hive_contracts.budget import Budget, Purse, attempt_key
from hive_contracts.codec import AnyEvent, decode
from hive_contracts.envelope import Recorded
from hive_contracts.mission import (
    BranchAdvanced,
    BudgetRaised,
    MissionCancelled,
    MissionFailed,
    MissionLanded,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionReleased,
    MissionResumed,
    MissionRevised,
    MissionSucceeded,
    PhaseDefined,
    PhaseSentBack,
    ReservationMade,
    ReservationSettled,
    RevisionDeclined,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import WorkDone
from hive_contracts.pathspecs import may_meet
from hive_contracts.plan import Tip
from hive_contracts.task import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    HandoverLost,
    LeaseLost,
    RetryScheduled,
    TaskCancelled,
    TaskFailed,
    TaskGiven,
    TaskLeased,
    TaskPlanned,
    TaskRequeued,
    TaskSucceeded,
    TaskTaken,
    WorkHandedOver,
)
from hive_orchestrator.board import Board

_NOT_WHILE_TAKEN = (
    TaskLeased,
    AttemptStarted,
    AttemptSucceeded,
    AttemptFailed,
    GatesJudged,
    LeaseLost,
    RetryScheduled,
    TaskRequeued,
    TaskSucceeded,
    TaskFailed,
    TaskTaken,
)
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
    lives = lives_of(stream, events)
    judge_rounds(stream, events)
    end = lives[-1][-1]
    launched = events[0]
    assert isinstance(launched, MissionLaunched)
    repository = launched.repository
    tip = (repository.start or Tip(repository.base)).commit if repository else ""
    for event in events:
        if isinstance(event, BranchAdvanced):
            assert event.old == tip, f"{stream}: the tip moved from where it was not"
            tip = event.new.commit
    judge_phases(stream, events)
    judge_budget(stream, events)
    if isinstance(end, MissionSucceeded):
        assert (end.tip.commit if end.tip else "") == tip
        # What was begun after it had succeeded once, and failed, is left behind.
        good = [life for life in lives if isinstance(life[-1], MissionSucceeded)]
        judge_success(stream, [event for life in good for event in life], merged)


def lives_of(stream: str, events: list[AnyEvent]) -> list[list[AnyEvent]]:
    """From a beginning to an end each: it ends once, unless something came back since."""
    lives: list[list[AnyEvent]] = [[]]
    ended, succeeded = False, False
    for event in events:
        if isinstance(event, MissionRevised) and ended:
            assert succeeded, f"{stream} went on without having succeeded"
            assert isinstance(lives[-1][-1], MissionSucceeded | MissionFailed)
            lives.append([])
            ended = False
        if ended:
            allowed = isinstance(event, MissionLanded | MissionReleased | RevisionDeclined)
            assert allowed, f"{stream} went on: {event}"
            continue
        lives[-1].append(event)
        ended = isinstance(event, ENDS)
        succeeded = succeeded or isinstance(event, MissionSucceeded)
    assert ended, f"{stream} has not ended"
    return lives


def judge_rounds(stream: str, events: list[AnyEvent]) -> None:
    """Each thing that came back is answered once, in its order."""
    heard = [
        event.round for event in events if isinstance(event, MissionRevised | RevisionDeclined)
    ]
    assert heard == list(range(1, len(heard) + 1)), f"{stream}: rounds {heard}"


def judge_success(stream: str, events: list[AnyEvent], merged: Counter[str]) -> None:
    """Every task was settled well, and the last result of each piece of work is in the branch."""
    planned = {t.task_id: t for e in events if isinstance(e, TasksPlanned) for t in e.tasks}
    phase_of = {t.task_id: e.phase for e in events if isinstance(e, TasksPlanned) for t in e.tasks}
    phases = {e.phase.name: e.phase for e in events if isinstance(e, PhaseDefined)}
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
            phase, name = phases[phase_of[id]], task.again or task.name
            own = [spec.on_failure for spec in phase.tasks if spec.name == name]
            tolerant = (*filter(None, own), phase.on_failure)[0] == "continue"
            assert tolerant, f"{stream}: {task.name} {last.outcome}"
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


def judge_budget(stream: str, events: list[AnyEvent]) -> None:
    """No reservation passes a cap, none is made while the mission is paused, none is left open."""
    launched = events[0]
    assert isinstance(launched, MissionLaunched)
    purse, paused = Purse(launched.budget or Budget()), False
    for event in events:
        match event:
            case MissionPaused():
                paused = True
            case MissionResumed() | MissionSucceeded() | MissionFailed():
                paused = False
            case MissionRevised(purse=Purse() as purse):
                pass
            case BudgetRaised(budget=budget):
                purse = purse.raised(budget)
            case ReservationMade(task_id=id, epoch=epoch, cap=share):
                assert not paused, f"{stream}: something was reserved while it was paused"
                purse = purse.reserve(attempt_key(id, epoch), share)
                for cap in purse.caps:
                    assert purse.left(cap) >= 0, f"{stream}: {share} passes the cap on {cap}"
            case ReservationSettled(task_id=id, epoch=epoch, spent=spent):
                key = attempt_key(id, epoch)
                assert purse.knows(key), f"{stream}: {key} was settled twice"
                purse = purse.settle(key, spent) if spent else purse.lose(key)
    if isinstance(events[-1], MissionSucceeded):
        assert not purse.reserved, f"{stream}: reservations were never settled"


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
                case MissionFailed():
                    busy.clear()
                case BranchAdvanced(task_id=id):
                    busy.pop(id, None)
                case TaskSettled(task_id=id, result=result):
                    if not (isinstance(result, WorkDone) and result.commit):
                        busy.pop(id, None)


def judge_task(stream: str, events: list[AnyEvent]) -> None:
    """Epochs only grow, no report of one took effect after a later one had begun, and nothing but a
    handover while a person had the task."""
    planned = events[0]
    assert isinstance(planned, TaskPlanned)
    minted = begun = counted = interrupted = 0
    taken = False
    for event in events:
        assert not taken or not isinstance(event, _NOT_WHILE_TAKEN), (
            f"{stream}: {event} while a person had it"
        )
        match event:
            case TaskTaken(epoch=epoch, interrupted=interrupted):
                assert epoch == minted + 1, f"{stream}: epoch {epoch} after {minted}"
                minted = begun = epoch
                taken = True
            case WorkHandedOver(epoch=epoch) | HandoverLost(epoch=epoch):
                assert taken and epoch == interrupted, f"{stream}: {epoch} was handed over"
                interrupted = 0
            case TaskGiven(epoch=epoch):
                assert taken and epoch == minted, f"{stream}: {epoch} was given"
                taken = False
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
    assert kept.cards.of == rebuilt.cards.of
    assert kept.timers.of == rebuilt.timers.of
    assert kept.prerequisites.succeeded == rebuilt.prerequisites.succeeded
    assert kept.prerequisites.waiting == rebuilt.prerequisites.waiting
    assert kept.sessions == rebuilt.sessions
    assert kept.standings.of == rebuilt.standings.of
