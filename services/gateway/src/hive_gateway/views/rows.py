"""One struct for each table of the read models; the fields are the columns."""

from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from hive_contracts.budget import Cap, Purse
from hive_contracts.outcome import (
    Failure,
    GateResult,
    HandedOver,
    MergeDone,
    Usage,
    WorkDone,
)
from hive_contracts.plan import Origin, Repository, TaskKind, Tip

MissionStatus = Literal[
    "running", "waiting", "paused", "succeeded", "failed", "refused", "cancelled"
]
"""`waiting` is an open mission that needs a person or another mission to go on."""
MISSION_STATUSES: Final[tuple[MissionStatus, ...]] = get_args(MissionStatus)

TaskStatus = Literal[
    "queued",
    "leased",
    "running",
    "backing-off",
    "awaiting-approval",
    "awaiting-check",
    "taken",
    "awaiting-answer",
    "succeeded",
    "failed",
    "cancelled",
]
PhaseStatus = Literal["waiting", "running", "completed"]
RunnerStatus = Literal["connected", "closed"]


class Landing(msgspec.Struct, frozen=True):
    commit: str
    branch: str
    by: str
    at: datetime


class Release(msgspec.Struct, frozen=True):
    by: str
    reason: str
    at: datetime


class Pause(msgspec.Struct, frozen=True):
    reason: str
    by: str
    cap: Cap | Literal[""]
    paused_at: datetime


class MissionRow(msgspec.Struct, frozen=True):
    mission_id: str
    name: str
    series: str
    agent_type: str
    launched_at: datetime
    position: int
    """Of the launch."""
    status: MissionStatus = "running"
    reason: str = ""
    ended_at: datetime | None = None
    tasks: int = 0
    """Work that is known of so far."""
    tasks_done: int = 0
    """How much of it has succeeded."""
    pending: int = 0
    """Approvals and answers that people still owe."""
    unmet: tuple[str, ...] = ()
    tip: Tip | None = None
    landed: Landing | None = None
    """The last time."""
    released: Release | None = None
    pause: Pause | None = None
    """While it is paused."""
    purse: Purse | None = None
    """Where its budget stands; None without one."""
    deadline: float | None = None
    """Seconds from its launch until it is to have succeeded; what comes back of it has none."""
    again_as: str = ""
    """The mission that does its failed tasks again, and goes on from its branch: the last one."""


class MissionDetailRow(msgspec.Struct, frozen=True):
    mission_id: str
    objective: str
    repository: Repository | None
    traceparent: str
    command_id: str
    """The command that launched it."""
    origin: Origin | None = None


class PhaseRow(msgspec.Struct, frozen=True):
    mission_id: str
    name: str
    needs: tuple[str, ...]
    position: int
    command_id: str
    """The command that brought it."""
    status: PhaseStatus = "waiting"


class Approval(msgspec.Struct, frozen=True):
    """What a person was asked."""

    gate: str
    text: str
    requested_at: datetime
    answer: Literal["", "given", "refused", "void"] = ""
    """Empty while it waits; `void` when the task ended without one."""
    command_id: str = ""
    """The command that answered it."""
    by: tuple[str, ...] = ()
    """Who may answer; empty is anybody."""


class Asking(msgspec.Struct, frozen=True):
    """What an agent asked."""

    id: str
    text: str
    options: tuple[str, ...]
    asked_at: datetime
    at_work: bool
    """Whether its attempt waits for the answer at work."""
    over: bool = False
    """Whether it was answered, or nobody waits for an answer any more."""
    command_id: str = ""
    """The command that answered it."""


class Taken(msgspec.Struct, frozen=True):
    """Who has a task, and what they start from."""

    by: str
    since: datetime
    epoch: int
    tip: Tip | None = None
    awaited: bool = False
    """Whether what its agent left is still to come."""
    lost: str = ""
    """Why it will not come."""
    found: HandedOver | None = None


class TaskRow(msgspec.Struct, frozen=True):
    task_id: str
    mission_id: str
    name: str
    phase: str
    kind: TaskKind
    attempts: int
    planned_at: datetime
    changed_at: datetime
    position: int
    status: TaskStatus = "queued"
    epoch: int = 0
    attempt: int = 0
    """From 1; 0 before the first lease."""
    counted: int = 0
    """Attempts that failed by the agent's or a gate's fault."""
    step: str = ""
    runner_id: str = ""
    failure: Failure | None = None
    gates: tuple[GateResult, ...] = ()
    result: WorkDone | MergeDone | None = None
    approvals: tuple[Approval, ...] = ()
    asks: bool = False
    """Whether it has ever asked a person."""
    merged: bool = False
    usage: Usage | None = None
    """Of all its attempts so far."""
    taken: Taken | None = None
    question: Asking | None = None
    """What its agent asked last."""


class RunnerRow(msgspec.Struct, frozen=True):
    runner_id: str
    name: str
    session_id: str
    slots: int
    agents: tuple[str, ...]
    changed_at: datetime
    status: RunnerStatus = "connected"
