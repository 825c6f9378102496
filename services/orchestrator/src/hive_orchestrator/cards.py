"""What is on the board: the card of a task, timers, and what of them is to be kept anew."""

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from hive_contracts.mission import (
    SpendWall,
)
from hive_contracts.runner import SessionOpened
from hive_contracts.task import (
    AnyTaskCommand,
    TimeOutTask,
)
from hive_orchestrator.prerequisites import WaitChanges
from hive_orchestrator.standing import WALL, Standing

Status = Literal["queued", "leased", "running", "waiting", "taken"]
"""`waiting` is for its back-off, for a person, or for its next event in the same append; with a
session, `taken` is for the handover of its epoch."""


class Card(Struct, frozen=True, omit_defaults=True):
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
    since_ms: int = 0
    """When that was, by the record's clock: milliseconds since 1970."""
    status: Status = "queued"
    gating: bool = False
    """Whether its next lease is for gates: no agent is needed then."""
    finished: bool = False
    """Whether its next lease hands in what a person has finished: no agent is needed then."""
    done: bool = False
    """Whether it has succeeded, and may be sent back until its work is merged."""
    orphaned: bool = False
    """Whether its mission has ended: nobody will merge it or send it back."""
    epoch: int = 0
    runner_id: str = ""
    session_id: str = ""
    traceparent: str = ""
    """The context of its last event, which causes the next step."""
    exclusive: bool = False
    lost: bool = False
    """Whether it is exclusive and its last lease was lost: it may still be at work somewhere."""

    @property
    def wants(self) -> str:
        """The agent that its next lease needs; empty for none."""
        return "" if self.gating or self.finished else self.agent


TimedCommand = AnyTaskCommand | SpendWall


class Timer(Struct, frozen=True):
    """A command that is due at a moment of database time, sent under the timer's id."""

    id: str
    due_at: datetime
    command: TimedCommand

    @property
    def about(self) -> str:
        """The id of the task, or of the mission, that it is about."""
        match self.command:
            case SpendWall(mission_id=id):
                return id
            case command:
                return command.task_id


class Changes(Struct):
    """What is to be kept anew, by key; None is gone."""

    cards: dict[str, Card | None] = field(default_factory=dict)
    timers: dict[str, Timer | None] = field(default_factory=dict)
    prerequisites: WaitChanges = field(default_factory=WaitChanges)
    sessions: dict[str, SessionOpened | None] = field(default_factory=dict)
    runners: set[str] = field(default_factory=set)
    """Runners whose orders are not what they were."""
    standings: dict[str, Standing | None] = field(default_factory=dict)


STATE = "state"
QUESTION = "question"


def purpose_of(timer: Timer) -> str:
    """What a timer is for: an approval gate, by name, or the task's state."""
    match timer.command:
        case TimeOutTask(what="approval" | "check", gate=gate):
            return f"gate {gate}"
        case TimeOutTask(what="answer"):
            return QUESTION
        case SpendWall(limit=limit, spent=spent):
            return WALL[spent < limit]
    return STATE
