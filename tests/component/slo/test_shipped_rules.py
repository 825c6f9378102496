"""Each objective that ships: its rules, run by Prometheus, say what health says of the same events.

An event is counted twice: as health counts it, and as Prometheus sees it on the page that the hive
shows. So what is compared is the whole way, from what happened to rates of burning and alerts.
"""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hive_contracts.health import ObjectiveStanding
from hive_contracts.slo.burn import alerts
from hive_contracts.slo.catalogue import MINUTES
from hive_contracts.slo.objective import Objective, shipped
from hive_contracts.slo.rules import alert_name, length_text, rules, written
from hive_gateway.metrics import Metrics
from hive_health.exposition import exposition
from hive_health.objectives import counts_of, stands
from hive_health.tally import Done, Series, tallied
from tests.component.health.test_exposition import ALIVE
from tests.component.slo.test_rules import PROMTOOL, STEP, checked, needs_promtool

HOUR: Final = 60 // STEP
"""Steps."""
EVERY: Final = "12h"
"""Rules are evaluated so seldom, since four weeks of minutes take too long: for the moments."""
SPAN: Final = 29 * 24 * HOUR
MOMENTS: Final = (12 * HOUR, 20 * 24 * HOUR, SPAN - 12 * HOUR, SPAN)
EVENTS: Final = 15
"""In each step, about."""
ALERTS: Final = ("SloBurnsFast", "SloBurns")


class Happening(msgspec.Struct, frozen=True):
    """One event: what health counts, and by how much which exposed counters grow."""

    counted: Series
    exposed: dict[str, float]


class Happenings(msgspec.Struct, frozen=True):
    """What an objective looks at, as good and as bad, and what it must not look at."""

    good: tuple[Happening, ...]
    bad: tuple[Happening, ...]
    other: tuple[Happening, ...] = ()


def exposed_by(page: str) -> dict[str, float]:
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.value and not sample.name.endswith("_created")
    }


def of_record(series: Series) -> Happening:
    empty = exposed_by(exposition(ALIVE, [], {}))
    full = exposed_by(exposition(ALIVE, [], {series: 1.0}))
    return Happening(series, {k: v for k, v in full.items() if k not in empty})


def done(kind: str, label: str = "", amount: float | None = 0) -> Happening:
    [(series, _)] = tallied([Done(kind, datetime.now(UTC), label, amount, 1)])
    return of_record(series)


def minute(state: str) -> Happening:
    return of_record(Series(MINUTES.name, (("state", state),)))


def call(method: str, code: str, seconds: float | None) -> Happening:
    metrics = Metrics()
    empty = exposed_by(generate_latest(metrics.registry).decode())
    metrics.ended(method, code, seconds)
    [counted], _ = metrics.counted()
    full = exposed_by(generate_latest(metrics.registry).decode())
    grown = {k: v for k, v in full.items() if k.startswith("hive_gateway_call") and k not in empty}
    return Happening(Series(counted.name, counted.labels), grown)


LAUNCH: Final = "/hive.v1.MissionService/Launch"
APPROVE: Final = "/hive.v1.MissionService/Approve"
LOOK: Final = "/hive.v1.OperationsService/Health"
FOLLOW: Final = "/hive.v1.EventService/Follow"


def happenings() -> dict[str, Happenings]:
    return {
        "change-cost": Happenings(
            (done("change", "", 0.7), done("change", "", 5.0)),
            (done("change", "", 5.01), done("change", "", 1000.0)),
            (done("change", "", None),),
        ),
        "command-latency": Happenings(
            (call(LAUNCH, "OK", 0.02), call(APPROVE, "NOT_FOUND", 0.1)),
            (call(LAUNCH, "OK", 0.101), call(LAUNCH, "INTERNAL", 30.0)),
            (call(LOOK, "OK", 3.0), call(FOLLOW, "CANCELLED", None)),
        ),
        "gateway-availability": Happenings(
            (call(LAUNCH, "OK", 0.02), call(LOOK, "NOT_FOUND", 3.0), call(FOLLOW, "OK", None)),
            (call(LAUNCH, "INTERNAL", 0.1), call(FOLLOW, "UNAVAILABLE", None)),
        ),
        "mission-success": Happenings(
            (done("mission", "MissionSucceeded", 60), done("mission", "MissionSucceeded", 1e6)),
            (done("mission", "MissionFailed", 60), done("mission", "late", 60)),
            (done("mission", "MissionRefused"), done("mission", "MissionCancelled", 1e6)),
        ),
        "rework-rate": Happenings(
            (done("work", "TaskSucceeded"),),
            (done("work", "gate"), done("work", "agent")),
            (done("work", "infrastructure"), done("work", "limit")),
        ),
        "stuck-minutes": Happenings((minute("working"), minute("queued")), (minute("stuck"),)),
    }


def shapes(objective: Objective) -> dict[str, list[float]]:
    """The share of events that is bad, by step. `few` has hardly any events at all."""
    slow = 3.5 * objective.budget
    return {
        "outage": [*[0.0] * (SPAN - 4 * HOUR), *[1.0] * 4 * HOUR],
        "slow": [slow] * SPAN,
        "over": [*[0.0] * (SPAN - 13 * HOUR), *[1.0] * 12 * HOUR, *[0.0] * HOUR],
        "few": [0.5] * SPAN,
        "calm": [0.4 * objective.budget] * SPAN,
    }


def history(
    shape: str, shares: list[float], these: Happenings, rng: random.Random
) -> dict[Series, tuple[Happening, list[int]]]:
    """How often each thing happens in each step."""
    every = (*these.good, *these.bad, *these.other)
    found = {each.counted: (each, [0] * SPAN) for each in every}
    owed = 0.0
    for step, share in enumerate(shares):
        events = rng.randint(EVENTS - 5, EVENTS + 5) if shape != "few" else int(step % 288 == 0)
        owed += events * share
        bad = min(events, int(owed))
        owed -= bad
        for many, kinds in ((bad, these.bad), (events - bad, these.good)):
            for _ in range(many):
                found[rng.choice(kinds).counted][1][step] += 1
        for each in these.other:
            found[each.counted][1][step] += shape != "few"
    return found


def counters(
    objective: Objective, happened: dict[Series, tuple[Happening, list[int]]]
) -> Iterator[str]:
    """What Prometheus sees, from zero on, of the metrics that the objective asks for."""
    asked = {each.metric.name for each in (objective.total, objective.good, objective.bad) if each}
    grown: dict[str, Counter[int]] = {}
    for happening, steps in happened.values():
        for name, weight in happening.exposed.items():
            if name.partition("{")[0] in asked:
                sums = grown.setdefault(name, Counter())
                for step, many in enumerate(steps):
                    sums[step] += int(many * weight)
    for name, by_step in sorted(grown.items()):
        metric, _, labels = name.partition("{")
        told = json.loads("{" + labels)
        text = ",".join(f'{label}="{value}"' for label, value in told.items())
        values = [0, *accumulate(by_step[step] for step in range(SPAN))]
        yield f"  - series: '{metric}{{{text}}}'"
        yield f"    values: '{' '.join(map(str, values))}'"


def counted_at(
    objective: Objective, happened: dict[Series, tuple[Happening, list[int]]], at: int
) -> list[tuple[Series, int, float]]:
    """What the ledger would answer at that step."""
    lengths = {length for alert in alerts(objective) for length in
               (alert.pair.long, alert.pair.short)} | {objective.window_s}  # fmt: skip
    return [
        (series, length, float(sum(steps[max(0, at - length // 60 // STEP) : at])))
        for series, (_, steps) in happened.items()
        for length in lengths
    ]


def expected(
    objective: Objective, standing: ObjectiveStanding, counted: list[tuple[Series, int, float]],
    at: int,
) -> Iterable[str]:  # fmt: skip
    mine = f'{{slo="{objective.name}"}}'
    for seconds, counts in counts_of(objective, counted).items():
        length = length_text(seconds)
        yield from checked(at, f"slo:total:increase{length}{mine}", counts.total)
        yield from checked(at, f"slo:bad:increase{length}{mine}", counts.bad)
    for burn in standing.burns:
        rate = f"slo:error:ratio{length_text(burn.window_s)}{mine} / {objective.budget!r}"
        yield from checked(at, rate, burn.rate)
    yield from checked(at, f"slo:budget:left{mine}", standing.budget_left)


def told(objective: Objective, standing: ObjectiveStanding, at: int) -> Iterable[str]:
    """The alerts that fire, with all their labels and texts; and no other."""
    fires = {(alert.severity, length_text(alert.window_s)) for alert in standing.firing}
    [group] = rules([objective])["groups"]
    for name in ALERTS:
        found: list[dict[str, Any]] = [
            {"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}
            for rule in group["rules"]
            if rule.get("alert") == name
            and (rule["labels"]["severity"], rule["labels"]["window"]) in fires
        ]
        assert len(found) == sum(alert_name(severity) == name for severity, _ in fires)
        about = {"eval_time": f"{at * STEP}m", "alertname": name, "exp_alerts": found}
        yield f"  - {json.dumps(about)}"


LONG = pytest.mark.full("promtool works for two seconds on each")
EACH = [
    pytest.param(one, id=one.name, marks=() if n < 3 else LONG) for n, one in enumerate(shipped())
]


@needs_promtool
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("objective", EACH)
def test_prometheus_says_of_each_what_health_says(
    objective: Objective, seed: int, size: Callable[[int, int], int], tmp_path: Path
) -> None:
    these = happenings()[objective.name]
    (tmp_path / "rules.yaml").write_text(written([objective], EVERY))
    lines = ["rule_files: [rules.yaml]", f"evaluation_interval: {EVERY}", "tests:"]
    fired: dict[str, set[tuple[str, int]]] = {}
    for shape, shares in list(shapes(objective).items())[: size(3, 5)]:
        happened = history(shape, shares, these, random.Random(f"{seed} {shape}"))
        counts = {at: counted_at(objective, happened, at) for at in MOMENTS}
        standings = {at: stands(objective, counted) for at, counted in counts.items()}
        fired[shape] = {(alert.severity, alert.window_s) for alert in standings[SPAN].firing}
        lines += [f"- interval: {STEP}m", f"  name: {shape}", "  input_series:"]
        lines += counters(objective, happened)
        lines.append("  promql_expr_test:")
        for at, standing in standings.items():
            lines += expected(objective, standing, counts[at], at)
        lines.append("  alert_rule_test:")
        for at, standing in standings.items():
            lines += told(objective, standing, at)
    (tmp_path / "test.yaml").write_text("\n".join(lines))
    assert PROMTOOL
    tested = subprocess.run(
        [PROMTOOL, "test", "rules", str(tmp_path / "test.yaml")], capture_output=True, text=True
    )
    assert tested.returncode == 0, (tested.stdout + tested.stderr)[:4000]
    # And what it was shown is worth comparing: each alert fires, what is over is no page any more,
    # and of few events none follows.
    every = {(alert.pair.severity, alert.pair.long) for alert in alerts(objective)}
    assert fired["outage"] | fired["slow"] == every
    assert "page" not in {severity for severity, _ in fired["over"] | fired["slow"]}
    assert not fired.get("few")
    assert not fired.get("calm")


def test_there_is_something_to_compare_of_each_that_ships() -> None:
    assert set(happenings()) == {each.name for each in shipped()}
