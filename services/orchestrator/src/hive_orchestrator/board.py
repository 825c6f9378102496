"""The board: every task that has not ended, every session that is open, every timer that runs.

A pure fold of the log, held in memory by the active orchestrator and kept in PostgreSQL together
with its checkpoint, where beats read it. `take_changes` says what is to be kept anew.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.envelope import Recorded
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
from hive_orchestrator.cards import Card, Cards, Status
from hive_orchestrator.prerequisites import Prerequisites, WaitChanges
from hive_orchestrator.standing import WALL, Standing, Standings
from hive_orchestrator.timers import QUESTION, STATE, Timer, Timers


class Changes(Struct):
    """What is to be kept anew, by key; None is gone."""

    cards: dict[str, Card | None] = field(default_factory=dict)
    timers: dict[str, Timer | None] = field(default_factory=dict)
    prerequisites: WaitChanges = field(default_factory=WaitChanges)
    sessions: dict[str, SessionOpened | None] = field(default_factory=dict)
    runners: set[str] = field(default_factory=set)
    """Runners whose orders are not what they were."""
    standings: dict[str, Standing | None] = field(default_factory=dict)


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
        self.cards = Cards(cards)
        self.timers = Timers(timers)
        self.sessions = {session.session_id: session for session in sessions}
        self.prerequisites = prerequisites or Prerequisites()
        self.standings = Standings(standings)
        self._traceparent = ""
        self._session_changes: dict[str, SessionOpened | None] = {}

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        cards, runners = self.cards.take_changes()
        sessions, self._session_changes = self._session_changes, {}
        return Changes(
            cards,
            self.timers.take_changes(),
            self.prerequisites.take_changes(),
            sessions,
            runners,
            self.standings.take_changes(),
        )

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
            case TaskEvent(task_id=id) if id in self.cards.of:
                return self.cards.of[id].mission_id
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
                self.timers.start(recorded, event.start_timeout, late)
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
                awaited = id in self.cards.of and bool(self.cards.of[id].session_id)
                self._queue(recorded, event, lost=awaited or None)
            case AttemptSucceeded(task_id=id):
                self._has_stopped(event)
                self._finish(id, finished=False)
                card = self.cards.of.get(id)
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
                self.timers.start(recorded, delay, RequeueTask(event.task_id))
            case ApprovalRequested() | CheckAwaited():
                self._ask(recorded, event)
            case ApprovalGiven(gate=gate):
                self.timers.stop(event.task_id, f"gate {gate}")
            case TaskSucceeded(task_id=id, result=WorkDone(commit=commit)) if commit:
                self._await_merge(id)
            case TaskSucceeded() | TaskFailed() | TaskCancelled():
                self._remove(event.task_id)
            case BranchAdvanced(task_id=id):
                self._remove(id)
            case SessionOpened(session_id=session):
                self.sessions[session] = self._session_changes[session] = event
            case SessionClosed(session_id=session):
                self.sessions.pop(session, None)
                self._session_changes[session] = None
            case MissionPaused(mission_id=id):
                self._pause_queue(id)
            case BudgetWarned(mission_id=id, cap="wall"):
                self.timers.stop(id, WALL[1])
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
        self.cards.put(card)
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
        card = self.cards.of.get(id)
        if card is not None:
            self._time_queue(recorded, card)

    def _time_queue(self, recorded: Recorded, card: Card) -> None:
        """How long it may wait for a runner; while its mission is paused no time passes."""
        if not self.standings.is_paused(card.mission_id):
            late = TimeOutTask(card.task_id, "queue", card.epoch)
            self.timers.start(recorded, card.queue_timeout, late)

    def _pause_queue(self, mission_id: str) -> None:
        for id in self.cards.of_mission(mission_id):
            if self.cards.of[id].status == "queued":
                self.timers.stop(id, STATE)

    def _resume_queue(self, recorded: Recorded, mission_id: str) -> None:
        for id in self.cards.of_mission(mission_id):
            if self.cards.of[id].status == "queued":
                self._time_queue(recorded, self.cards.of[id])

    def _keep_time(self, recorded: Recorded, mission_id: str) -> None:
        """The mission's own time goes on while anything of it is at work, or could be."""
        busy = any(self._is_busy(id) for id in self.cards.of_mission(mission_id))
        turned = self.standings.turn_clock(mission_id, recorded.recorded_at, busy=busy)
        if turned is None:
            return
        for purpose in WALL:
            self.timers.stop(mission_id, purpose)
        for delay, command in turned:
            self.timers.start(recorded, delay, command)

    def _is_busy(self, id: str) -> bool:
        """Whether it waits for nothing that people do."""
        if self.cards.of[id].status not in ("waiting", "taken"):
            return True
        timer = self.timers.get(id, STATE)
        return timer is not None and isinstance(timer.command, RequeueTask)

    def _has_stopped(self, event: AttemptSucceeded | AttemptFailed | GatesJudged) -> None:
        """The report of the last epoch says that nothing of it is at work any more."""
        card = self.cards.of.get(event.task_id)
        if card is not None and card.lost and card.epoch == event.epoch:
            self.cards.put(replace(card, lost=False))

    def _take(self, event: TaskTaken) -> None:
        """Its session holds it on where something was at work: that is to be handed over."""
        card = self.cards.of.get(event.task_id)
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
        card = self.cards.of.get(id)
        if card is not None and card.finished != finished:
            self.cards.put(replace(card, finished=finished))

    def _start(self, id: str) -> None:
        card = self.cards.of.get(id)
        if card is not None:
            self._move(
                id, "running", epoch=card.epoch, runner=card.runner_id, session=card.session_id
            )

    def _ask(self, recorded: Recorded, event: ApprovalRequested | CheckAwaited) -> None:
        self.timers.stop(event.task_id, STATE)
        card = self.cards.of.get(event.task_id)
        if card is not None and card.status != "waiting":
            self.cards.put(replace(card, status="waiting"))
        if event.timeout:
            what: Literal["approval", "check"] = (
                "check" if isinstance(event, CheckAwaited) else "approval"
            )
            late = TimeOutTask(event.task_id, what, gate=event.gate)
            self.timers.start(recorded, event.timeout, late)

    def _question(self, recorded: Recorded, event: QuestionAsked) -> None:
        if event.work is not None:
            self._move(event.task_id, "waiting")
        if event.timeout:
            late = TimeOutTask(event.task_id, "answer", event.epoch, question=event.id)
            self.timers.start(recorded, event.timeout, late)

    def _answer(self, recorded: Recorded, event: QuestionAnswered) -> None:
        self.timers.stop(event.task_id, QUESTION)
        card = self.cards.of.get(event.task_id)
        if card is None:
            return
        if card.status == "waiting":
            self._queue(recorded, event)
        elif card.runner_id:
            # It waits at work, and is to hear of it now.
            self.cards.tell(card.runner_id)

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
        self.timers.stop_all(id)
        card = self.cards.of.get(id)
        if card is None:
            return
        self.cards.put(
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
        card = self.cards.of.get(id)
        if card is not None and card.orphaned:
            self._remove(id)
        else:
            self._move(id, "waiting", done=True)

    def _orphan(self, mission_id: str) -> None:
        """The mission has ended: what is open is about to be cancelled, what is done is over."""
        for id in self.cards.of_mission(mission_id):
            card = self.cards.of[id]
            if card.done:
                self._remove(id)
            else:
                self.cards.put(replace(card, orphaned=True))

    def _remove(self, id: str) -> None:
        self.timers.stop_all(id)
        self.cards.remove(id)


def _ms(recorded: Recorded) -> int:
    return int(recorded.recorded_at.timestamp() * 1000)
