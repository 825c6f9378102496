"""A choice of series, in PromQL's form: `metric{label="a", other=~"b|c"}`.

Only what can be computed from counts of our own is a selector here: no functions, no arithmetic.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from hive_contracts.files.reading import nearest
from hive_contracts.slo.catalogue import BUCKET, METRICS, OVERFLOW, Metric, bound_text

Operator = Literal["=", "!=", "=~", "!~"]

_FORM: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_MATCHER: Final = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"([^"\\]*)"\s*(,|$)')
_PLAIN: Final = re.compile(r"[\w.|\- /*()]*")
MAX_LENGTH: Final = 1000


class SelectorProblem(ValueError):
    """It is no selector, or it names what does not exist."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Matcher(msgspec.Struct, frozen=True):
    label: str
    operator: Operator
    value: str

    def matches(self, value: str) -> bool:
        match self.operator:
            case "=":
                return value == self.value
            case "!=":
                return value != self.value
            case "=~":
                return re.fullmatch(self.value, value) is not None
            case "!~":
                return re.fullmatch(self.value, value) is None

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


class Selector(msgspec.Struct, frozen=True):
    metric: Metric
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        inner = ",".join(map(str, self.matchers))
        return f"{self.metric.name}{{{inner}}}" if inner else self.metric.name

    def takes(self, family: str, labels: Mapping[str, str]) -> bool:
        """Whether it counts an increment of that family; `le` is the bucket of its own."""
        if family != self.metric.family.name:
            return False
        own = labels.get(BUCKET, "")
        if self.metric.measured and not own:
            return False
        for matcher in self.matchers:
            if matcher.label == BUCKET:
                if not _within(own, matcher.value):
                    return False
            elif not matcher.matches(labels.get(matcher.label, "")):
                return False
        return True


def parse_selector(text: str) -> Selector:
    """Raises SelectorProblem."""
    found = _FORM.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise SelectorProblem(
            f"{text[:80]!r} is no selector",
            'write a metric and labels, such as hive_work_total{outcome="accepted"};'
            " functions and arithmetic are not known here",
        )
    metric = METRICS.get(found[1])
    if metric is None:
        raise SelectorProblem(f"no metric is named {found[1]}", nearest(found[1], METRICS))
    selector = Selector(metric, _matchers(found[2] or "", metric))
    if metric.cumulative and not any(m.label == BUCKET for m in selector.matchers):
        raise SelectorProblem(
            f"{metric.name} needs a bound", f'add le="…": {", ".join(_bounds(metric))}'
        )
    return selector


def _matchers(text: str, metric: Metric) -> tuple[Matcher, ...]:
    matchers, at = [], 0
    while at < len(text):
        found = _MATCHER.match(text, at)
        if found is None:
            if not text[at:].strip():
                break
            raise SelectorProblem(
                f"{text[at:][:80]!r} is no label", 'write label="value", with a comma between'
            )
        matchers.append(_matcher(found[1], found[2], found[3], metric))
        at = found.end()
    return tuple(matchers)


def _matcher(label: str, operator: str, value: str, metric: Metric) -> Matcher:
    if label not in metric.labels:
        raise SelectorProblem(f"{metric.name} has no label {label}", nearest(label, metric.labels))
    if label == BUCKET:
        return _bucket(operator, value, metric)
    if operator in ("=~", "!~"):
        # RE2 and Python agree on these characters, and none of them runs for long.
        if _PLAIN.fullmatch(value) is None or "*" in value.replace(".*", ""):
            raise SelectorProblem(
                f"the pattern {value!r} is not taken", "write alternatives, such as a|b, and .*"
            )
        try:
            re.compile(value)
        except re.error as error:
            raise SelectorProblem(
                f"the pattern {value!r} is none: {error}", "write alternatives, such as a|b, and .*"
            ) from error
    return Matcher(label, operator, value)  # type: ignore[arg-type]  # the form allows no other


def _bucket(operator: str, value: str, metric: Metric) -> Matcher:
    known = _bounds(metric)
    try:
        text = bound_text(float(value))
    except ValueError:
        text = value
    if operator != "=" or text not in known:
        raise SelectorProblem(
            f'le{operator}"{value}" is no bound of {metric.name}', f"known here: {', '.join(known)}"
        )
    return Matcher(BUCKET, "=", text)


def _bounds(metric: Metric) -> list[str]:
    return [bound_text(bound) for bound in metric.family.bounds]


def _within(own: str, bound: str) -> bool:
    return own != OVERFLOW and own != "" and float(own) <= float(bound)
