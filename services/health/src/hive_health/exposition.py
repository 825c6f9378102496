"""What Prometheus reads of the whole hive. Pure.

What each process tells in its beats, where subscriptions stand, what is wrong, and the counters
that objectives are made of. Of calls each gateway tells itself, on its own `/metrics`.
"""

from collections.abc import Iterable, Mapping
from itertools import product

from hive_contracts.health import Alive, Standing
from hive_contracts.heartbeat import Heartbeat
from hive_contracts.slo.catalogue import (
    BUCKET,
    CALLS,
    METRICS,
    OVERFLOW,
    Metric,
    bound_text,
)
from hive_health.demand_shown import of_capacity
from hive_health.measured import write_processes
from hive_health.page import Labels, Page, Sample
from hive_health.symptoms import ORDER
from hive_health.tally import Series


def exposition(
    alive: Alive,
    beats: Iterable[Heartbeat],
    totals: Mapping[Series, float],
    *,
    openmetrics: bool = False,
) -> str:
    page = Page(openmetrics=openmetrics)
    _write_members(page, alive)
    write_processes(page, beats)
    for name, help, samples in _of_hive(alive):
        page.metric(name, "gauge", help, samples)
    for name, help, samples in of_capacity(alive.capacity):
        page.metric(name, "gauge", help, samples)
    histograms: dict[str, list[Metric]] = {}
    """Without a sum, which nobody has kept; to OpenMetrics that is no histogram."""
    for metric in METRICS.values():
        if metric.family is CALLS:
            continue
        if metric.measured and openmetrics:
            page.metric(metric.name, "unknown", metric.help, _counted(metric, totals))
        elif metric.measured:
            histograms.setdefault(metric.name.rpartition("_")[0], []).append(metric)
        else:
            page.metric(metric.name, "counter", metric.help, _counted(metric, totals))
    for name, parts in histograms.items():
        found = [sample for part in parts for sample in _counted(part, totals, name)]
        # All of one series stands together.
        page.metric(name, "histogram", parts[0].help, sorted(found, key=_without_bucket))
    return page.text()


def _write_members(page: Page, alive: Alive) -> None:
    members = [m for m in alive.members if m.instance]
    page.metric(
        "hive_member_up",
        "gauge",
        "Whether a process is heard (1), or silent or unknown (0)",
        [Sample(_who(m.service, m.instance), float(m.state == "alive")) for m in members],
    )
    page.metric(
        "hive_member_ready",
        "gauge",
        "Whether a process is ready",
        [Sample(_who(m.service, m.instance), float(m.ready)) for m in members],
    )


def _of_hive(alive: Alive) -> Iterable[tuple[str, str, list[Sample]]]:
    standings = alive.standings
    yield (
        "hive_subscription_lag_events",
        "Events that a subscription is behind",
        [Sample(_standing(s), float(s.behind)) for s in standings],
    )
    yield (
        "hive_subscription_lag_seconds",
        "How long its next event has waited",
        [Sample(_standing(s), s.behind_s) for s in standings],
    )
    yield (
        "hive_record_head",
        "The record's last position",
        [Sample((), float(alive.record.head))],
    )
    behind = alive.record.head - (alive.bus.last_position or 0)
    yield (
        "hive_feed_lag_events",
        "Events that the bus is behind the record",
        [Sample((), float(max(0, behind)))],
    )
    states = ("alive", "silent", "unknown", "ended")
    yield (
        "hive_runners",
        "Runners by state",
        [
            Sample((("state", state),), float(sum(r.state == state for r in alive.runners)))
            for state in states
        ],
    )
    here = [r for r in alive.runners if r.state == "alive"]
    yield (
        "hive_runner_slots",
        "Slots of runners that are heard",
        [Sample((), float(sum(r.slots for r in here)))],
    )
    yield (
        "hive_runner_slots_used",
        "Of these, taken",
        [Sample((), float(sum(r.working for r in here)))],
    )
    yield (
        "hive_symptoms",
        "What is wrong, by kind",
        [
            Sample((("kind", kind),), float(sum(s.kind == kind for s in alive.symptoms)))
            for kind in ORDER
        ],
    )


def _without_bucket(sample: Sample) -> Labels:
    return tuple(pair for pair in sample.labels if pair[0] != BUCKET)


def _counted(metric: Metric, totals: Mapping[Series, float], base: str = "") -> list[Sample]:
    """Every series of a metric; those that nothing was counted of are there, at zero."""
    family = metric.family
    plain = tuple(label for label in metric.labels if label != BUCKET)
    bounds = [*map(bound_text, family.bounds), OVERFLOW] if metric.cumulative else [""]
    known = {tuple(zip(plain, values, strict=True)) for values in product(*family.values)}
    found: dict[Labels, float] = {}
    for labels in sorted(known):
        for bound in bounds:
            found[_with(labels, bound)] = 0.0
    for series, value in totals.items():
        own = dict(series.labels)
        bucket = own.pop(BUCKET, "")
        if series.family != family.name or (metric.measured and not bucket):
            continue
        labels = tuple((label, own.get(label, "")) for label in plain)
        for bound in bounds:
            if not metric.cumulative or _holds(bound, bucket):
                key = _with(labels, bound)
                found[key] = found.get(key, 0.0) + value
    suffix = metric.name.removeprefix(base) if base else ""
    return [Sample(labels, value, suffix) for labels, value in found.items()]


def _with(labels: Labels, bound: str) -> Labels:
    return (*labels, (BUCKET, bound)) if bound else labels


def _holds(bound: str, bucket: str) -> bool:
    return bound == OVERFLOW or (bucket != OVERFLOW and float(bucket) <= float(bound))


def _standing(standing: Standing) -> Labels:
    return (("service", standing.service), ("subscription", standing.name))


def _who(service: str, instance: str) -> Labels:
    return (("service", service), ("process", instance))
