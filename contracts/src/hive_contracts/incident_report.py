"""What health is asked about incidents, as NATS requests. Each answer may be a `Refused` instead.

hive.commands.health.incidents      IncidentsQuery -> Incidents
hive.commands.health.incident       IncidentQuery -> IncidentReport
hive.commands.health.tell_incident  TellIncident -> IncidentTold
"""

from typing import Final, Literal

from hive_contracts.incident import AlertSeen, Severity
from hive_contracts.plan import Value
from hive_contracts.subjects import command_subject

INCIDENTS: Final = command_subject("health", "incidents")
INCIDENT: Final = command_subject("health", "incident")
TELL_INCIDENT: Final = command_subject("health", "tell_incident")

Verb = Literal["acknowledge", "mitigate", "resolve", "note"]


class IncidentsQuery(Value, frozen=True):
    limit: int = 50


class IncidentQuery(Value, frozen=True):
    incident: str
    """Its short name or id."""


class TellIncident(Value, frozen=True):
    command_id: str
    actor: str
    incident: str
    verb: Verb
    note: str = ""
    anyway: bool = False


class IncidentSummary(Value, frozen=True):
    """Moments are milliseconds since 1970; 0 is never."""

    incident_id: str
    name: str
    cause: str
    title: str
    severity: Severity
    status: str
    firing: int = 0
    since_ms: int = 0
    """When the first of its alerts began."""
    opened_ms: int = 0
    resolved_ms: int = 0
    reopened: int = 0
    """How often."""
    remedy: str = ""
    mission: str = ""
    """Its runbook's, by its short name."""


class Incidents(Value, frozen=True, tag="incidents"):
    incidents: tuple[IncidentSummary, ...] = ()
    """Those that are not resolved first, the newest first."""
    problem: str = ""
    """What is wrong with the file of incidents; the last one that was right counts."""


class TimelineEntry(Value, frozen=True):
    at_ms: int
    what: str
    """The event's type, or a word for what else is known."""
    text: str
    by: str = ""
    position: int = 0
    """In the record; 0 for what is not recorded."""


class Happened(Value, frozen=True):
    """Events of one type that lie in the incident's time."""

    type: str
    count: int
    first_ms: int
    last_ms: int
    first_position: int


class IncidentReport(Value, frozen=True, tag="report"):
    summary: IncidentSummary
    alerts: tuple[AlertSeen, ...] = ()
    """All that were named, the first one first."""
    acknowledged_ms: int = 0
    acknowledged_by: str = ""
    mitigated_ms: int = 0
    mitigated_by: str = ""
    resolved_by: str = ""
    people: tuple[str, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    happened: tuple[Happened, ...] = ()
    """What the record has between its first alert, a little earlier, and its end."""
    missions: tuple[str, ...] = ()
    """Short names of missions of which something failed, lost its runner or was paused then."""
    missions_more: int = 0
    left_out: str = ""
    """What was not looked at, and why."""


class IncidentTold(Value, frozen=True, tag="told"):
    summary: IncidentSummary
    position: int = 0
    """Of what was recorded; 0 where nothing had to be."""
