"""The timers that run: a part of the board."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from hive_contracts.envelope import Recorded
from hive_contracts.ids import derived_id
from hive_contracts.mission import SpendWall
from hive_contracts.task import AnyTaskCommand, TimeOutTask
from hive_orchestrator.standing import WALL

STATE = "state"
QUESTION = "question"
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

    @property
    def purpose(self) -> str:
        """What it is for: an approval gate, by name, a question, the mission's own time or the
        task's state."""
        return _purpose(self.command)


class Timers:
    """Mutable, as the board is: one timer at most for each purpose of a task or mission."""

    def __init__(self, timers: Iterable[Timer] = ()) -> None:
        self.of: dict[str, dict[str, Timer]] = {}
        """By task or mission id, then by what they are for."""
        self._changes: dict[str, Timer | None] = {}
        for timer in timers:
            self.of.setdefault(timer.about, {})[timer.purpose] = timer

    def due(self, now: datetime) -> list[Timer]:
        """Timers whose moment has come, the earliest first."""
        found = (t for timers in self.of.values() for t in timers.values() if t.due_at <= now)
        return sorted(found, key=lambda timer: (timer.due_at, timer.id))

    def get(self, about: str, purpose: str) -> Timer | None:
        return self.of.get(about, {}).get(purpose)

    def start(self, cause: Recorded, delay: float, command: TimedCommand) -> None:
        """Let it ring `delay` seconds after the event that causes it, in place of the one before
        for the same purpose."""
        purpose = _purpose(command)
        due_at = cause.recorded_at + timedelta(seconds=delay)
        timer = Timer(derived_id(cause.id, "timer", purpose), due_at, command)
        self.of.setdefault(timer.about, {})[purpose] = timer
        self._changes[timer.id] = timer

    def stop(self, about: str, purpose: str) -> None:
        timers = self.of.get(about, {})
        timer = timers.pop(purpose, None)
        if timer is None:
            return
        if not timers:
            del self.of[about]
        if self._changes.get(timer.id) is not None:
            del self._changes[timer.id]
        else:
            self._changes[timer.id] = None

    def stop_all(self, about: str) -> None:
        for purpose in list(self.of.get(about, ())):
            self.stop(about, purpose)

    def take_changes(self) -> dict[str, Timer | None]:
        """What changed since the last call, by the timer's id; None is gone."""
        changes, self._changes = self._changes, {}
        return changes


def _purpose(command: TimedCommand) -> str:
    match command:
        case TimeOutTask(what="approval" | "check", gate=gate):
            return f"gate {gate}"
        case TimeOutTask(what="answer"):
            return QUESTION
        case SpendWall(limit=limit, spent=spent):
            return WALL[spent < limit]
    return STATE
