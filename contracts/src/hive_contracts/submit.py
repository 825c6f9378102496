"""How commands reach the orchestrator: `hive.commands.orchestrator.submit`.

A request carries a list of submissions, the reply an answer for each, in the same order. The header
`Hive-Deadline-Ms` says how long the caller still waits.
"""

import msgspec

from hive_contracts.mission import (
    CancelMission,
    ExtendMission,
    LaunchMission,
    PauseMission,
    RaiseBudget,
    RecordLanding,
    ReleaseMission,
    ResumeMission,
)
from hive_contracts.task import (
    AnswerQuestion,
    ApproveGate,
    AskQuestion,
    ConcludeCheck,
    GiveTask,
    LoseLease,
    RejectGate,
    ReportAttempt,
    ReportUsage,
    StartAttempt,
    TakeTask,
    TellTask,
)

Submittable = (
    LaunchMission
    | ExtendMission
    | CancelMission
    | RecordLanding
    | ReleaseMission
    | PauseMission
    | ResumeMission
    | RaiseBudget
    | ApproveGate
    | RejectGate
    | ConcludeCheck
    | TellTask
    | TakeTask
    | GiveTask
    | AskQuestion
    | AnswerQuestion
    | StartAttempt
    | ReportAttempt
    | LoseLease
    | ReportUsage
)
"""What may come from outside; all other commands are the orchestrator's own."""


class Submission(msgspec.Struct, frozen=True, omit_defaults=True):
    command_id: str
    """UUIDv7; the command takes effect once under it, per actor."""
    actor: str
    command: Submittable
    traceparent: str = ""


class Accepted(msgspec.Struct, frozen=True, tag="accepted", omit_defaults=True):
    position: int
    """Read at this position or later to see the command's effect."""
    id: str = ""
    """The mission's id, where one was launched or extended."""
    name: str = ""
    """Its short name."""
    repeated: bool = False
    """The command had taken effect before; this is its first answer."""


class Refused(msgspec.Struct, frozen=True, tag="refused", omit_defaults=True):
    """Nothing was changed."""

    code: str
    """`invalid`, `not-found`, `conflict`, `stale`, `reused`, `too-old` or `unavailable`."""
    message: str
    where: str = ""
    remedy: str = ""


Answer = Accepted | Refused
