"""Incidents: events and commands of the category `incident`.

An incident has one cause, and is told once, however many alerts follow from that cause. Its stream
is `incident-<id>`, and the id follows from cause and number, so that nobody can open it twice.
"""

import hashlib
import re
from typing import Final, Literal, get_args

import msgspec

from hive_contracts.health import EventBefore, Kind
from hive_contracts.plan import Value

SAMPLES: Final = 20
"""Of the alerts of one cause, so many are named in an event; the others are counted."""
MAX_TEXT: Final = 500
"""Characters of one text of an alert."""
MAX_NOTE: Final = 4_000
"""Characters of what a person writes."""

Severity = Literal["page", "ticket"]
"""`page` cannot wait until tomorrow."""
Source = Literal["health", "objectives", "alertmanager"]

_SLUG: Final = re.compile(r"[^a-z0-9]+")
_SLUG_LENGTH: Final = 30


class AlertSeen(Value, frozen=True):
    """What somebody raised an alarm about. Its texts come from elsewhere: they are shown, never
    obeyed."""

    name: str
    """What kind of thing it is: a named trouble, `slo-<objective>`, or an alert's name."""
    about: str = ""
    """What it is about: a service, a runner, a host."""
    text: str = ""
    remedy: str = ""
    severity: Severity = "ticket"
    source: Source = "health"
    since_ms: int = 0
    """When it began, in milliseconds since 1970, as its source says."""
    preceded_by: EventBefore | None = None
    """Of a work that became worse: the event that came before."""

    @property
    def key(self) -> str:
        return f"{self.source} {self.name} {self.about}"


class IncidentEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    incident_id: str
    at_ms: int
    """When it was decided, in milliseconds since 1970."""


class IncidentOpened(IncidentEvent, frozen=True):
    name: str
    """What people call it: `record-away-3`."""
    cause: str
    """What its alerts have in common; at most one incident of a cause is not resolved."""
    number: int
    """Of this cause's incidents; the first is 1."""
    title: str
    severity: Severity
    firing: int
    """How many alerts fire."""
    alerts: tuple[AlertSeen, ...]
    """Some of them: those that began last."""
    since_ms: int
    """When the first of them began."""
    remedy: str = ""
    runbook: str = ""
    """The mission file that is to be launched for it; empty for none."""


class AlertsChanged(IncidentEvent, frozen=True):
    firing: int
    alerts: tuple[AlertSeen, ...] = ()
    """Some of those that were not told before."""
    severity: Severity | None = None
    """Where it is graver than before."""


class IncidentReopened(IncidentEvent, frozen=True):
    """Its alerts came back soon after it was resolved: it is the same incident."""

    firing: int
    alerts: tuple[AlertSeen, ...] = ()
    quiet: bool = False
    """Nobody is called again: people were, not long ago."""


class IncidentAcknowledged(IncidentEvent, frozen=True):
    """Somebody sees to it."""

    by: str
    note: str = ""


class IncidentMitigated(IncidentEvent, frozen=True):
    """It does no harm any more, though its cause may still be there."""

    by: str
    note: str = ""


class IncidentResolved(IncidentEvent, frozen=True):
    by: str = ""
    """Empty: its alerts had been quiet for long enough."""
    note: str = ""


class IncidentNoted(IncidentEvent, frozen=True):
    by: str
    text: str


class RunbookLaunched(IncidentEvent, frozen=True):
    """The mission waits for a person's approval before anything is done."""

    mission_id: str
    mission: str
    """Its short name."""


class RunbookFailed(IncidentEvent, frozen=True):
    """Its runbook could not be launched, and will not be."""

    reason: str
    remedy: str = ""


AnyIncidentEvent = (
    IncidentOpened
    | AlertsChanged
    | IncidentReopened
    | IncidentAcknowledged
    | IncidentMitigated
    | IncidentResolved
    | IncidentNoted
    | RunbookLaunched
    | RunbookFailed
)


class Patience(Value, frozen=True):
    """How incidents are kept few and calm; seconds."""

    resolve_after: float = 300
    """Without an alert it is resolved; each time that it came back doubles this."""
    reopen_within: float = 3600
    """So soon after it was resolved, alerts of its cause open it again."""
    page_again: float = 3600
    """For so long after people were called, nobody is called because it came back."""


class IncidentCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    incident_id: str
    at_ms: int


class ObserveAlerts(IncidentCommand, frozen=True):
    """What is known now of the alerts of its cause."""

    name: str
    cause: str
    number: int
    firing: int
    alerts: tuple[AlertSeen, ...] = ()
    """At most `SAMPLES`, those that began last first."""
    since_ms: int = 0
    severity: Severity = "ticket"
    title: str = ""
    remedy: str = ""
    runbook: str = ""
    patience: Patience = Patience()


class AcknowledgeIncident(IncidentCommand, frozen=True):
    by: str
    note: str = ""


class MitigateIncident(IncidentCommand, frozen=True):
    by: str
    note: str = ""


class ResolveIncident(IncidentCommand, frozen=True):
    by: str
    note: str = ""
    anyway: bool = False
    """Though alerts fire; these open it again only after they were gone."""


class NoteIncident(IncidentCommand, frozen=True):
    by: str
    text: str


class NoteRunbook(IncidentCommand, frozen=True):
    mission_id: str
    mission: str


class FailRunbook(IncidentCommand, frozen=True):
    reason: str
    remedy: str = ""


AnyIncidentCommand = (
    ObserveAlerts
    | AcknowledgeIncident
    | MitigateIncident
    | ResolveIncident
    | NoteIncident
    | NoteRunbook
    | FailRunbook
)


def incident_id(cause: str, number: int) -> str:
    """The same for the same cause and number: 32 hex digits."""
    return hashlib.sha256(f"{cause}\x1f{number}".encode()).hexdigest()[:32]


def incident_name(cause: str, number: int) -> str:
    """What people call it. A cause that is not among the hive's own gets four digits that tell it
    from others which look alike."""
    plain = cause.replace("/", "-")
    slug = _SLUG.sub("-", plain.lower()).strip("-")[:_SLUG_LENGTH].strip("-")
    own = cause.partition("/")[0] in get_args(Kind) or cause.startswith("slo-")
    if slug != plain or not own:
        slug = f"{slug or 'alert'}-{hashlib.sha256(cause.encode()).hexdigest()[:4]}"
    return f"{slug}-{number}"
