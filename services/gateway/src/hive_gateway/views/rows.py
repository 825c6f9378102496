"""One struct for each table of the read models; the fields are the columns."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from hive_contracts.plan import (
    Failure,
    GateResult,
    MergeDone,
    Repository,
    TaskKind,
    Tip,
    Usage,
    WorkDone,
)

MissionStatus = Literal["running", "waiting", "succeeded", "failed", "refused", "cancelled"]
"""`waiting` is an open mission that needs a person or another mission to go on."""
MISSION_STATUSES: Final = ("running", "waiting", "succeeded", "failed", "refused", "cancelled")

TaskStatus = Literal[
    "queued",
    "leased",
    "running",
    "backing-off",
    "awaiting-approval",
    "succeeded",
    "failed",
    "cancelled",
]
PhaseStatus = Literal["waiting", "running", "completed"]
RunnerStatus = Literal["connected", "closed"]


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
    """Approvals that people still owe."""
    unmet: tuple[str, ...] = ()
    tip: Tip | None = None


class MissionDetailRow(msgspec.Struct, frozen=True):
    mission_id: str
    objective: str
    repository: Repository | None
    traceparent: str
    command_id: str
    """The command that launched it."""


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
    """Whether it has ever asked for an approval."""
    merged: bool = False
    usage: Usage | None = None
    """Of all its attempts so far."""


class RunnerRow(msgspec.Struct, frozen=True):
    runner_id: str
    name: str
    session_id: str
    slots: int
    agents: tuple[str, ...]
    changed_at: datetime
    status: RunnerStatus = "connected"
