"""The board: every task that has not ended, every session that is open, every timer that runs.

A pure fold of the log, held in memory by the active orchestrator and kept in PostgreSQL together
with its checkpoint, where beats read it. `take_changes` says what is to be kept anew.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.envelope import Recorded
from hive_contracts.ids import derived_id
from hive_contracts.mission import (
    BranchAdvanced,
    MissionCancelled,
    MissionFailed,
    MissionRefused,
    MissionSucceeded,
)
from hive_contracts.plan import Check, WorkDone
from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.task import (
    AnyTaskCommand,
    ApprovalGiven,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    LeaseLost,
    LeaseWithdrawn,
    RequeueTask,
    RetryScheduled,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TimeOutTask,
)
from hive_orchestrator.prerequisites import Prerequisites, WaitChanges

Status = Literal["queued", "leased", "running", "waiting"]
"""`waiting` is for its back-off, for a person, or for its next event in the same append."""


class Card(Struct, frozen=True):
    """One task on the board."""

    task_id: str
    mission_id: str
    agent: str
    """The profile that its work needs; empty for none."""
    queue_timeout: float
    gated: bool
    """Whether its work is followed by a lease for its gates."""
    since: int
    """The position since which it has waited: who waits longer goes first."""
    status: Status = "queued"
    gating: bool = False
    """Whether its next lease is for gates: no agent is needed then."""
    done: bool = False
    """Whether it has succeeded, and may be sent back until its work is merged."""
    orphaned: bool = False
    """Whether its mission has ended: nobody will merge it or send it back."""
    epoch: int = 0
    runner_id: str = ""
    session_id: str = ""
    traceparent: str = ""
    """The context of its last event, which causes the next step."""


class Timer(Struct, frozen=True):
    """A command that is due at a moment of database time, sent under the timer's id."""

    id: str
    due_at: datetime
    command: AnyTaskCommand


class Changes(Struct):
    """What is to be kept anew, by key; None is gone."""

    cards: dict[str, Card | None] = field(default_factory=dict)
    timers: dict[str, Timer | None] = field(default_factory=dict)
    prerequisites: WaitChanges = field(default_factory=WaitChanges)
    sessions: dict[str, SessionOpened | None] = field(default_factory=dict)
    runners: set[str] = field(default_factory=set)
    """Runners whose orders are not what they were."""


class Board:
    """Mutable, for it is folded at every event of the hive."""

    def __init__(
        self,
        position: int = 0,
        cards: Iterable[Card] = (),
        timers: Iterable[Timer] = (),
        sessions: Iterable[SessionOpened] = (),
        prerequisites: Prerequisites | None = None,
    ) -> None:
        self.position = position
        self.cards: dict[str, Card] = {}
        self.timers: dict[str, dict[str, Timer]] = {}
        """By task id, then by what they are for: the task's state, or an approval gate."""
        self.sessions = {session.session_id: session for session in sessions}
        self.prerequisites = prerequisites or Prerequisites()
        self._by_mission: dict[str, set[str]] = {}
        self._by_session: dict[str, set[str]] = {}
        self._queued: dict[str, None] = {}
        self._traceparent = ""
        self._changes = Changes()
        self._kept_cards: set[str] = set()
        for card in sorted(cards, key=lambda card: card.since):
            self._put(card)
        for timer in timers:
            self.timers.setdefault(timer.command.task_id, {})[_purpose(timer)] = timer
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

    def due(self, now: datetime) -> list[Timer]:
        """Timers whose moment has come, the earliest first."""
        found = (t for timers in self.timers.values() for t in timers.values() if t.due_at <= now)
        return sorted(found, key=lambda timer: (timer.due_at, timer.id))

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        changes, self._changes = self._changes, Changes()
        changes.prerequisites = self.prerequisites.take_changes()
        self._kept_cards.update(id for id, card in changes.cards.items() if card is not None)
        self._kept_cards.difference_update(id for id, card in changes.cards.items() if card is None)
        return changes

    # --- folding ----------------------------------------------------------------------------------

    def apply(self, recorded: Recorded, event: AnyEvent) -> None:
        """Fold one event."""
        self.position = recorded.position
        self._traceparent = recorded.meta.traceparent
        self.prerequisites.apply(event)
        match event:
            case TaskPlanned():
                self._planned(recorded, event)
            case TaskLeased(epoch=epoch, runner_id=runner, session_id=session):
                late = TimeOutTask(event.task_id, "start", epoch)
                self._move(event.task_id, "leased", epoch=epoch, runner=runner, session=session)
                self._time(recorded, event.start_timeout, late)
            case AttemptStarted():
                self._start(event.task_id)
            case LeaseLost() | LeaseWithdrawn() | TaskRequeued() | TaskReopened():
                self._queue(recorded, event)
            case AttemptSucceeded(task_id=id):
                card = self.cards.get(id)
                if card is not None and card.gated and not card.gating:
                    self._queue(recorded, event, gating=True)
                else:
                    self._move(id, "waiting")
            case AttemptFailed(failure=failure):
                again = failure.kind not in ("infrastructure", "limit")
                self._move(event.task_id, "waiting", gating=False if again else None)
            case GatesJudged():
                self._move(event.task_id, "waiting")
            case RetryScheduled(delay=delay):
                self._move(event.task_id, "waiting")
                self._time(recorded, delay, RequeueTask(event.task_id))
            case ApprovalRequested():
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
            traceparent=self._traceparent,
        )
        self._put(card)
        self._time(recorded, card.queue_timeout, TimeOutTask(card.task_id, "queue"))

    def _queue(
        self,
        recorded: Recorded,
        event: LeaseLost | LeaseWithdrawn | TaskRequeued | TaskReopened | AttemptSucceeded,
        gating: bool | None = None,
    ) -> None:
        id = event.task_id
        if isinstance(event, TaskReopened):
            gating = False
        self._move(id, "queued", gating=gating, done=False, since=recorded.position)
        card = self.cards.get(id)
        if card is not None:
            self._time(recorded, card.queue_timeout, TimeOutTask(id, "queue", card.epoch))

    def _start(self, id: str) -> None:
        card = self.cards.get(id)
        if card is not None:
            self._move(
                id, "running", epoch=card.epoch, runner=card.runner_id, session=card.session_id
            )

    def _ask(self, recorded: Recorded, event: ApprovalRequested) -> None:
        self._stop_timer(event.task_id, STATE)
        card = self.cards.get(event.task_id)
        if card is not None and card.status != "waiting":
            self._put(replace(card, status="waiting"))
        if event.timeout:
            late = TimeOutTask(event.task_id, "approval", gate=event.gate)
            self._time(recorded, event.timeout, late)

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
        since: int | None = None,
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
                since=card.since if since is None else since,
                epoch=card.epoch if epoch is None else epoch,
                runner_id=runner,
                session_id=session,
                traceparent=self._traceparent,
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
        _discard(self._by_mission, card.mission_id, id)
        if card.session_id:
            _discard(self._by_session, card.session_id, id)
            self._changes.runners.add(card.runner_id)

    def _time(self, recorded: Recorded, delay: float, command: AnyTaskCommand) -> None:
        due_at = recorded.recorded_at + timedelta(seconds=delay)
        timer = Timer("", due_at, command)
        purpose = _purpose(timer)
        timer = replace(timer, id=derived_id(recorded.id, "timer", purpose))
        self.timers.setdefault(command.task_id, {})[purpose] = timer
        self._changes.timers[timer.id] = timer

    def _stop_timer(self, task_id: str, purpose: str) -> None:
        timers = self.timers.get(task_id, {})
        timer = timers.pop(purpose, None)
        if timer is None:
            return
        if not timers:
            del self.timers[task_id]
        if self._changes.timers.get(timer.id) is not None:
            del self._changes.timers[timer.id]
        else:
            self._changes.timers[timer.id] = None


STATE = "state"


def _purpose(timer: Timer) -> str:
    """What a timer is for: an approval gate, by name, or the task's state."""
    match timer.command:
        case TimeOutTask(what="approval", gate=gate):
            return f"gate {gate}"
    return STATE


def _discard(index: dict[str, set[str]], key: str, id: str) -> None:
    members = index[key]
    members.discard(id)
    if not members:
        del index[key]
