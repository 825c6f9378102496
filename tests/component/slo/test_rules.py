"""The rules for Prometheus, run by Prometheus itself, say what we compute from the same counts."""

import random
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from hive_contracts.slo.burn import Counts, alerts, standing, windows
from hive_contracts.slo.objective import Objective, parse_objective, shipped
from hive_contracts.slo.rules import alert_name, length_text, written
from hive_contracts.slo.selector import parse_selector
from tests.component.slo.test_objective import GOOD

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not on PATH (Debian: prometheus)"
)
STEP = 5
"""Minutes between two samples, so that a day is run in a second or two."""
DAY = 24 * 60 // STEP
"""Steps."""


@needs_promtool
def test_prometheus_takes_the_rules_of_all_that_ship(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(written(shipped()))
    assert PROMTOOL
    found = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "rules found" in found.stdout


def sums(steps: list[int], at: int, seconds: int) -> int:
    """Of the steps that end in the window before step `at`; the first one ends at 1."""
    return sum(steps[max(0, at - seconds // 60 // STEP) : at])


def shapes(rng: random.Random) -> dict[str, tuple[list[int], list[int]]]:
    """Bad and total by step, for 26 hours."""
    span = range(26 * DAY // 24)
    steady = [rng.randrange(20) for _ in span]
    quiet = [1 if step % 19 == 0 else 0 for step in span]
    outage = [total if step > 25 * DAY // 24 else 0 for step, total in enumerate(steady)]
    rare = [1 if rng.random() < 0.02 else 0 for _ in span]
    return {
        "outage": (outage, steady),
        "steady": (rare, [total + 1 for total in steady]),
        "quiet": (quiet, quiet),
        "gap": ([0] * len(span), [0 if 120 < step < 300 else 10 for step in span]),
        "slow": ([1 if step % 4 == 0 else 0 for step in span], [10 for _ in span]),
    }


@needs_promtool
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_prometheus_computes_what_we_compute(
    seed: int, size: Callable[[int, int], int], tmp_path: Path
) -> None:
    found = shapes(random.Random(seed))
    for shape in list(found)[: size(1, len(found))]:
        compare(*found[shape], tmp_path)


def compare(bad: list[int], total: list[int], tmp_path: Path) -> None:
    good = [every - some for every, some in zip(total, bad, strict=True)]
    base = replace(parse_objective(GOOD, "work.yaml"), window_s=86400)
    accepted = parse_selector('hive_work_total{outcome="accepted"}')
    objectives = [
        replace(base, name="bad", target=0.99),
        replace(base, name="good", target=0.6, bad=None, good=accepted),
    ]
    (tmp_path / "rules.yaml").write_text(written(objectives, f"{STEP}m"))
    (tmp_path / "test.yaml").write_text(
        "\n".join(
            [
                "rule_files: [rules.yaml]",
                f"evaluation_interval: {STEP}m",
                "tests:",
                f"- interval: {STEP}m",
                "  input_series:",
                *series('hive_work_total{outcome="failed"}', bad),
                *series('hive_work_total{outcome="accepted"}', good),
                "  promql_expr_test:",
                *(
                    line
                    for at in (DAY + 1, DAY + 13, DAY + 18, DAY + 23)
                    for objective in objectives
                    for line in expected(objective, bad, total, at)
                ),
            ]
        )
    )  # fmt: skip
    assert PROMTOOL
    run = [PROMTOOL, "test", "rules", str(tmp_path / "test.yaml")]
    tested = subprocess.run(run, capture_output=True, text=True)
    assert tested.returncode == 0, (tested.stdout + tested.stderr)[:4000]


def test_the_outage_that_prometheus_is_shown_fires_and_the_gap_does_not(seed: int) -> None:
    base = replace(parse_objective(GOOD, "work.yaml"), window_s=86400, target=0.99)
    fired = {}
    for shape, (bad, total) in shapes(random.Random(seed)).items():
        at = DAY + 23
        counts = {s: Counts(sums(bad, at, s), sums(total, at, s)) for s in windows(base)}
        fired[shape] = bool(standing(base, counts).firing)
    assert fired["outage"]
    assert fired["slow"]
    assert not fired["gap"]


def series(name: str, steps: list[int]) -> list[str]:
    """A counter that grows by so much in each step."""
    values, sum = ["0"], 0
    for amount in steps:
        sum += amount
        values.append(str(sum))
    return [f"  - series: '{name}'", f"    values: '{' '.join(values)}'"]


def expected(objective: Objective, bad: list[int], total: list[int], at: int) -> Iterable[str]:
    lengths = windows(objective)
    counts = {s: Counts(sums(bad, at, s), sums(total, at, s)) for s in lengths}
    judged = standing(objective, counts)
    mine = f'{{slo="{objective.name}"}}'
    for seconds, each in counts.items():
        length = length_text(seconds)
        yield from checked(at, f"slo:total:increase{length}{mine}", each.total)
        yield from checked(at, f"slo:bad:increase{length}{mine}", each.bad)
        yield from checked(at, f"slo:error:ratio{length}{mine}", each.ratio)
    yield from checked(at, f"slo:budget:left{mine}", judged.budget_left)
    fires = {(alert.pair.long, alert.pair.severity) for alert in judged.firing}
    for alert in alerts(objective):
        firing = (
            f'alertname="{alert_name(alert.pair.severity)}",window="{length_text(alert.pair.long)}"'
        )
        selector = f'ALERTS{{alertstate="firing",slo="{objective.name}",{firing}}}'
        told = float((alert.pair.long, alert.pair.severity) in fires)
        yield from checked(at, f"count({selector}) or vector(0)", told)


def checked(at: int, expression: str, value: float | None) -> Iterable[str]:
    """That it has this value; None: that there is none."""
    if value is None:
        yield f"  - expr: '(count({expression}) or vector(0)) == bool 0'"
    else:
        # promtool itself wants the very same float.
        yield f"  - expr: 'abs(sum({expression}) - {value!r}) < bool 1e-9'"
    yield f"    eval_time: {at * STEP}m"
    yield "    exp_samples: [{labels: '{}', value: 1}]"
