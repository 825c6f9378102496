"""What is counted: of the record, and of what gateways say. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from hive_contracts.heartbeat import Heartbeat
from hive_contracts.slo.catalogue import (
    BUCKET,
    CHANGES,
    FAMILIES,
    MISSIONS,
    WORK,
    Family,
    bucket_of,
)

FRESH_SECONDS: Final = 60.0
"""A process that is heard first, and is older than this, was counted by somebody before: from then
on what it adds is counted, once it has told all that it had."""
MAX_SERIES: Final = 5_000
"""More than this no process adds: a label that explodes is cut off, and the rest goes on."""

_ENDS: Final = {
    "MissionSucceeded": "succeeded",
    "late": "late",
    "MissionFailed": "failed",
    "MissionRefused": "refused",
    "MissionCancelled": "cancelled",
}
_WORK: Final = {
    "TaskSucceeded": "accepted",
    "TaskReopened": "reopened",
    "infrastructure": "excused",
    "limit": "excused",
}
"""Any other kind of failure is the work's own."""

Labels = tuple[tuple[str, str], ...]


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One line of the ledger: a family and what its labels say, the bucket among them."""

    family: str
    labels: Labels = ()

    def key(self) -> str:
        return msgspec.json.encode(self).decode()


def series_of(key: str) -> Series:
    return msgspec.json.decode(key, type=Series)


class Done(msgspec.Struct, frozen=True):
    """A row of `queries/tally.sql`."""

    kind: str
    minute: datetime
    label: str
    amount: float | None
    many: int


Increments = Counter[tuple[Series, datetime]]


def tallied(rows: Iterable[Done]) -> Increments:
    """The increments by series and minute."""
    found: Increments = Counter()
    for row in rows:
        match row.kind:
            case "mission":
                outcome = (("outcome", _ENDS[row.label]),)
                found[_bucketed(MISSIONS, outcome, row.amount), row.minute] += row.many
            case "work":
                outcome = (("outcome", _WORK.get(row.label, "failed")),)
                found[Series(WORK.name, outcome), row.minute] += row.many
            case "change":
                found[_bucketed(CHANGES, (), row.amount), row.minute] += row.many
    return found


def _bucketed(family: Family, labels: Labels, amount: float | None) -> Series:
    bucket = "" if amount is None else bucket_of(family, max(0.0, amount))
    return Series(family.name, (*labels, (BUCKET, bucket)))


class GatewayCounts:
    """What was added to counters of processes since it was asked last."""

    def __init__(self) -> None:
        self._last: dict[str, dict[Series, float]] = {}
        """By instance."""
        self._added: Counter[Series] = Counter()

    def hear(self, beat: Heartbeat) -> None:
        counted = [each for each in beat.counters if each.name in FAMILIES]
        known = self._last.get(beat.instance)
        if known is None and beat.uptime_s > FRESH_SECONDS and not beat.counters_whole:
            return  # what it had counted before we came is not known yet
        base: Mapping[Series, float] = known or {}
        count = known is not None or beat.uptime_s <= FRESH_SECONDS
        now = dict(base)
        for each in counted:
            series = Series(each.name, each.labels)
            if series not in now and len(now) >= MAX_SERIES:
                continue
            added = each.value - base.get(series, 0.0)
            now[series] = each.value
            # A counter that went back or is no number is no counter: nothing is taken from it.
            if count and 0 < added < float("inf"):
                self._added[series] += added  # type: ignore[assignment]
        self._last[beat.instance] = now

    def forget(self, alive: set[str]) -> None:
        """Keep no other instances than these."""
        for instance in [instance for instance in self._last if instance not in alive]:
            del self._last[instance]

    def take(self, minute: datetime) -> Increments:
        added, self._added = self._added, Counter()
        return Counter({(series, minute): value for series, value in added.items()})
