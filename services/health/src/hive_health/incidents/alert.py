"""An alert in one form: from health's own sight, from objectives, from Alertmanager. Pure.

What Prometheus says of the hive is health's own sight once more (its rules carry `kind` or `slo`),
so it gets the same name and falls into the same incident.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, get_args

import msgspec

from hive_contracts.health import Kind, Objectives, Symptom
from hive_contracts.incident import MAX_TEXT, AlertSeen, Severity

PAGES: Final = frozenset(
    {
        "record-away",
        "bus-away",
        "service-silent",
        "gateway-deaf",
        "feed-held-up",
        "pool-exhausted",
        "projection-stopped",
        "stuck-consumer",
        "disk-filling",
    }
)
"""Troubles that do not wait until tomorrow."""
TICKET_SECONDS: Final = 60.0
"""What is no page counts once it has lasted so long: after a start much lags for a moment."""
OWN_LABEL: Final = "hive_incident"
"""On what we ourselves told Alertmanager: it is not told back."""
MAX_LABELS: Final = 64
MAX_NAME: Final = 120
_GRAVE: Final = frozenset({"page", "critical", "error", "emergency", "high"})
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SERVICES: Final = frozenset(
    {"service-silent", "stuck-consumer", "pool-exhausted", "projection-stopped"}
)


class Alert(msgspec.Struct, frozen=True):
    seen: AlertSeen
    labels: dict[str, str]

    @property
    def name(self) -> str:
        return self.seen.name


def of_symptoms(symptoms: Iterable[Symptom], now_ms: int) -> Iterator[Alert]:
    for symptom in symptoms:
        if symptom.kind not in PAGES and symptom.for_s < TICKET_SECONDS:
            continue
        labels = {"alertname": symptom.kind, "about": symptom.about}
        if symptom.kind in _SERVICES:
            labels["service"] = symptom.about.partition("/")[0]
        if symptom.kind in ("disk-filling", "clock-off"):
            labels["host"] = symptom.about.partition(":")[0]
        if symptom.kind in ("runner-silent", "runner-deaf"):
            labels["runner"] = symptom.about.removeprefix("runner ")
        seen = AlertSeen(
            symptom.kind,
            clean(symptom.about),
            clean(symptom.text),
            clean(symptom.remedy),
            severity="page" if symptom.kind in PAGES else "ticket",
            since_ms=now_ms - int(symptom.for_s * 1000),
        )
        yield Alert(seen, labels)


def of_objectives(objectives: Objectives) -> Iterator[Alert]:
    for each in objectives.objectives:
        if not each.firing:
            continue
        grave: Severity = "page" if any(a.severity == "page" for a in each.firing) else "ticket"
        worst = max(alert.factor for alert in each.firing)
        seen = AlertSeen(
            f"slo-{each.name}",
            each.name,
            clean(f"{each.title}: its budget burns more than {worst:.1f} times too fast"),
            f"hive slo show {each.name}",
            grave,
            "objectives",
        )
        yield Alert(seen, {"alertname": f"slo-{each.name}", "slo": each.name})


class Coming(msgspec.Struct, frozen=True):
    """An alert as Alertmanager told it."""

    fingerprint: str
    name: str
    labels: dict[str, str]
    text: str
    severity: Severity
    since_ms: int
    is_over: bool


class Posted(msgspec.Struct, frozen=True):
    status: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str = ""  # noqa: N815  # as Alertmanager calls it
    fingerprint: str = ""


class Message(msgspec.Struct, frozen=True):
    """Alertmanager's webhook, version 4.
    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """

    version: str
    alerts: list[Posted]


class NoMessage(ValueError):
    """This is no message of Alertmanager; the text says why."""


_MESSAGE: Final = msgspec.json.Decoder(Message)


def of_alertmanager(body: bytes, now_ms: int) -> list[Coming]:
    """Its alerts, each once: the last one counts. Raises NoMessage."""
    try:
        message = _MESSAGE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NoMessage(f"it is no webhook of Alertmanager: {error}") from error
    if message.version != "4":
        raise NoMessage(f"its version is {clean(message.version)[:20]!r}, and 4 is known here")
    found = {}
    for posted in message.alerts:
        coming = _coming(posted, now_ms)
        if OWN_LABEL not in posted.labels:
            found[coming.fingerprint] = coming
    return list(found.values())


def stored(row: Mapping[str, Any]) -> Alert:
    """An alert as the inbox keeps it."""
    labels: dict[str, str] = msgspec.json.decode(row["labels"])
    about = next(
        (labels[key] for key in ("about", "instance", "service", "job") if labels.get(key)), ""
    )
    seen = AlertSeen(
        row["name"],
        about,
        row["text"],
        severity=row["severity"],
        source="alertmanager",
        since_ms=row["since_ms"],
    )
    return Alert(seen, labels)


def _coming(posted: Posted, now_ms: int) -> Coming:
    labels = {
        clean(key)[:MAX_NAME]: clean(value)
        for key, value in sorted(posted.labels.items())[:MAX_LABELS]
    }
    if posted.status not in ("firing", "resolved"):
        raise NoMessage(f"an alert's status is {clean(posted.status)[:20]!r}")
    text = posted.annotations.get("summary") or posted.annotations.get("description", "")
    fingerprint = clean(posted.fingerprint)[:MAX_NAME]
    grave = labels.get("severity", "").lower() in _GRAVE
    return Coming(
        # An old Alertmanager sends none: its labels tell an alert from others.
        fingerprint or msgspec.json.encode(labels).decode()[:MAX_TEXT],
        _name(labels),
        labels,
        clean(text),
        "page" if grave else "ticket",
        _moment_ms(posted.startsAt, now_ms),
        posted.status == "resolved",
    )


def _name(labels: Mapping[str, str]) -> str:
    if labels.get("kind") in get_args(Kind):
        return labels["kind"]
    if labels.get("slo"):
        return f"slo-{labels['slo'][:MAX_NAME]}"
    return labels.get("alertname", "")[:MAX_NAME].replace("/", "-") or "alert"


def _moment_ms(text: str, now_ms: int) -> int:
    """When it began; where nobody can say or it lies ahead, now."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return now_ms
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    at = int(moment.timestamp() * 1000)
    return at if 0 < at <= now_ms else now_ms


def clean(text: str) -> str:
    """On one line, short, without characters that drive a terminal or cannot be stored."""
    return " ".join(_CONTROL.sub(" ", text[: 4 * MAX_TEXT]).split())[:MAX_TEXT]
