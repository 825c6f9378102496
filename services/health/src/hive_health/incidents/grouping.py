"""Alerts by their cause: one cause, one incident. Pure.

The cause of an alert is its name with the values of the labels that it is grouped by. What follows
from another trouble is counted there: the budget of availability burns because a service is silent,
and nobody needs to be told twice.
"""

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from hive_contracts.files.incidents import IncidentsFile
from hive_contracts.incident import SAMPLES, AlertSeen, Severity
from hive_health.incidents.alert import Alert

GROUP_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "service-silent": ("service",),
    "pool-exhausted": ("service",),
    "stuck-consumer": ("service",),
    "projection-stopped": ("service",),
    "disk-filling": ("host",),
    "regression": ("series", "since"),
}
"""Of the hive's own troubles; all others of one name have one cause."""
FIXED: Final = frozenset({"regression"})
"""Their causes are known again by these labels, whatever the file says of all alerts."""
FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "slo-*": (
        "record-away",
        "bus-away",
        "service-silent",
        "gateway-deaf",
        "feed-held-up",
        "projection-stopped",
    ),
    "projection-lagging": ("stuck-consumer", "pool-exhausted"),
    "stuck-consumer": ("service-silent",),
    # Prometheus hears of the hive through its gateways.
    "HiveIsUnseen": ("service-silent/gateway", "gateway-deaf"),
    "HiveHasNoRunner": ("runner-silent", "runner-deaf"),
}
"""By name or, after a slash, of one value only. Of two that are told apart by the same labels, one
follows only from the other of its values."""


class Cause(msgspec.Struct, frozen=True):
    key: str
    firing: int
    alerts: tuple[AlertSeen, ...]
    """Those that began last, at most `SAMPLES`."""
    severity: Severity
    title: str
    remedy: str
    since_ms: int
    """When the first began; 0 where nobody can say."""
    runbook: str = ""


def name_of(cause: str) -> str:
    return cause.partition("/")[0]


def causes(
    alerts: Iterable[Alert], rules: IncidentsFile, open: Collection[str] = ()
) -> dict[str, Cause]:
    """What is wrong now, by cause. `open` are causes of incidents that are not resolved."""
    grouped: dict[str, list[Alert]] = {}
    partial: set[str] = set()
    by_name: dict[str, tuple[str, ...]] = {}
    for alert in alerts:
        if (by := by_name.get(alert.name)) is None:
            by = by_name[alert.name] = _group_by(alert.name, rules)
        key, whole = _key(alert, by)
        grouped.setdefault(key, []).append(alert)
        if not whole:
            partial.add(key)
    found = {key: _cause(key, members, rules) for key, members in grouped.items()}
    for key in sorted(found):
        if (leader := _leader(key, key in partial, found, open, rules)) is not None:
            found[leader] = _joined(leader, found.get(leader), found.pop(key))
    return found


def _group_by(name: str, rules: IncidentsFile) -> tuple[str, ...]:
    if name in FIXED:
        return GROUP_BY[name]
    entry = rules.cause(name)
    return GROUP_BY.get(name, ()) if entry is None or entry.group_by is None else entry.group_by


def _key(alert: Alert, by: tuple[str, ...]) -> tuple[str, bool]:
    """Its cause, and whether it has all the labels that tell causes of its name apart."""
    values = [alert.labels[label].replace("/", "-") for label in by if alert.labels.get(label)]
    return "/".join([alert.name.replace("/", "-"), *values]), len(values) == len(by)


def _leader(
    key: str, is_partial: bool, found: Mapping[str, Cause], open: Collection[str],
    rules: IncidentsFile,
) -> str | None:  # fmt: skip
    """The cause that this one follows from; None where it stands for itself."""
    if key in open:
        return None
    name = name_of(key)
    others = [each for each in (*sorted(open), *sorted(found)) if each != key]
    if is_partial and (same := [each for each in others if name_of(each) == name]):
        return same[0]
    patterns = _follows(name, rules)
    leading = [
        each
        for each in others
        if _is_one_of(each, patterns)
        and not _of_another(key, each, rules)
        # Of two that would follow from each other, neither does.
        and not _is_one_of(key, _follows(name_of(each), rules))
    ]
    return leading[0] if leading else None


def _is_one_of(cause: str, patterns: tuple[str, ...]) -> bool:
    return any(
        fnmatchcase(told, pattern) for pattern in patterns for told in (name_of(cause), cause)
    )


def _of_another(key: str, other: str, rules: IncidentsFile) -> bool:
    """Whether both are told apart by the same labels, and one has other values there."""
    (name, _, values), (leader, _, led) = key.partition("/"), other.partition("/")
    by = _group_by(name, rules)
    return bool(by and values and led) and by == _group_by(leader, rules) and values != led


def _follows(name: str, rules: IncidentsFile) -> tuple[str, ...]:
    entry = rules.cause(name)
    if entry is not None and entry.follows is not None:
        return entry.follows
    return next((by for pattern, by in FOLLOWS.items() if fnmatchcase(name, pattern)), ())


def _cause(key: str, members: list[Alert], rules: IncidentsFile) -> Cause:
    entry = rules.cause(members[0].name)
    grave: Severity = "page" if any(a.seen.severity == "page" for a in members) else "ticket"
    if entry is not None and entry.severity is not None:
        grave = entry.severity
    seen = sorted((alert.seen for alert in members), key=_latest_first)
    told = next((each for each in seen if each.remedy), seen[0])
    title = told.text or f"{told.name} {told.about}".strip()
    return Cause(
        key,
        len(members),
        tuple(seen[:SAMPLES]),
        grave,
        title if len(members) == 1 else f"{title} (and {len(members) - 1} more)",
        told.remedy,
        min((each.since_ms for each in seen if each.since_ms), default=0),
        "" if entry is None else entry.runbook,
    )


def _joined(key: str, leader: Cause | None, follower: Cause) -> Cause:
    if leader is None:
        return msgspec.structs.replace(follower, key=key, runbook="")
    return msgspec.structs.replace(
        leader,
        firing=leader.firing + follower.firing,
        alerts=(*leader.alerts, *follower.alerts)[:SAMPLES],
        severity="page" if "page" in (leader.severity, follower.severity) else "ticket",
    )


def _latest_first(seen: AlertSeen) -> tuple[int, str]:
    return -seen.since_ms, seen.key
