"""What people are told of a mission: pure."""

from typing import Final, Literal

import msgspec

from hive_contracts.codec import AnyEvent
from hive_contracts.envelope import Recorded
from hive_contracts.mission import (
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionRefused,
    MissionSucceeded,
)
from hive_contracts.task import ApprovalRequested

TOLD: Final = frozenset(
    type.__name__
    for type in (
        ApprovalRequested,
        MissionSucceeded,
        MissionFailed,
        MissionRefused,
        MissionCancelled,
    )
)
"""Types of events of which somebody may be told."""

Kind = Literal["needs-you", "succeeded", "failed", "refused", "cancelled"]


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON body of a webhook."""

    event: Kind
    mission: str
    """Its short name."""
    mission_id: str
    text: str
    """What is asked, or why it ended so."""
    position: int
    """Of the event in the record."""
    recorded_at: str
    """RFC 3339."""
    gate: str = ""
    """With `needs-you`: what waits."""
    next: str = ""
    """The command to type."""


def mission_of(event: AnyEvent) -> str:
    """The id of the mission that an event of these types is about."""
    id: str = getattr(event, "mission_id", "")
    return id


def notice(event: AnyEvent, recorded: Recorded, launched: MissionLaunched) -> Notice | None:
    """What is told of an event; None where nobody wants to hear of it."""
    if launched.notify is None:
        return None
    name, gate = launched.name, ""
    kind: Kind
    match event:
        case ApprovalRequested(gate=gate, text=text):
            kind, next = "needs-you", f"hive mission approve {name} --gate {gate}"
        case MissionSucceeded():
            kind, text, next = "succeeded", "it has succeeded", f"hive diff {name}"
        case MissionFailed(reason=text):
            kind, next = "failed", f"hive mission show {name}"
        case MissionRefused(reason=text):
            kind, next = "refused", f"hive mission show {name}"
        case MissionCancelled(reason=text):
            kind, next = "cancelled", f"hive mission show {name}"
        case _:
            return None
    when = launched.notify.when
    if when and ("needs-you" if kind == "needs-you" else "done") not in when:
        return None
    at = recorded.recorded_at.isoformat()
    return Notice(kind, name, launched.mission_id, text, recorded.position, at, gate, next)
