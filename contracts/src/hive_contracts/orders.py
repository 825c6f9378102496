"""What runners and the orchestrator say to each other: `hive.commands.orchestrator.beat`.

A beat says what a runner is doing, the reply what it should be doing. Both are whole, so that a
lost offer, cancellation or report heals with the next beat.
"""

from typing import Literal

import msgspec

from hive_contracts.plan import Failure, GatesRun, Step, WorkDone
from hive_contracts.task import TaskPlanned


class Holding(msgspec.Struct, frozen=True, omit_defaults=True):
    """An epoch that the runner knows: offered, at work, or reported and not forgotten yet."""

    task_id: str
    epoch: int
    state: Literal["starting", "running", "reported"] = "running"


class Beat(msgspec.Struct, frozen=True, tag="beat", omit_defaults=True):
    runner_id: str
    session_id: str
    name: str
    slots: int
    agents: tuple[str, ...] = ()
    draining: bool = False
    holding: tuple[Holding, ...] = ()
    closed: str = ""
    """Why it takes no new work for now, for people; empty while it does."""


class Canary(msgspec.Struct, frozen=True, tag="canary"):
    """A gateway's own beat: it proves that the hive could hear."""

    gateway: str


class Lease(msgspec.Struct, frozen=True, omit_defaults=True):
    """An epoch that this session should be working on."""

    epoch: int
    step: Step
    task: TaskPlanned
    attempt: int
    """Which attempt this is, from 1: epochs that failed by nobody's fault are not counted."""
    feedback: Failure | GatesRun | None = None
    """Why the attempt before it failed: input for this one."""
    result: WorkDone | None = None
    """With step `gates`: the work to be judged."""
    traceparent: str = ""
    hints: tuple[str, ...] = ()
    """What people told it, in order."""
    session: str = ""
    """The agent's own session of the attempt before, where it told one."""


class Orders(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that the session should be working on; whatever else it holds is to be stopped."""

    session_id: str
    leases: tuple[Lease, ...] = ()
    """What it holds already is named in `keep` instead."""
    keep: tuple[Holding, ...] = ()
    beat_seconds: float = 2


Heard = Beat | Canary
