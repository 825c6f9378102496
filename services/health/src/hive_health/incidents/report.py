"""The report of an incident: who did what when, from its stream. Pure."""

from collections.abc import Sequence
from datetime import datetime

from hive_contracts.codec import decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.health import EventBefore
from hive_contracts.incident import (
    AlertsChanged,
    AlertSeen,
    IncidentAcknowledged,
    IncidentEvent,
    IncidentMitigated,
    IncidentNoted,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    RunbookFailed,
    RunbookLaunched,
)
from hive_contracts.incident_report import (
    IncidentReport,
    IncidentSummary,
    TimelineEntry,
)
from hive_health.incidents.decider import Incident
from hive_health.incidents.register import Known


def summary_of(known: Known) -> IncidentSummary:
    return summary(known.opened, known.state, known.mission)


def summary(opened: IncidentOpened, state: Incident, mission: str = "") -> IncidentSummary:
    return IncidentSummary(
        opened.incident_id,
        opened.name,
        opened.cause,
        opened.title,
        state.severity,
        state.status,
        state.firing,
        opened.since_ms,
        opened.at_ms,
        state.resolved_ms if state.status == "resolved" else 0,
        state.reopened,
        opened.remedy,
        mission,
    )


class Story:
    """An incident's events, folded into what is told of it."""

    def __init__(self) -> None:
        self.timeline: list[TimelineEntry] = []
        self.alerts: dict[str, AlertSeen] = {}
        self.people: dict[str, None] = {}
        self._acknowledged: IncidentAcknowledged | None = None
        self._mitigated: IncidentMitigated | None = None
        self._resolved: IncidentResolved | None = None

    def tell(self, recorded: Recorded) -> None:
        event = decode_known(recorded)
        if not isinstance(event, IncidentEvent):
            return
        by = getattr(event, "by", "")
        if by:
            self.people.setdefault(by)
        text = self._fold(event)
        entry = TimelineEntry(event.at_ms, recorded.type, text, by, recorded.position)
        self.timeline.append(entry)

    def _fold(self, event: IncidentEvent) -> str:
        match event:
            case IncidentOpened(alerts=alerts, firing=firing, severity=severity):
                self._saw(alerts)
                detected = TimelineEntry(event.since_ms, "began", "the first of its alerts began")
                self.timeline.append(detected)
                return f"opened as a {severity}, {_many(firing)}: {event.title}"
            case AlertsChanged(firing=0):
                return "no alert fires"
            case AlertsChanged(firing=firing, alerts=alerts, severity=severity):
                self._saw(alerts)
                graver = f", a {severity} from now on" if severity else ""
                named = f": {', '.join(_short(alert) for alert in alerts[:3])}" if alerts else ""
                return f"{_many(firing)}{graver}{named}"
            case IncidentReopened(firing=firing, alerts=alerts, quiet=quiet):
                self._saw(alerts)
                self._resolved = None
                called = ", nobody was called again" if quiet else ""
                return f"opened again, {_many(firing)}{called}"
            case IncidentAcknowledged(note=note):
                self._acknowledged = self._acknowledged or event
                return _with("acknowledged", note)
            case IncidentMitigated(note=note):
                self._mitigated = self._mitigated or event
                return _with("mitigated", note)
            case IncidentResolved(by=by, note=note):
                self._resolved = event
                return _with("resolved" if by else "resolved: its alerts stayed away", note)
            case IncidentNoted(text=text):
                return text
            case RunbookLaunched(mission=mission):
                return f"runbook launched as {mission}, behind an approval"
            case RunbookFailed(reason=reason, remedy=remedy):
                return f"its runbook was not launched: {reason}" + (f" ({remedy})" * bool(remedy))
        return ""

    def _saw(self, alerts: Sequence[AlertSeen]) -> None:
        for alert in alerts:
            if alert.key not in self.alerts and (before := alert.preceded_by) is not None:
                self.timeline.append(_before(before))
            self.alerts.setdefault(alert.key, alert)

    def report(self, about: IncidentSummary) -> IncidentReport:
        acknowledged, mitigated, resolved = self._acknowledged, self._mitigated, self._resolved
        return IncidentReport(
            about,
            alerts=tuple(sorted(self.alerts.values(), key=lambda alert: alert.since_ms)),
            acknowledged_ms=acknowledged.at_ms if acknowledged else 0,
            acknowledged_by=acknowledged.by if acknowledged else "",
            mitigated_ms=mitigated.at_ms if mitigated else 0,
            mitigated_by=mitigated.by if mitigated else "",
            resolved_by=resolved.by if resolved else "",
            people=tuple(self.people),
            timeline=tuple(sorted(self.timeline, key=lambda entry: entry.at_ms)),
        )


def ms_of(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _before(event: EventBefore) -> TimelineEntry:
    """What came before a work became worse."""
    match event.kind:
        case "attempt":
            what = "the last attempt before it ended"
        case "settings":
            what = "the first attempt ended with other settings of its profile"
        case kind:
            what = f"another {kind} was launched"
    text = f"{what} (position {event.position})"
    return TimelineEntry(event.at_ms, "before", text, position=event.position)


def _many(firing: int) -> str:
    return "1 alert fires" if firing == 1 else f"{firing:,} alerts fire"


def _short(alert: AlertSeen) -> str:
    return f"{alert.name} {alert.about}".strip()


def _with(what: str, note: str) -> str:
    return f"{what}: {note}" if note else what
