"""An objective: what it is about, what is good, and how much of it is promised."""

import math
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.files.document import FileProblem, parse_document
from hive_contracts.files.reading import Places, nearest, read
from hive_contracts.slo.openslo import Document, Measured
from hive_contracts.slo.selector import Selector, SelectorProblem, parse_selector

LEAST_EVENTS: Final = 10
CONFIDENCE: Final = 0.95
SHORTEST: Final = 24 * 3600
LONGEST: Final = 90 * 24 * 3600
HIGHEST: Final = 0.99999
"""More nines than a fleet has events to prove."""

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_WINDOW: Final = re.compile(r"([1-9]\d{0,3})(h|d|w)")
_UNITS: Final = {"h": 3600, "d": 86400, "w": 7 * 86400}
_ANNOTATIONS: Final = ("least-events", "confidence")


class Objective(msgspec.Struct, frozen=True):
    name: str
    title: str
    description: str
    service: str
    target: float
    """The share of events that is to be good; between 0 and 1, never either."""
    window_s: int
    total: Selector
    good: Selector | None = None
    bad: Selector | None = None
    """One of `good` and `bad` is there."""
    least_events: int = LEAST_EVENTS
    """Fewer in a window raise no alert."""
    confidence: float = CONFIDENCE
    """How sure an alert must be that more is bad than it allows."""
    where: str = ""
    """The file that it was read from."""

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.target, 12)


def parse_objective(text: str, where: str) -> Objective:
    """The objective in a file. Raises FileProblem."""
    root, places = parse_document(text, where), Places(where)
    document = read(root, Document, places)
    metadata, spec = document.metadata, document.spec
    if _NAME.fullmatch(metadata.name) is None:
        raise FileProblem(
            f"{metadata.name[:80]!r} is no name", places.of("metadata", "name"),
            "write at most 63 small letters, digits and dashes",
        )  # fmt: skip
    if len(spec.objectives) != 1:
        raise FileProblem(
            f"{len(spec.objectives)} objectives in one file", places.of("spec", "objectives"),
            "write exactly one; each has a budget of its own, so each gets a file",
        )  # fmt: skip
    ratio = spec.indicator.spec.ratio_metric
    at = ("spec", "indicator", "spec", "ratioMetric")
    if (ratio.good is None) == (ratio.bad is None):
        raise FileProblem(
            "one of `good` and `bad` is needed, not both", places.of(*at),
            "keep the one that you can count",
        )  # fmt: skip
    if not ratio.counter:
        raise FileProblem(
            "`counter: false` cannot be computed", places.of(*at, "counter"),
            "all metrics that are known here are counters",
        )  # fmt: skip
    return Objective(
        name=metadata.name,
        title=metadata.display_name or metadata.name,
        description=spec.description.strip(),
        service=spec.service,
        target=_target(spec.objectives[0].target, places),
        window_s=_window(document, places),
        total=_selector(ratio.total, places, (*at, "total")),
        good=None if ratio.good is None else _selector(ratio.good, places, (*at, "good")),
        bad=None if ratio.bad is None else _selector(ratio.bad, places, (*at, "bad")),
        least_events=_least_events(metadata.annotations, places),
        confidence=_confidence(metadata.annotations, places),
        where=where,
    )


@cache
def shipped() -> tuple[Objective, ...]:
    """The objectives that come with the hive."""
    folder = files(__package__).joinpath("defaults")
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return tuple(parse_objective(file.read_text(), f"shipped/{file.name}") for file in found)


def in_folder(folder: Path) -> list[Objective]:
    """Those that ship, and those of a folder, of which one with the name of a shipped one takes
    its place. By name. Raises FileProblem, also where two files of the folder share a name."""
    own: dict[str, Objective] = {}
    for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else ():
        objective = parse_objective(_text(path), str(path))
        if (other := own.get(objective.name)) is not None:
            raise FileProblem(
                f"{objective.name} is already the name of the objective in {other.where}",
                str(path),
                "give each a name of its own",
            )
        own[objective.name] = objective
    return together(shipped(), own.values())


def together(first: Iterable[Objective], over: Iterable[Objective]) -> list[Objective]:
    """By name; the second ones go before."""
    named = {each.name: each for each in (*first, *over)}
    return [named[name] for name in sorted(named)]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise FileProblem(
            f"it cannot be read: {error}",
            str(path),
            "make it a file of UTF-8 text",
        ) from error


def _target(text: str, places: Places) -> float:
    where = places.of("spec", "objectives", 0, "target")
    target = _number(text)
    if not 0 < target <= HIGHEST:
        remedy = "write a share such as 0.99; 1 leaves no budget, so nothing could ever be changed"
        if 1 < target < 100:
            remedy = f"did you mean {target / 100:g}? It is a share, no percentage"
        raise FileProblem(f"a target of {text[:40]} cannot be kept or missed", where, remedy)
    if target < 0.01:
        raise FileProblem(
            f"a target of {text[:40]} is missed by nobody", where, "write at least 0.01"
        )
    return target


def _window(document: Document, places: Places) -> int:
    spans = document.spec.time_window
    where = places.of("spec", "timeWindow")
    if len(spans) != 1 or not spans[0].is_rolling:
        raise FileProblem(
            "exactly one rolling window is needed", where, "write `- {duration: 28d}`"
        )
    found = _WINDOW.fullmatch(spans[0].duration)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not SHORTEST <= seconds <= LONGEST:
        raise FileProblem(
            f"a window of {spans[0].duration[:40]!r} is not possible",
            places.of("spec", "timeWindow", 0, "duration"),
            "write between 1d and 90d: h, d and w are known",
        )  # fmt: skip
    return seconds


def _selector(measured: Measured, places: Places, path: tuple[str, ...]) -> Selector:
    try:
        return parse_selector(measured.metric_source.spec.query)
    except SelectorProblem as problem:
        where = places.of(*path, "metricSource", "spec", "query")
        raise FileProblem(problem.message, where, problem.remedy) from problem


def _least_events(annotations: dict[str, str], places: Places) -> int:
    for name in annotations:
        if name not in _ANNOTATIONS:
            raise FileProblem(
                f"unknown annotation `{name}`", places.of("metadata", "annotations", name),
                nearest(name, _ANNOTATIONS),
            )  # fmt: skip
    text = annotations.get("least-events", str(LEAST_EVENTS))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 1_000_000:
        raise FileProblem(
            f"least-events: {text[:40]!r} is no number of events",
            places.of("metadata", "annotations", "least-events"), "write 1 or more, in quotes",
        )  # fmt: skip
    return int(text)


def _confidence(annotations: dict[str, str], places: Places) -> float:
    text = annotations.get("confidence", str(CONFIDENCE))
    confidence = _number(text)
    if not 0.5 <= confidence <= 0.9999:
        raise FileProblem(
            f"confidence: {text[:40]!r} is not possible",
            places.of("metadata", "annotations", "confidence"), "write between 0.5 and 0.9999",
        )  # fmt: skip
    return confidence


def _number(text: str) -> float:
    """NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
