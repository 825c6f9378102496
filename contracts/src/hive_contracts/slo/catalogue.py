"""The metrics that objectives can be made of, and how each is counted.

A family is what is counted: an amount for each of its labels and, where it has bounds, for the
bucket that the measured thing fell into. Metrics are the forms in which Prometheus sees a family:
how many there were, and how many were at or below a bound (`le`).
"""

import functools
from bisect import bisect_left
from typing import Final

import msgspec

CALL_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds."""
MISSION_BOUNDS: Final = (300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)
"""Seconds."""
CHANGE_BOUNDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0)
"""US dollars."""

BUCKET: Final = "le"
"""The label of a bucket's upper bound."""


class Family(msgspec.Struct, frozen=True):
    name: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    """What each label may say, where that is known beforehand: then all are there from the start,
    at zero, so that the first one counted is seen as one more."""


class Metric(msgspec.Struct, frozen=True):
    """A name that a selector may use."""

    name: str
    family: Family
    labels: tuple[str, ...]
    help: str
    cumulative: bool = False
    """`le` is a label: what fell into that bucket or a lower one."""
    measured: bool = False
    """Counts only what fell into a bucket; else all."""


CALLS: Final = Family("hive_gateway_calls", ("method", "code"), CALL_BOUNDS)
ENDS: Final = ("succeeded", "late", "failed", "refused", "cancelled")
"""`late` has succeeded, after its deadline."""
MISSIONS: Final = Family("hive_missions", ("outcome",), MISSION_BOUNDS, (ENDS,))
MINUTES: Final = Family("hive_task_minutes", ("state",), (), (("working", "queued", "stuck"),))
WORK: Final = Family(
    "hive_work", ("outcome",), (), (("accepted", "failed", "reopened", "excused"),)
)
CHANGES: Final = Family("hive_landed_changes", (), CHANGE_BOUNDS)

FAMILIES: Final = {each.name: each for each in (CALLS, MISSIONS, MINUTES, WORK, CHANGES)}

METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric("hive_gateway_calls_total", CALLS, ("method", "code"), "gRPC calls that ended"),
        Metric(
            "hive_gateway_call_seconds_bucket", CALLS, ("method", BUCKET),
            "How long unary gRPC calls took", cumulative=True, measured=True,
        ),
        Metric(
            "hive_gateway_call_seconds_count", CALLS, ("method",),
            "Unary gRPC calls that ended", measured=True,
        ),
        Metric(
            "hive_missions_ended_total", MISSIONS, ("outcome",),
            "Missions that ended; late is succeeded after its deadline",
        ),
        Metric(
            "hive_mission_seconds_bucket", MISSIONS, ("outcome", BUCKET),
            "From a mission's launch to its end", cumulative=True, measured=True,
        ),
        Metric(
            "hive_mission_seconds_count", MISSIONS, ("outcome",),
            "Missions that ended", measured=True,
        ),
        Metric(
            "hive_task_minutes_total", MINUTES, ("state",),
            "Minutes that tasks were worked on, waited for a runner, or stood still",
        ),
        Metric(
            "hive_work_total", WORK, ("outcome",),
            "Work that was accepted, failed by its own fault, was sent back, or failed by nobody's",
        ),
        Metric("hive_landed_changes_total", CHANGES, (), "Changes that reached a mission's branch"),
        Metric(
            "hive_landed_change_usd_bucket", CHANGES, (BUCKET,),
            "What a landed change cost, where that is known", cumulative=True, measured=True,
        ),
        Metric(
            "hive_landed_change_usd_count", CHANGES, (),
            "Landed changes of which the cost is known", measured=True,
        ),
    )
}  # fmt: skip
"""By name."""

OVERFLOW: Final = "+Inf"


def bucket_of(family: Family, amount: float) -> str:
    """The bucket that an amount falls into, as its bound is written."""
    return _texts(family.bounds)[bisect_left(family.bounds, amount)]


def bound_text(bound: float) -> str:
    """A bound as the exposition format of Prometheus' client for Python writes it."""
    return repr(float(bound))


@functools.cache
def _texts(bounds: tuple[float, ...]) -> tuple[str, ...]:
    return (*map(bound_text, bounds), OVERFLOW)
