"""Objectives as rules of Prometheus, which compute what `burn` computes, from samples of its own.

    slo:total:increase5m      events in a window       {slo, service}
    slo:bad:increase5m        bad ones
    slo:error:ratio5m         their ratio; absent where nothing happened
    slo:budget:left           of the whole window, 1 to 0
    SloBurns                  an alert for each pair of windows

A counter that appears with its first event has no increase for it: Prometheus has never seen it
lower. Counters of a known set of labels are therefore exposed from the start, at zero.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from hive_contracts.slo.burn import Alert, alerts, windows
from hive_contracts.slo.evidence import NEARLY_ALL, needed
from hive_contracts.slo.objective import Objective
from hive_contracts.slo.selector import Selector

EVERY: Final = "1m"
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


def rules(objectives: Iterable[Objective], every: str = EVERY) -> dict[str, Any]:
    """The content of a file of rules, which are evaluated at that interval."""
    return {"groups": [_group(objective, every) for objective in objectives]}


def written(objectives: Iterable[Objective], every: str = EVERY) -> str:
    """The file, as YAML; it is the same for the same objectives."""
    lines = ["# Written by `hive slo export`: change the objectives, and export again.", "groups:"]
    for group in rules(objectives, every)["groups"]:
        lines += [
            f"- name: {_quoted(group['name'])}",
            f"  interval: {group['interval']}",
            "  rules:",
        ]
        for rule in group["rules"]:
            lines += _rule_lines(rule)
    return "\n".join(lines) + "\n"


def length_text(seconds: int) -> str:
    """A window as people and Prometheus write it: 5m, 6h, 28d."""
    for unit, letter in _UNITS:
        if seconds % unit == 0:
            return f"{seconds // unit}{letter}"
    return f"{seconds}s"


def alert_name(severity: str) -> str:
    return "SloBurnsFast" if severity == "page" else "SloBurns"


def _group(objective: Objective, every: str) -> dict[str, Any]:
    return {
        "name": f"slo-{objective.name}",
        "interval": every,
        "rules": [
            *_recordings(objective),
            *(_alert(objective, each) for each in alerts(objective)),
        ],
    }


def _recordings(objective: Objective) -> Iterator[dict[str, Any]]:
    labels = {"slo": objective.name, "service": objective.service}
    mine = _mine(objective)
    for seconds in windows(objective):
        length = length_text(seconds)
        total = _increase(objective.total, length)
        bad = (
            _increase(objective.bad, length)
            if objective.bad is not None
            else f"clamp_min({total} - {_increase(objective.good, length)}, 0)"
        )
        yield {"record": f"slo:total:increase{length}", "expr": total, "labels": labels}
        yield {"record": f"slo:bad:increase{length}", "expr": bad, "labels": labels}
        some = f"(slo:total:increase{length}{mine} > 0)"
        yield {
            "record": f"slo:error:ratio{length}",
            "expr": f"slo:bad:increase{length}{mine} / {some}",
            "labels": labels,
        }
    whole = f"slo:error:ratio{length_text(objective.window_s)}{mine}"
    yield {
        "record": "slo:budget:left",
        "expr": f"1 - {whole} / {_plain(objective.budget)}",
        "labels": labels,
    }


def _alert(objective: Objective, alert: Alert) -> dict[str, Any]:
    mine, threshold = _mine(objective), _plain(alert.threshold)
    long, short = length_text(alert.pair.long), length_text(alert.pair.short)
    ratio = f"slo:error:ratio{long}{mine}"
    total = f"slo:total:increase{long}{mine}"
    seen = f"clamp_max({ratio}, {NEARLY_ALL!r})"
    evidence = (
        f"{total} * ({seen} * ln({seen} / {threshold})"
        f" + (1 - {seen}) * ln((1 - {seen}) / {_plain(1 - alert.threshold)}))"
    )
    return {
        "alert": alert_name(alert.pair.severity),
        "expr": (
            f"{ratio} > {threshold} and slo:error:ratio{short}{mine} > {threshold}"
            f" and {total} >= {objective.least_events}"
            f" and {evidence} > {_plain(needed(objective.confidence))}"
        ),
        "labels": {
            "slo": objective.name,
            "service": objective.service,
            "severity": alert.pair.severity,
            "window": long,
        },
        "annotations": {
            "summary": f"{objective.title}: the budget burns {alert.factor:.1f} times too fast"
            f" over {long}",
            "description": objective.description,
        },
    }


def _mine(objective: Objective) -> str:
    return f'{{slo="{objective.name}"}}'


def _increase(selector: Selector | None, length: str) -> str:
    # Nobody counted yet is none; without this the whole rule would be absent.
    return f"(sum(increase({selector}[{length}])) or vector(0))"


def _plain(number: float) -> str:
    return repr(round(float(number), 12))


def _rule_lines(rule: dict[str, Any]) -> list[str]:
    kind = "record" if "record" in rule else "alert"
    lines = [f"  - {kind}: {_quoted(rule[kind])}", f"    expr: {_quoted(rule['expr'])}"]
    for part in ("labels", "annotations"):
        if part in rule:
            lines.append(f"    {part}:")
            lines += [f"      {name}: {_quoted(text)}" for name, text in rule[part].items()]
    return lines


def _quoted(text: str) -> str:
    """A YAML scalar in single quotes: only the quote itself is written twice."""
    return "'" + " ".join(text.split()).replace("'", "''") + "'"
