"""Objectives as files: those that ship, and what is wrong with a bad one."""

from pathlib import Path

import pytest

from hive_contracts.files.document import FileProblem
from hive_contracts.slo.objective import in_folder, parse_objective, shipped
from hive_contracts.slo.selector import SelectorProblem, parse_selector

GOOD = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: work
  annotations:
    least-events: "5"
spec:
  service: missions
  indicator:
    spec:
      ratioMetric:
        bad:
          metricSource:
            spec:
              query: hive_work_total{outcome="failed"}
        total:
          metricSource:
            spec:
              query: hive_work_total
  timeWindow:
    - duration: 7d
  objectives:
    - target: 0.95
"""


def test_six_objectives_ship() -> None:
    assert [(o.name, o.target, o.window_s // 86400) for o in shipped()] == [
        ("change-cost", 0.9, 28),
        ("command-latency", 0.99, 28),
        ("gateway-availability", 0.999, 28),
        ("mission-success", 0.9, 28),
        ("rework-rate", 0.8, 28),
        ("stuck-minutes", 0.95, 28),
    ]
    assert all(o.description for o in shipped())


def test_a_file_is_read_whole() -> None:
    objective = parse_objective(GOOD, "work.yaml")
    assert (objective.name, objective.service, objective.budget) == ("work", "missions", 0.05)
    assert (objective.window_s, objective.least_events) == (7 * 86400, 5)
    assert str(objective.bad) == 'hive_work_total{outcome="failed"}'


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("0.95", "1", 23, "a target of 1 cannot be kept or missed"),
        ("0.95", "0", 23, "a target of 0 cannot be kept or missed"),
        ("0.95", "-3", 23, "cannot be kept or missed"),
        ("0.95", "99.9", 23, "did you mean 0.999?"),
        ("0.95", ".nan", 23, "cannot be kept or missed"),
        ("0.95", ".inf", 23, "cannot be kept or missed"),
        ("0.95", "often", 23, "a target of often cannot be kept or missed"),
        ("0.95", "0.001", 23, "missed by nobody"),
        ("0.95", "0.9999999", 23, "cannot be kept or missed"),
        ("7d", "30m", 21, "a window of '30m' is not possible"),
        ("7d", "500d", 21, "a window of '500d' is not possible"),
        ("7d", "1mo", 21, "a window of '1mo' is not possible"),
        ("query: hive_work_total\n", "query: hive_wrok_total\n", 19, "mean `hive_work_total`?"),
        ('{outcome="failed"}', '{outcom="failed"}', 15, "did you mean `outcome`?"),
        ('{outcome="failed"}', "[5m]", 15, "is no selector"),
        ("name: work", "name: Work!", 4, "'Work!' is no name"),
        ('"5"', '"0"', 6, "is no number of events"),
        ("least-events", "least-event", 6, "did you mean `least-events`?"),
        ("  service: missions\n", "", 7, "`service` is missing"),
        ("kind: SLO", "kind: Service", 2, "is not allowed"),
        ("  service: missions\n", "  service: m\n  alertPolicies: [x]\n", 9, "unknown key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    with pytest.raises(FileProblem) as problem:
        parse_objective(GOOD.replace(old, new), "work.yaml")
    assert said in str(problem.value)
    assert problem.value.where == f"work.yaml:{line}"


def test_both_good_and_bad_or_neither_is_refused() -> None:
    neither = GOOD.replace("        bad:\n", "        worse:\n")
    with pytest.raises(FileProblem, match="unknown key `worse`"):
        parse_objective(neither, "work.yaml")
    start, end = GOOD.index("        bad:"), GOOD.index("        total:")
    block = GOOD[start:end]
    for text in (
        GOOD.replace(block, ""),
        GOOD.replace(block, block + block.replace("bad", "good")),
    ):
        with pytest.raises(FileProblem, match="one of `good` and `bad` is needed"):
            parse_objective(text, "work.yaml")


def test_two_targets_in_one_file_are_refused() -> None:
    with pytest.raises(FileProblem, match="2 objectives in one file"):
        parse_objective(GOOD + "    - target: 0.99\n", "work.yaml")


def test_a_folder_adds_to_those_that_ship_and_takes_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yml").write_text(GOOD.replace("name: work", "name: rework-rate"))
    found = {o.name: o for o in in_folder(tmp_path)}
    assert len(found) == 7
    assert found["rework-rate"].target == 0.95
    assert len(in_folder(tmp_path / "missing")) == 6


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    with pytest.raises(FileProblem, match=r"work is already the name of .*a\.yaml"):
        in_folder(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rate(hive_work_total[5m])",
        "hive_work_total{",
        'hive_work_total{outcome="a" outcome="b"}',
        'hive_work_total{outcome=~"(a+)+b"}',
        'hive_work_total{outcome=~"(a"}',
        'hive_work_total{outcome=~"a**"}',
        "hive_mission_seconds_bucket",
        'hive_mission_seconds_bucket{le="17"}',
        'hive_mission_seconds_bucket{le=~"300"}',
        'hive_mission_seconds_bucket{le="nan"}',
        "hive_work_total" + " " * 2000,
    ],
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(SelectorProblem):
        parse_selector(text)


CALLS = (("/a", "0.05"), ("/b", "0.1"), ("/a", "0.25"), ("/c", "0.05"), ("/a", ""))


def test_a_selector_counts_what_prometheus_would() -> None:
    fast = parse_selector('hive_gateway_call_seconds_bucket{method=~"/a|/b", le="0.1"}')
    assert str(fast) == 'hive_gateway_call_seconds_bucket{method=~"/a|/b",le="0.1"}'
    taken = [
        fast.takes("hive_gateway_calls", {"method": method, "code": "OK", "le": le})
        for method, le in (
            ("/a", "0.05"),
            ("/b", "0.1"),
            ("/a", "0.25"),
            ("/c", "0.05"),
            ("/a", ""),
        )
    ]
    assert taken == [True, True, False, False, False]
    assert not fast.takes("hive_work", {})
    everything = parse_selector('hive_gateway_calls_total{code!="OK"}')
    assert everything.takes("hive_gateway_calls", {"method": "/a", "code": "INTERNAL", "le": ""})
    measured = parse_selector("hive_gateway_call_seconds_count")
    assert not measured.takes("hive_gateway_calls", {"method": "/a", "code": "OK", "le": ""})
    assert measured.takes("hive_gateway_calls", {"method": "/a", "code": "OK", "le": "+Inf"})
    assert parse_selector('hive_mission_seconds_bucket{le="300"}').matchers[0].value == "300.0"
