"""The files for Prometheus, Alertmanager and Grafana: their own tools take them, and they ask for
what there is.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from hive_contracts.slo.objective import shipped
from hive_contracts.slo.rules import rules, written
from hive_gateway.metrics import Metrics
from hive_health.exposition import exposition
from hive_health.symptoms import ORDER
from tests.component.docs.pages import ROOT, blocks
from tests.component.health.test_exposition import ALIVE, BEAT

STACK: Final = ROOT / "infra/observability_stack"
DASHBOARDS: Final = sorted((STACK / "dashboards").glob("*.json"))
_NAME: Final = re.compile(r"[a-zA-Z_:][\w:]*")
_NO_METRICS: Final = re.compile(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"|\bby\s*\([^)]*\)')
_WORDS: Final = {"sum", "max", "rate", "increase", "histogram_quantile", "by", "le", "ALERTS"}


def tool(name: str) -> pytest.MarkDecorator:
    found = shutil.which(name)
    package = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}[name]
    return pytest.mark.skipif(found is None, reason=f"{name} is not on PATH (Debian: {package})")


def run(*words: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def names_that_there_are() -> set[str]:
    """Of metrics that processes expose, and of what the exported rules record."""
    gateway = Metrics()
    gateway.ended("/a", "OK", 0.1)
    own = {
        sample.name for metric in gateway.registry.collect() for sample in metric.samples
    }  # fmt: skip
    whole = exposition(ALIVE, [BEAT], {})
    hive = set(re.findall(r"^# TYPE (\w+)", whole, re.MULTILINE))
    hive |= set(re.findall(r"^(\w+)", whole, re.MULTILINE))
    recorded = {
        rule.get("record") for group in rules(shipped())["groups"] for rule in group["rules"]
    }
    return own | hive | {name for name in recorded if name}


def queries(dashboard: Path) -> list[str]:
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_asks_for_what_is_exposed(dashboard: Path) -> None:
    known = names_that_there_are()
    assert len(queries(dashboard)) >= 8
    for query in queries(dashboard):
        asked = set(_NAME.findall(_NO_METRICS.sub("", query))) - _WORDS
        assert asked <= known, query


@tool("promtool")
@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_is_promql(dashboard: Path, tmp_path: Path) -> None:
    group: dict[str, Any] = {
        "name": "panels",
        "rules": [{"record": f"q{n}", "expr": q} for n, q in enumerate(queries(dashboard))],
    }
    (tmp_path / "panels.yaml").write_text(json.dumps({"groups": [group]}))
    run("promtool", "check", "rules", tmp_path / "panels.yaml")


def test_the_rules_of_objectives_are_those_that_are_exported() -> None:
    assert (STACK / "slo_rules.yaml").read_text() == written(shipped()), "hive slo export"


def test_every_symptom_raises_exactly_one_alert() -> None:
    text = (STACK / "hive_rules.yaml").read_text()
    told = [kind for kinds in re.findall(r'kind=~"([^"]*)"', text) for kind in kinds.split("|")]
    assert sorted(told) == sorted(ORDER)


@tool("promtool")
def test_prometheus_takes_its_configuration_and_that_of_the_page(tmp_path: Path) -> None:
    run("promtool", "check", "config", "--syntax-only", STACK / "prometheus_setup.yaml")
    for name in ("hive_rules.yaml", "slo_rules.yaml"):
        run("promtool", "check", "rules", STACK / name)
    pages = [text for _, text in blocks(ROOT / "docs/health.md", "yml")]
    [shown] = [text for text in pages if "scrape_configs" in text]
    (tmp_path / "page.yaml").write_text(shown)
    run("promtool", "check", "config", "--syntax-only", tmp_path / "page.yaml")


ALERTS: Final = """\
rule_files: [RULES]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - {series: 'hive_symptoms{kind="stuck-consumer"}', values: '0 1 0 1 1 1 1 0 0'}
  - {series: 'hive_symptoms{kind="clock-off"}', values: '1x20'}
  - {series: 'hive_symptoms{kind="runner-deaf"}', values: '1 1 1 0 1x20'}
  - {series: 'hive_runners{state="alive"}', values: '0x20'}
  - {series: 'up{job="hive"}', values: '1x20'}
  alert_rule_test:
  - {eval_time: 2m, alertname: HiveIsBroken, exp_alerts: []}
  - eval_time: 5m
    alertname: HiveIsBroken
    exp_alerts:
    - exp_labels: {kind: stuck-consumer, severity: page}
      exp_annotations:
        summary: stuck-consumer
        description: "`hive status` says what it is about and what to do."
  - {eval_time: 8m, alertname: HiveIsBroken, exp_alerts: []}
  - {eval_time: 4m, alertname: HiveIsUnwell, exp_alerts: []}
  - eval_time: 6m
    alertname: HiveIsUnwell
    exp_alerts:
    - exp_labels: {kind: clock-off, severity: ticket}
      exp_annotations:
        summary: clock-off
        description: "`hive status` says what it is about and what to do."
  - {eval_time: 9m, alertname: HiveHasNoRunner, exp_alerts: []}
  - eval_time: 11m
    alertname: HiveHasNoRunner
    exp_alerts:
    - exp_labels: {state: alive, severity: ticket}
      exp_annotations:
        summary: No runner is heard, so no task is worked on
        description: Start one, or see why it does not reach the gateway.
  - {eval_time: 11m, alertname: HiveIsUnseen, exp_alerts: []}
- interval: 1m
  input_series:
  - series: 'hive_handler_messages_total{service="github",process="a",handler="deliveries"}'
    values: '0+10x40'
  - series: 'hive_handler_failures_total{service="github",process="a",handler="deliveries"}'
    values: '0+1x40'
  - series: 'hive_handler_messages_total{service="gateway",process="b",handler="views"}'
    values: '0+100x40'
  - series: 'hive_handler_failures_total{service="gateway",process="b",handler="views"}'
    values: '0+4x40'
  - {series: 'hive_trace_spans_total{service="relay",state="ended"}', values: '0+100x40'}
  - {series: 'hive_trace_spans_total{service="relay",state="exported"}', values: '0+50x40'}
  - {series: 'hive_trace_spans_total{service="gateway",state="ended"}', values: '0+100x40'}
  - {series: 'hive_trace_spans_total{service="gateway",state="exported"}', values: '0+95x40'}
  - {series: 'hive_symptoms{kind="clock-off"}', values: '0x40'}
  alert_rule_test:
  - {eval_time: 9m, alertname: HiveHandlerFails, exp_alerts: []}
  - eval_time: 15m
    alertname: HiveHandlerFails
    exp_alerts:
    - exp_labels: {service: github, handler: deliveries, severity: ticket}
      exp_annotations:
        summary: github fails at more than 5 % of deliveries
        description: What fails is repeated or parked. The log of the service says why.
  - eval_time: 15m
    alertname: HiveTracesAreLost
    exp_alerts:
    - exp_labels: {service: relay, severity: ticket}
      exp_annotations:
        summary: A tenth of the spans of relay do not arrive
        description: See that the collector at otlp_endpoint runs, and that it keeps up.
- interval: 1m
  input_series:
  - {series: 'up{job="hive"}', values: '1x20'}
  alert_rule_test:
  - eval_time: 3m
    alertname: HiveIsUnseen
    exp_alerts:
    - exp_labels: {severity: page}
      exp_annotations:
        summary: Nothing is heard of the hive, or not of one of its gateways
        description: Prometheus cannot read it, or no health is there. `hive status` says more.
"""


@tool("promtool")
def test_alerts_come_when_they_should_and_no_sooner(tmp_path: Path) -> None:
    text = ALERTS.replace("RULES", str(STACK / "hive_rules.yaml"))
    (tmp_path / "alerts.yaml").write_text(text)
    run("promtool", "test", "rules", tmp_path / "alerts.yaml")


@tool("amtool")
def test_alertmanager_takes_its_configuration() -> None:
    run("amtool", "check-config", STACK / "alertmanager_config.yaml")
