"""An incident, from its first alert to its end. Pure.

    nothing ──alerts──▶ open ──▶ acknowledged ──▶ mitigated
                         ▲ └───────────┴─────────────┴── calm for long, or a person ──▶ resolved
                         └──────────────── alerts again, soon after ──────────────────────┘

Events are few however many alerts there are: changes are told at once only where they say more
than a number does, and else ever more seldom.
"""

from typing import Final, Literal, assert_never

import msgspec

from hive_contracts.incident import (
    AcknowledgeIncident,
    AlertsChanged,
    AlertSeen,
    AnyIncidentCommand,
    AnyIncidentEvent,
    FailRunbook,
    IncidentAcknowledged,
    IncidentMitigated,
    IncidentNoted,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    MitigateIncident,
    NoteIncident,
    NoteRunbook,
    ObserveAlerts,
    ResolveIncident,
    RunbookFailed,
    RunbookLaunched,
    Severity,
)

AT_ONCE_MS: Final = 10_000
"""Between two events that say that alerts came or went altogether."""
COUNTED_MS: Final = 60_000
"""Between two that say that there are more or fewer."""
SELDOM_MS: Final = 600_000
"""The same, once there were many of them."""
MANY_CHANGES: Final = 20
MOST_TOLD: Final = 100
"""Alerts that are named in one incident; further ones are counted."""
MOST_DOUBLINGS: Final = 4

Status = Literal["none", "open", "acknowledged", "mitigated", "resolved"]


class NotNow(Exception):
    """A person asked for what cannot be done."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Incident(msgspec.Struct, frozen=True):
    opened: IncidentOpened | None = None
    status: Status = "none"
    severity: Severity = "ticket"
    firing: int = 0
    told: frozenset[str] = frozenset()
    """Keys of alerts that were named."""
    changed_ms: int = 0
    changes: int = 0
    calm_ms: int = 0
    """Since when no alert fires."""
    resolved_ms: int = 0
    called_ms: int = 0
    """When people were called last."""
    reopened: int = 0
    runbook_done: bool = False
    """It was launched, or cannot be."""


INITIAL: Final = Incident()


def decide(state: Incident, command: AnyIncidentCommand) -> list[AnyIncidentEvent]:
    """Raises NotNow."""
    if isinstance(command, ObserveAlerts):
        return _observe(state, command)
    if state.opened is None:
        raise NotNow("there is no such incident", "`hive incidents` lists those that there are")
    id, at = command.incident_id, command.at_ms
    match command:
        case AcknowledgeIncident(by=by, note=note):
            if state.status == "resolved":
                raise NotNow("it is resolved already")
            return [] if state.status != "open" else [IncidentAcknowledged(id, at, by, note)]
        case MitigateIncident(by=by, note=note):
            if state.status == "resolved":
                raise NotNow("it is resolved already")
            return [] if state.status == "mitigated" else [IncidentMitigated(id, at, by, note)]
        case ResolveIncident(by=by, note=note, anyway=anyway):
            if state.status == "resolved":
                return []
            if state.firing and not anyway:
                raise NotNow(
                    f"{state.firing:,} of its alerts still fire"
                    if state.firing > 1
                    else "an alert of it still fires",
                    "end what they are about, or `hive incident mitigate`; with --anyway it is"
                    " resolved all the same, and these alerts are left alone until they were gone",
                )
            return [IncidentResolved(id, at, by, note)]
        case NoteIncident(by=by, text=text):
            return [IncidentNoted(id, at, by, text)]
        case NoteRunbook(mission_id=mission_id, mission=mission):
            return [] if state.runbook_done else [RunbookLaunched(id, at, mission_id, mission)]
        case FailRunbook(reason=reason, remedy=remedy):
            return [] if state.runbook_done else [RunbookFailed(id, at, reason, remedy)]
    assert_never(command)


def _observe(state: Incident, seen: ObserveAlerts) -> list[AnyIncidentEvent]:
    match state.status:
        case "none":
            return [_opened(seen)] if seen.firing else []
        case "resolved":
            return _observe_resolved(state, seen)
    if not seen.firing:
        return _observe_calm(state, seen)
    graver = seen.severity if _is_graver(seen.severity, state.severity) else None
    new = _new(state, seen.alerts)
    since = seen.at_ms - state.changed_ms
    many = state.changes >= MANY_CHANGES
    came_back = not state.firing and since >= AT_ONCE_MS
    differs = bool(new) or seen.firing != state.firing
    counted = differs and since >= (SELDOM_MS if many else COUNTED_MS)
    if graver or came_back or counted:
        return [AlertsChanged(seen.incident_id, seen.at_ms, seen.firing, new, graver)]
    return []


def _observe_calm(state: Incident, seen: ObserveAlerts) -> list[AnyIncidentEvent]:
    if state.firing:
        if seen.at_ms - state.changed_ms < AT_ONCE_MS:
            return []
        return [AlertsChanged(seen.incident_id, seen.at_ms, 0)]
    doubled = 2 ** min(state.reopened, MOST_DOUBLINGS)
    if seen.at_ms - state.calm_ms >= seen.patience.resolve_after * doubled * 1000:
        return [IncidentResolved(seen.incident_id, seen.at_ms)]
    return []


def _observe_resolved(state: Incident, seen: ObserveAlerts) -> list[AnyIncidentEvent]:
    if state.firing:
        # A person resolved it though these fired: they count again once they were gone.
        return [] if seen.firing else [AlertsChanged(seen.incident_id, seen.at_ms, 0)]
    if not seen.firing or not reopens(state, seen.at_ms, seen.patience.reopen_within):
        return []
    quiet = seen.at_ms - state.called_ms < seen.patience.page_again * 1000
    new = _new(state, seen.alerts)
    return [IncidentReopened(seen.incident_id, seen.at_ms, seen.firing, new, quiet)]


def reopens(state: Incident, at_ms: int, within: float) -> bool:
    """Whether alerts of its cause belong to it, though it was resolved."""
    return bool(state.firing) or at_ms - state.resolved_ms < within * 1000


def _opened(seen: ObserveAlerts) -> IncidentOpened:
    return IncidentOpened(
        seen.incident_id,
        seen.at_ms,
        name=seen.name,
        cause=seen.cause,
        number=seen.number,
        title=seen.title,
        severity=seen.severity,
        firing=seen.firing,
        alerts=seen.alerts,
        since_ms=seen.since_ms or seen.at_ms,
        remedy=seen.remedy,
        runbook=seen.runbook,
    )


def _new(state: Incident, alerts: tuple[AlertSeen, ...]) -> tuple[AlertSeen, ...]:
    room = max(0, MOST_TOLD - len(state.told))
    return tuple(alert for alert in alerts if alert.key not in state.told)[:room]


def _is_graver(one: Severity, other: Severity) -> bool:
    return one == "page" and other == "ticket"


def evolve(state: Incident, event: AnyIncidentEvent) -> Incident:
    replace = msgspec.structs.replace
    at = event.at_ms
    match event:
        case IncidentOpened():
            told = frozenset(alert.key for alert in event.alerts)
            return Incident(
                event, "open", event.severity, event.firing, told, changed_ms=at, called_ms=at
            )
        case AlertsChanged(firing=firing, alerts=alerts, severity=severity):
            return replace(
                state,
                firing=firing,
                severity=severity or state.severity,
                told=state.told | {alert.key for alert in alerts},
                changed_ms=at,
                changes=state.changes + 1,
                calm_ms=at if not firing else state.calm_ms,
                called_ms=at if severity else state.called_ms,
            )
        case IncidentReopened(firing=firing, alerts=alerts, quiet=quiet):
            return replace(
                state,
                status="open",
                firing=firing,
                told=state.told | {alert.key for alert in alerts},
                changed_ms=at,
                called_ms=state.called_ms if quiet else at,
                reopened=state.reopened + 1,
            )
        case IncidentAcknowledged():
            return replace(state, status="acknowledged")
        case IncidentMitigated():
            return replace(state, status="mitigated")
        case IncidentResolved():
            return replace(state, status="resolved", resolved_ms=at)
        case IncidentNoted():
            return state
        case RunbookLaunched() | RunbookFailed():
            return replace(state, runbook_done=True)
    assert_never(event)
