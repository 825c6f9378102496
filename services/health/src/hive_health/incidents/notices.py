"""What receivers are told of an incident. Pure.

standard   {"type": "incident.opened", "timestamp": …, "data": {…}}   https://www.standardwebhooks.com
chat       {"text": "…"}
pagerduty  Events API v2: trigger, acknowledge, resolve, under one dedup_key
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hive_contracts.files.incidents import ReceiverEntry, What
from hive_contracts.incident import (
    AlertsChanged,
    AnyIncidentEvent,
    IncidentAcknowledged,
    IncidentEvent,
    IncidentMitigated,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    RunbookFailed,
    RunbookLaunched,
)

TOLD: Final[dict[str, What]] = {
    IncidentOpened.__name__: "opened",
    AlertsChanged.__name__: "changed",
    IncidentReopened.__name__: "reopened",
    IncidentAcknowledged.__name__: "acknowledged",
    IncidentMitigated.__name__: "mitigated",
    IncidentResolved.__name__: "resolved",
    RunbookLaunched.__name__: "runbook",
    RunbookFailed.__name__: "runbook",
}
"""By type of event."""
ACTIONS: Final = {
    "opened": "trigger",
    "reopened": "trigger",
    "changed": "trigger",
    "acknowledged": "acknowledge",
    "resolved": "resolve",
}
"""PagerDuty's, by what happened; the others say nothing to it."""


class Facts(msgspec.Struct, frozen=True):
    """The `data` of a standard webhook."""

    incident: str
    """Its short name."""
    incident_id: str
    cause: str
    title: str
    severity: str
    firing: int
    text: str
    """One sentence for people."""
    next: str
    """The command to type."""
    position: int
    """Of the event in the record."""
    by: str = ""


def wants(event: AnyIncidentEvent, opened: IncidentOpened, to: ReceiverEntry) -> bool:
    """Whether a receiver is told of an event."""
    what = TOLD.get(type(event).__name__)
    if what is None:
        return False
    raised = isinstance(event, AlertsChanged) and event.severity is not None
    if what == "changed" and raised:
        what = "opened"  # it is graver now: whoever hears of opened ones hears of it
    if what not in to.when or (isinstance(event, IncidentReopened) and event.quiet):
        return False
    return to.severity == "ticket" or "page" in (opened.severity, getattr(event, "severity", None))


def body_of(
    event: AnyIncidentEvent,
    opened: IncidentOpened,
    severity: str,
    position: int,
    to: ReceiverEntry,
    routing_key: str = "",
) -> bytes | None:
    """The body of the POST; None where this form has no word for it."""
    what = TOLD[type(event).__name__]
    facts = facts_of(event, opened, severity, position)
    match to.format:
        case "chat":
            return msgspec.json.encode({"text": f"{facts.text}\n{facts.next}"})
        case "pagerduty":
            if (action := ACTIONS.get(what)) is None:
                return None
            return msgspec.json.encode(_pagerduty(action, facts, routing_key))
    at = datetime.fromtimestamp(event.at_ms / 1000, UTC).isoformat()
    return msgspec.json.encode({"type": f"incident.{what}", "timestamp": at, "data": facts})


def facts_of(
    event: AnyIncidentEvent, opened: IncidentOpened, severity: str, position: int
) -> Facts:
    assert isinstance(event, IncidentEvent)
    name = opened.name
    return Facts(
        name,
        event.incident_id,
        opened.cause,
        opened.title,
        severity,
        getattr(event, "firing", 0),
        _sentence(event, opened),
        f"hive incident show {name}",
        position,
        getattr(event, "by", ""),
    )


def _sentence(event: AnyIncidentEvent, opened: IncidentOpened) -> str:
    name, title = opened.name, opened.title
    match event:
        case IncidentOpened():
            then = f" Next: {opened.remedy}" if opened.remedy else ""
            return f"{name} ({opened.severity}): {title}.{then}"
        case AlertsChanged(firing=firing, severity=severity):
            graver = f", and it is a {severity} now" if severity else ""
            return f"{name}: {firing} alerts fire{graver}: {title}"
        case IncidentReopened():
            return f"{name} is back: {title}"
        case IncidentAcknowledged(by=by):
            return f"{name}: {by} sees to it: {title}"
        case IncidentMitigated(by=by):
            return f"{name} is mitigated, says {by}: {title}"
        case IncidentResolved(by=by):
            return f"{name} is resolved{f' by {by}' if by else ''}: {title}"
        case RunbookLaunched(mission=mission):
            return f"{name}: its runbook {mission} waits for your approval: {title}"
        case RunbookFailed(reason=reason):
            return f"{name}: its runbook was not launched: {reason}"
    return f"{name}: {title}"


def _pagerduty(action: str, facts: Facts, routing_key: str) -> dict[str, Any]:
    sent: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": facts.incident_id,
    }
    if action == "trigger":
        sent["payload"] = {
            "summary": facts.text[:1024],
            "source": "agent-hive",
            "severity": "critical" if facts.severity == "page" else "warning",
            "custom_details": {"cause": facts.cause, "firing": facts.firing, "next": facts.next},
        }
    return sent
