"""The board: every task that has not ended, every session that is open, every timer that runs.

A pure fold of the log, held in memory by the active orchestrator and kept in PostgreSQL together
with its checkpoint, where beats read it. `take_changes` says what is to be kept anew.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.envelope import Recorded
from hive_contracts.ids import derived_id
from hive_contracts.mission import (
    BranchAdvanced,
    BudgetWarned,
    MissionCancelled,
    MissionEvent,
    MissionFailed,
    MissionPaused,
    MissionRefused,
    MissionResumed,
    MissionSucceeded,
)
from hive_contracts.outcome import WorkDone
from hive_contracts.plan import Check
from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CheckAwaited,
    GatesJudged,
    HandoverLost,
    LeaseLost,
    LeaseWithdrawn,
    QuestionAnswered,
    QuestionAsked,
    RequeueTask,
    RetryScheduled,
    TaskCancelled,
    TaskEvent,
    TaskFailed,
    TaskGiven,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TaskTaken,
    TimeOutTask,
    WorkHandedOver,
)
from hive_orchestrator.cards import (
    QUESTION,
    STATE,
    Card,
    Changes,
    Status,
    TimedCommand,
    Timer,
    purpose_of,
)
from hive_orchestrator.prerequisites import Prerequisites
from hive_orchestrator.standing import WALL, Standing, Standings


class Board:
    """Mutable, for it is folded at every event of the hive."""

    def __init__(
        self,
        position: int = 0,
        cards: Iterable[Card] = (),
        timers: Iterable[Timer] = (),
        sessions: Iterable[SessionOpened] = (),
        prerequisites: Prerequisites | None = None,
        standings: Iterable[Standing] = (),
    ) -> None:
        self.position = position
        self.cards: dict[str, Card] = {}
        self.timers: dict[str, dict[str, Timer]] = {}
        """By task or mission id, then by what they are for: the task's state, an approval gate,
        the mission's own time."""
        self.sessions = {session.session_id: session for session in sessions}
        self.prerequisites = prerequisites or Prerequisites()
        self.standings = Standings(standings)
        self.lost: set[str] = set()
        """Exclusive tasks whose attempt may still be at work, though its lease was lost."""
        self._by_mission: dict[str, set[str]] = {}
        self._by_session: dict[str, set[str]] = {}
        self._queued: dict[str, None] = {}
        self._traceparent = ""
        self._changes = Changes()
        self._kept_cards: set[str] = set()
        for card in sorted(cards, key=lambda card: card.since):
            self._put(card)
        for timer in timers:
            self.timers.setdefault(timer.about, {})[purpose_of(timer)] = timer
        self.take_changes()

    # --- what is on it ----------------------------------------------------------------------------

    def open_tasks(self, mission_id: str) -> list[str]:
        return sorted(self._by_mission.get(mission_id, ()))

    def leases(self, session_id: str) -> list[Card]:
        return [self.cards[id] for id in sorted(self._by_session.get(session_id, ()))]

    def load(self, session_id: str) -> int:
        """How many slots of a session are taken."""
        return len(self._by_session.get(session_id, ()))

    def queued(self) -> Iterator[Card]:
        """Tasks that wait for a runner, the longest waiting first."""
        return (self.cards[id] for id in self._queued)

    def waiting(self) -> tuple[int, float]:
        """How many these are, and since when the first has waited: seconds since 1970."""
        oldest = min((self.cards[id].since_ms for id in self._queued), default=0)
        return len(self._queued), oldest / 1000

    def due(self, now: datetime) -> list[Timer]:
        """Timers whose moment has come, the earliest first."""
        found = (t for timers in self.timers.values() for t in timers.values() if t.due_at <= now)
        return sorted(found, key=lambda timer: (timer.due_at, timer.id))

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        changes, self._changes = self._changes, Changes()
        changes.prerequisites = self.prerequisites.take_changes()
        changes.standings = self.standings.take_changes()
        self._kept_cards.update(id for id, card in changes.cards.items() if card is not None)
        self._kept_cards.difference_update(id for id, card in changes.cards.items() if card is None)
        return changes

    # --- folding ----------------------------------------------------------------------------------

    def apply(self, recorded: Recorded, event: AnyEvent) -> None:
        """Fold one event."""
        self.position = recorded.position
        self._traceparent = recorded.meta.traceparent
        self.prerequisites.apply(event)
        if isinstance(event, MissionEvent):
            self.standings.apply(event)
        mission = self._standing_of(event) if self.standings.of else ""
        self._apply(recorded, event)
        if mission:
            self._keep_time(recorded, mission)

    def _standing_of(self, event: AnyEvent) -> str:
        """The mission that an event is about, if it has a standing."""
        match event:
            case MissionEvent(mission_id=id):
                return id
            case TaskPlanned(mission_id=id):
                return id
            case TaskEvent(task_id=id) if id in self.cards:
                return self.cards[id].mission_id
        return ""

    def _apply(self, recorded: Recorded, event: AnyEvent) -> None:
        match event:
            case TaskPlanned():
                self._planned(recorded, event)
            case TaskLeased(epoch=epoch, runner_id=runner, session_id=session):
                late = TimeOutTask(event.task_id, "start", epoch)
                self._move(
                    event.task_id, "leased", epoch=epoch, runner=runner, session=session, lost=False
                )
                self._time(recorded, event.start_timeout, late)
            case AttemptStarted():
                self._start(event.task_id)
            case QuestionAsked():
                self._question(recorded, event)
            case QuestionAnswered():
                self._answer(recorded, event)
            case LeaseLost(fault=fault):
                self._queue(recorded, event, lost=fault != "declined")
            case LeaseWithdrawn():
                self._queue(recorded, event, lost=True)
            case TaskRequeued() | TaskReopened():
                self._queue(recorded, event)
            case TaskTaken():
                self._take(event)
            case WorkHandedOver():
                self._move(event.task_id, "taken")
            case HandoverLost():
                self._move(event.task_id, "taken", lost=True)
            case TaskGiven(task_id=id):
                # Given back before anything was handed over: that may be at work still.
                awaited = id in self.cards and bool(self.cards[id].session_id)
                self._queue(recorded, event, lost=awaited or None)
            case AttemptSucceeded(task_id=id):
                self._has_stopped(event)
                self._finish(id, finished=False)
                card = self.cards.get(id)
                if card is not None and card.gated and not card.gating:
                    self._queue(recorded, event, gating=True)
                else:
                    self._move(id, "waiting")
            case AttemptFailed(failure=failure):
                self._has_stopped(event)
                again = failure.kind not in ("infrastructure", "limit")
                if again:
                    self._finish(event.task_id, finished=False)
                self._move(event.task_id, "waiting", gating=False if again else None)
            case GatesJudged():
                self._has_stopped(event)
                self._move(event.task_id, "waiting")
            case RetryScheduled(delay=delay):
                self._move(event.task_id, "waiting")
                self._time(recorded, delay, RequeueTask(event.task_id))
            case ApprovalRequested() | CheckAwaited():
                self._ask(recorded, event)
            case ApprovalGiven(gate=gate):
                self._stop_timer(event.task_id, f"gate {gate}")
            case TaskSucceeded(task_id=id, result=WorkDone(commit=commit)) if commit:
                self._await_merge(id)
            case TaskSucceeded() | TaskFailed() | TaskCancelled():
                self._remove(event.task_id)
            case BranchAdvanced(task_id=id):
                self._remove(id)
            case SessionOpened(session_id=session):
                self.sessions[session] = self._changes.sessions[session] = event
            case SessionClosed(session_id=session):
                self.sessions.pop(session, None)
                self._changes.sessions[session] = None
            case MissionPaused(mission_id=id):
                self._pause_queue(id)
            case BudgetWarned(mission_id=id, cap="wall"):
                self._stop_timer(id, WALL[1])
            case MissionResumed(mission_id=id):
                self._resume_queue(recorded, id)
            case MissionSucceeded(mission_id=id):
                self._orphan(id)
            case MissionFailed() | MissionRefused() | MissionCancelled():
                self._orphan(event.mission_id)
            case _:
                pass

    def _planned(self, recorded: Recorded, event: TaskPlanned) -> None:
        spec = event.spec
        card = Card(
            event.task_id,
            event.mission_id,
            agent=spec.agent if event.kind == "work" else "",
            queue_timeout=spec.timeouts.queue,
            gated=event.kind == "work" and any(isinstance(g, Check) for g in spec.gates),
            since=recorded.position,
            since_ms=_ms(recorded),
            traceparent=self._traceparent,
            exclusive=spec.exclusive,
        )
        self._put(card)
        self._time_queue(recorded, card)

    def _queue(
        self,
        recorded: Recorded,
        event: TaskEvent,
        gating: bool | None = None,
        lost: bool | None = None,
    ) -> None:
        id = event.task_id
        if isinstance(event, TaskReopened):
            gating = False
        if isinstance(event, TaskGiven) and not event.dropped:
            gating = False
            self._finish(id, finished=event.done)
        epoch = event.epoch if isinstance(event, TaskGiven) else None
        self._move(
            id,
            "queued",
            epoch=epoch,
            gating=gating,
            done=False,
            since=recorded,
            lost=lost,
        )
        card = self.cards.get(id)
        if card is not None:
            self._time_queue(recorded, card)

    def _time_queue(self, recorded: Recorded, card: Card) -> None:
        """How long it may wait for a runner; while its mission is paused no time passes."""
        if not self.standings.is_paused(card.mission_id):
            late = TimeOutTask(card.task_id, "queue", card.epoch)
            self._time(recorded, card.queue_timeout, late)

    def _pause_queue(self, mission_id: str) -> None:
        for id in self.open_tasks(mission_id):
            if self.cards[id].status == "queued":
                self._stop_timer(id, STATE)

    def _resume_queue(self, recorded: Recorded, mission_id: str) -> None:
        for id in self.open_tasks(mission_id):
            if self.cards[id].status == "queued":
                self._time_queue(recorded, self.cards[id])

    def _keep_time(self, recorded: Recorded, mission_id: str) -> None:
        """The mission's own time goes on while anything of it is at work, or could be."""
        busy = any(self._is_busy(id) for id in self._by_mission.get(mission_id, ()))
        turned = self.standings.turn_clock(mission_id, recorded.recorded_at, busy=busy)
        if turned is None:
            return
        for purpose in WALL:
            self._stop_timer(mission_id, purpose)
        for delay, command in turned:
            self._time(recorded, delay, command)

    def _is_busy(self, id: str) -> bool:
        """Whether it waits for nothing that people do."""
        if self.cards[id].status not in ("waiting", "taken"):
            return True
        timer = self.timers.get(id, {}).get(STATE)
        return timer is not None and isinstance(timer.command, RequeueTask)

    def _has_stopped(self, event: AttemptSucceeded | AttemptFailed | GatesJudged) -> None:
        """The report of the last epoch says that nothing of it is at work any more."""
        card = self.cards.get(event.task_id)
        if card is not None and card.lost and card.epoch == event.epoch:
            self._put(replace(card, lost=False))

    def _take(self, event: TaskTaken) -> None:
        """Its session holds it on where something was at work: that is to be handed over."""
        card = self.cards.get(event.task_id)
        if card is None:
            return
        held = bool(event.interrupted)
        self._move(
            event.task_id,
            "taken",
            epoch=event.interrupted or event.epoch,
            runner=card.runner_id if held else "",
            session=card.session_id if held else "",
        )

    def _finish(self, id: str, *, finished: bool) -> None:
        card = self.cards.get(id)
        if card is not None and card.finished != finished:
            self._put(replace(card, finished=finished))

    def _start(self, id: str) -> None:
        card = self.cards.get(id)
        if card is not None:
            self._move(
                id, "running", epoch=card.epoch, runner=card.runner_id, session=card.session_id
            )

    def _ask(self, recorded: Recorded, event: ApprovalRequested | CheckAwaited) -> None:
        self._stop_timer(event.task_id, STATE)
        card = self.cards.get(event.task_id)
        if card is not None and card.status != "waiting":
            self._put(replace(card, status="waiting"))
        if event.timeout:
            what: Literal["approval", "check"] = (
                "check" if isinstance(event, CheckAwaited) else "approval"
            )
            late = TimeOutTask(event.task_id, what, gate=event.gate)
            self._time(recorded, event.timeout, late)

    def _question(self, recorded: Recorded, event: QuestionAsked) -> None:
        if event.work is not None:
            self._move(event.task_id, "waiting")
        if event.timeout:
            late = TimeOutTask(event.task_id, "answer", event.epoch, question=event.id)
            self._time(recorded, event.timeout, late)

    def _answer(self, recorded: Recorded, event: QuestionAnswered) -> None:
        self._stop_timer(event.task_id, QUESTION)
        card = self.cards.get(event.task_id)
        if card is None:
            return
        if card.status == "waiting":
            self._queue(recorded, event)
        elif card.runner_id:
            # It waits at work, and is to hear of it now.
            self._changes.runners.add(card.runner_id)

    def _move(
        self,
        id: str,
        status: Status,
        *,
        epoch: int | None = None,
        runner: str = "",
        session: str = "",
        gating: bool | None = None,
        done: bool | None = None,
        since: Recorded | None = None,
        lost: bool | None = None,
    ) -> None:
        """The task is in another state: its timers are over, and its lease, if none is given."""
        for purpose in list(self.timers.get(id, ())):
            self._stop_timer(id, purpose)
        card = self.cards.get(id)
        if card is None:
            return
        self._put(
            replace(
                card,
                status=status,
                gating=card.gating if gating is None else gating,
                done=card.done if done is None else done,
                since=card.since if since is None else since.position,
                since_ms=card.since_ms if since is None else _ms(since),
                epoch=card.epoch if epoch is None else epoch,
                runner_id=runner,
                session_id=session,
                traceparent=self._traceparent,
                lost=card.lost if lost is None else lost and card.exclusive,
            )
        )

    def _await_merge(self, id: str) -> None:
        card = self.cards.get(id)
        if card is not None and card.orphaned:
            self._remove(id)
        else:
            self._move(id, "waiting", done=True)

    def _orphan(self, mission_id: str) -> None:
        """The mission has ended: what is open is about to be cancelled, what is done is over."""
        for id in self.open_tasks(mission_id):
            card = self.cards[id]
            if card.done:
                self._remove(id)
            else:
                self._put(replace(card, orphaned=True))

    # --- keeping ----------------------------------------------------------------------------------

    def _put(self, card: Card) -> None:
        self._unindex(card.task_id)
        self.cards[card.task_id] = self._changes.cards[card.task_id] = card
        self._by_mission.setdefault(card.mission_id, set()).add(card.task_id)
        if card.status == "queued":
            self._queued[card.task_id] = None
        if card.lost:
            self.lost.add(card.task_id)
        if card.session_id:
            self._by_session.setdefault(card.session_id, set()).add(card.task_id)
            self._changes.runners.add(card.runner_id)

    def _remove(self, id: str) -> None:
        for purpose in list(self.timers.get(id, ())):
            self._stop_timer(id, purpose)
        self._unindex(id)
        if self.cards.pop(id, None) is None:
            return
        if id in self._kept_cards:
            self._changes.cards[id] = None
        else:
            self._changes.cards.pop(id, None)

    def _unindex(self, id: str) -> None:
        card = self.cards.get(id)
        if card is None:
            return
        self._queued.pop(id, None)
        self.lost.discard(id)
        _discard(self._by_mission, card.mission_id, id)
        if card.session_id:
            _discard(self._by_session, card.session_id, id)
            self._changes.runners.add(card.runner_id)

    def _time(self, recorded: Recorded, delay: float, command: TimedCommand) -> None:
        due_at = recorded.recorded_at + timedelta(seconds=delay)
        timer = Timer("", due_at, command)
        purpose = purpose_of(timer)
        timer = replace(timer, id=derived_id(recorded.id, "timer", purpose))
        self.timers.setdefault(timer.about, {})[purpose] = timer
        self._changes.timers[timer.id] = timer

    def _stop_timer(self, about: str, purpose: str) -> None:
        timers = self.timers.get(about, {})
        timer = timers.pop(purpose, None)
        if timer is None:
            return
        if not timers:
            del self.timers[about]
        if self._changes.timers.get(timer.id) is not None:
            del self._changes.timers[timer.id]
        else:
            self._changes.timers[timer.id] = None


def _ms(recorded: Recorded) -> int:
    return int(recorded.recorded_at.timestamp() * 1000)


def _discard(index: dict[str, set[str]], key: str, id: str) -> None:
    members = index[key]
    members.discard(id)
    if not members:
        del index[key]
