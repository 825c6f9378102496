"""A decision as a step of its mission's trace.

Everything about a mission is one trace, that of its launch. What comes from elsewhere (a person's
answer, the end of a runner's session, the success of another mission) has a trace of its own: it is
linked to, and the step goes on from the last event of what it is about.
"""

from typing import Final

from msgspec import Struct

from hive_contracts.mission import MeetPrerequisite, RaiseBudget, ResumeMission
from hive_contracts.task import ApproveGate, LoseLease, RejectGate, RequeueTask, TimeOutTask
from hive_shared.telemetry import Span, parent_of, span

ENDS_A_WAIT: Final = (
    ApproveGate,
    RejectGate,
    RequeueTask,
    TimeOutTask,
    LoseLease,
    MeetPrerequisite,
    ResumeMission,
    RaiseBudget,
)
"""After a person, a timer or a runner: the step also links to the one that began the wait."""


def deciding(command: Struct, cause: str, before: str) -> Span:
    """The step that decides a command.

    `cause` is the context of what gave it, `before` that of the last event of its stream; empty
    where there is none.
    """
    parent = parent_of(cause, before)
    links = {before} if isinstance(command, ENDS_A_WAIT) else set()
    if cause != parent:
        links.add(cause)
    return span(f"decide {type(command).__name__}", parent, sorted(links - {""}))
