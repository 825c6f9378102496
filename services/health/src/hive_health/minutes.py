"""The minutes of open tasks: worked on, waiting for a runner, or stuck. Pure.

    planned ──▶ queued ──attempt begins──▶ working ──▶ its gates, again, or the end
                  │ five minutes on: stuck    └── its runner loses it: those minutes again, stuck

They are counted while they pass, each in the minute that it is, whether or not anything is recorded
of the task. A lease that has not begun is a wait like any other. What waits for people counts
nothing: approvals, questions, tasks that somebody has taken, paused missions. Nor does what waits
while the error-budget policy lets agents' work take fewer slots: that it waits is what was wanted,
and a restraint that burnt the budget by which it was entered would never end.

All moments are seconds since 1970, by the record's clock.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, Literal

import msgspec

from hive_contracts.slo.catalogue import MINUTES
from hive_health.tally import Increments, Series

QUEUE_SECONDS: Final = 300.0
"""So long may a task wait for a runner before its minutes are stuck ones."""

TYPES: Final = (
    "TaskPlanned", "TaskLeased", "AttemptStarted", "LeaseLost", "LeaseWithdrawn",
    "AttemptSucceeded", "AttemptFailed", "GatesJudged", "RetryScheduled", "TaskRequeued",
    "ApprovalRequested", "CheckAwaited", "TaskTaken", "TaskGiven", "QuestionAsked",
    "QuestionAnswered", "TaskReopened", "TaskSucceeded", "TaskFailed", "TaskCancelled",
    "MissionPaused", "MissionResumed",
    "PolicyConfigured", "PolicyTightened", "PolicyRelaxed", "PolicyOverridden",
    "PolicyOverrideEnded",
)  # fmt: skip
"""Events that move a task from one to the other."""

State = Literal["queued", "working", "asking", "waiting"]
"""`asking` is at work, and waits for a person's answer; `waiting` is anything else that counts
nothing."""


class Move(msgspec.Struct, frozen=True):
    """A row of `queries/moves.sql`."""

    stream: str
    type: str
    at: float
    mission: str
    agent: bool
    """Whether an agent does the task's work."""
    detail: str


class OpenTask(msgspec.Struct):
    """A row of `health.open_tasks`."""

    stream: str
    mission: str
    agent: bool
    gating: bool = False
    """Whether it waits for its gates: no agent is needed then."""
    state: State = "waiting"
    held: bool = False
    """Whether it is in the queue and must not be leased."""
    since: float = 0
    """When it came into the state, as if it had never been held there."""
    waited: float = 0
    """Seconds that it had waited when it was held."""
    counted: float = 0
    """Up to where its minutes are counted, unless all are counted further."""


class Minutes:
    """Mutable, as it is folded at every event of every task."""

    def __init__(
        self,
        until: float = 0,
        tasks: Iterable[OpenTask] = (),
        paused: Iterable[str] = (),
        *,
        fewer_slots: bool = False,
        overridden: bool = False,
    ) -> None:
        self.until = until
        """All minutes before it are counted."""
        self.tasks = {task.stream: task for task in tasks}
        self.paused = set(paused)
        self.fewer_slots = fewer_slots
        self.overridden = overridden
        self.paused_changed = False
        self.changed: set[str] = set()
        """Streams of tasks that are to be kept anew; what is open no more is among them."""
        self._passed: Counter[tuple[str, int]] = Counter()
        """Seconds by state and minute, of minutes that were no whole ones."""
        self._whole: dict[str, Counter[int]] = {
            "working": Counter(),
            "queued": Counter(),
            "stuck": Counter(),
        }
        """By state and minute, how many tasks more than in the minute before were in it as a whole:
        however long nobody has counted, a task costs the same."""

    def fold(self, move: Move) -> None:
        match move.type:
            case "MissionPaused":
                self.paused.add(move.mission)
                self.paused_changed = True
                self._hold(move.at, move.mission)
            case "MissionResumed":
                self.paused.discard(move.mission)
                self.paused_changed = True
                self._hold(move.at, move.mission)
            case "PolicyOverridden" | "PolicyOverrideEnded":
                self.overridden = move.type == "PolicyOverridden"
                self._hold(move.at)
            case "PolicyConfigured" | "PolicyTightened" | "PolicyRelaxed":
                self.fewer_slots = bool(move.detail)
                self._hold(move.at)
            case "TaskSucceeded" | "TaskFailed" | "TaskCancelled":
                task = self.tasks.pop(move.stream, None)
                if task is not None:
                    self._count(task, move.at)
                    self.changed.add(move.stream)
            case _:
                task = self.tasks.get(move.stream)
                if task is None:
                    task = OpenTask(move.stream, move.mission, move.agent, counted=move.at)
                    self.tasks[move.stream] = task
                self.changed.add(move.stream)
                self._count(task, move.at)
                self._move(task, move)

    def grow(self, until: float) -> None:
        """Count what has passed of all tasks by then."""
        if until <= self.until:
            return
        for task in self.tasks.values():
            self._count(task, until)
        self.until = until

    def take(self) -> Increments:
        """What was counted since the last call: minutes, by state and minute."""
        passed, self._passed = self._passed, Counter()
        for state, steps in self._whole.items():
            tasks = 0
            for minute, following in pairwise([*sorted(steps), 0]):
                tasks += steps[minute]
                for each in range(minute, following) if tasks else ():
                    passed[state, each] += 60 * tasks
            steps.clear()
        found: Increments = Counter()
        for (state, minute), seconds in passed.items():
            series = Series(MINUTES.name, (("state", state),))
            at = datetime.fromtimestamp(minute * 60, UTC)
            if seconds > 0:
                found[series, at] += seconds / 60  # type: ignore[assignment]
        return found

    def _move(self, task: OpenTask, move: Move) -> None:
        match move.type:
            case "TaskLeased":
                pass  # it waits until its attempt begins
            case "TaskPlanned" | "TaskReopened":
                self._queue(task, move.at, gating=False)
            case "TaskGiven":
                self._queue(task, move.at, gating=move.detail == "done")
            case "AttemptSucceeded":
                self._queue(task, move.at, gating=True)
            case "LeaseLost" | "LeaseWithdrawn" if task.state == "queued":
                pass  # nothing of it had begun: it waits on
            case "LeaseLost":
                if task.state == "working" and not move.detail:
                    self._passes("stuck", task.since, move.at)
                self._queue(task, move.at)
            case "LeaseWithdrawn" | "TaskRequeued":
                self._queue(task, move.at)
            case "QuestionAnswered" if task.state != "asking":
                self._queue(task, move.at, gating=False)
            case "AttemptStarted" | "QuestionAnswered":
                task.state, task.since, task.held = "working", move.at, False
            case "QuestionAsked" if move.detail:
                task.state, task.held = "asking", False
            case "AttemptFailed":
                task.state, task.held = "waiting", False
                # Gates that could not be run are run again; else the work is done anew.
                task.gating = task.gating and move.detail in ("infrastructure", "limit")
            case _:
                task.state, task.held = "waiting", False

    def _queue(self, task: OpenTask, at: float, *, gating: bool | None = None) -> None:
        task.state, task.since, task.waited = "queued", at, 0.0
        task.gating = task.gating if gating is None else gating
        task.held = self._is_held(task)

    def _is_held(self, task: OpenTask) -> bool:
        fewer = self.fewer_slots and not self.overridden and task.agent and not task.gating
        return fewer or task.mission in self.paused

    def _hold(self, at: float, mission: str = "") -> None:
        """What may be leased is another now, of one mission or of all."""
        for task in self.tasks.values():
            if task.state != "queued" or (mission and task.mission != mission):
                continue
            held = self._is_held(task)
            if held == task.held:
                continue
            self._count(task, at)
            if held:
                task.waited = at - task.since
            else:
                task.since = at - task.waited
            task.held = held
            task.counted = max(task.counted, at)
            self.changed.add(task.stream)

    def _count(self, task: OpenTask, until: float) -> None:
        start = max(task.counted, self.until)
        task.counted = max(start, until)
        if task.state == "working":
            self._passes("working", start, until)
        elif task.state == "queued" and not task.held:
            late = task.since + QUEUE_SECONDS
            self._passes("queued", start, min(until, late))
            self._passes("stuck", max(start, late), until)

    def _passes(self, state: str, start: float, until: float) -> None:
        if start >= until:
            return
        first, last = int(start // 60), int(until // 60)
        if first == last:
            self._passed[state, first] += until - start  # type: ignore[assignment]
            return
        self._passed[state, first] += (first + 1) * 60 - start  # type: ignore[assignment]
        self._passed[state, last] += until - last * 60  # type: ignore[assignment]
        self._whole[state][first + 1] += 1
        self._whole[state][last] -= 1
