"""What people are told of a mission: pure."""

from typing import Final, Literal

import msgspec

from hive_contracts.codec import AnyEvent
from hive_contracts.envelope import Recorded
from hive_contracts.mission import (
    BudgetWarned,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionSucceeded,
)
from hive_contracts.task import ApprovalRequested, QuestionAsked

TOLD: Final = frozenset(
    type.__name__
    for type in (
        ApprovalRequested,
        QuestionAsked,
        MissionPaused,
        BudgetWarned,
        MissionSucceeded,
        MissionFailed,
        MissionRefused,
        MissionCancelled,
    )
)
"""Types of events of which somebody may be told."""

Kind = Literal["needs-you", "paused", "near-cap", "succeeded", "failed", "refused", "cancelled"]


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


_ASKED_FOR: Final[dict[str, Literal["needs-you", "paused"]]] = {
    "needs-you": "needs-you",
    "paused": "paused",
    "near-cap": "paused",
}
"""What a kind is called in `notify.when`; all others are `done`."""


def near_cap(event: BudgetWarned) -> str:
    match event.cap:
        case "usd":
            used = f"${event.used:.2f} of ${event.limit:.2f}"
        case "tokens":
            used = f"{event.used:,.0f} of {event.limit:,.0f} tokens"
        case "wall":
            used = f"{event.used / 60:.0f} of {event.limit / 60:.0f} minutes"
    return f"{used} are used"


def _adding(cap: str) -> str:
    return {"usd": " --add usd=20", "tokens": " --add tokens=1M", "wall": " --add wall=1h"}.get(
        cap, ""
    )


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
        case QuestionAsked(question=question):
            text = question.text
            kind, next = "needs-you", f"hive why {name}"
        case MissionPaused(reason=text, cap=cap):
            kind, next = "paused", f"hive resume {name}{_adding(cap)}"
            text = text or f"{event.by} paused it"
        case BudgetWarned(cap=cap):
            kind, text, next = "near-cap", near_cap(event), f"hive budget {name}{_adding(cap)}"
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
    if when and _ASKED_FOR.get(kind, "done") not in when:
        return None
    at = recorded.recorded_at.isoformat()
    return Notice(kind, name, launched.mission_id, text, recorded.position, at, gate, next)
