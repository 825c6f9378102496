"""OpenSLO v1, as much of it as is computed here: https://github.com/OpenSLO/OpenSLO

One objective a file: a ratio of events over a rolling window. The structs are the format; what
OpenSLO has besides is refused by name, since an objective that is half understood would be wrong
without anybody noticing.
"""

from typing import Literal

import msgspec


class Format(msgspec.Struct, frozen=True, rename="camel"):
    pass


class Metadata(Format, frozen=True, kw_only=True):
    name: str
    display_name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    """`least-events` and `confidence`: how much must be seen before an alert."""


class Query(Format, frozen=True, kw_only=True):
    query: str


class MetricSource(Format, frozen=True, kw_only=True):
    type: Literal["Prometheus", "prometheus"] = "Prometheus"
    spec: Query


class Measured(Format, frozen=True, kw_only=True):
    metric_source: MetricSource


class RatioMetric(Format, frozen=True, kw_only=True):
    counter: bool = True
    good: Measured | None = None
    bad: Measured | None = None
    total: Measured


class IndicatorSpec(Format, frozen=True, kw_only=True):
    ratio_metric: RatioMetric


class Named(Format, frozen=True, kw_only=True):
    name: str = ""
    display_name: str = ""


class Indicator(Format, frozen=True, kw_only=True):
    metadata: Named = Named()
    spec: IndicatorSpec


class TimeWindow(Format, frozen=True, kw_only=True):
    duration: str
    is_rolling: bool = True


class Target(Format, frozen=True, kw_only=True):
    display_name: str = ""
    target: str
    """A share, between 0 and 1."""


class Spec(Format, frozen=True, kw_only=True):
    description: str = ""
    service: str
    indicator: Indicator
    time_window: tuple[TimeWindow, ...]
    budgeting_method: Literal["Occurrences"] = "Occurrences"
    objectives: tuple[Target, ...]


class Document(Format, frozen=True, kw_only=True):
    api_version: Literal["openslo/v1"]
    kind: Literal["SLO"]
    metadata: Metadata
    spec: Spec
