"""A page of metrics as Prometheus reads it: its text format (0.0.4), or OpenMetrics (1.0.0). Pure.

The two differ in the names of counters and in the last line, and only OpenMetrics has exemplars: of
a histogram's bucket, the trace of one that fell into it.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

Labels = tuple[tuple[str, str], ...]
Kind = Literal["counter", "gauge", "histogram", "unknown"]


class Sample(msgspec.Struct, frozen=True):
    labels: Labels
    value: float
    suffix: str = ""
    """Of the metric's name."""
    exemplar: tuple[float, str] | None = None
    """The value of one that was counted here, and its trace."""


class Page:
    def __init__(self, *, openmetrics: bool = False) -> None:
        self._openmetrics = openmetrics
        self._lines: list[str] = []

    def metric(self, name: str, kind: Kind, help: str, samples: Iterable[Sample]) -> None:
        """All samples of a metric. A counter's name ends with `_total`."""
        family = name.removesuffix("_total") if self._openmetrics else name
        self._lines += [f"# HELP {family} {help}", f"# TYPE {family} {kind}"]
        self._lines += [
            f"{name}{each.suffix}{_labels(each.labels)} {each.value!r}{self._exemplar(each)}"
            for each in samples
        ]

    def text(self) -> str:
        end = ["# EOF"] if self._openmetrics else []
        return "\n".join([*self._lines, *end]) + "\n"

    def _exemplar(self, sample: Sample) -> str:
        if sample.exemplar is None or not self._openmetrics:
            return ""
        value, trace = sample.exemplar
        return f" # {_labels((('trace_id', trace),))} {value!r}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{label}="{_escaped(value)}"' for label, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
