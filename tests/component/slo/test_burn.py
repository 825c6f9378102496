"""Budgets, alerts in two windows, and evidence from few events."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hive_contracts.slo.burn import Counts, alerts, standing, windows
from hive_contracts.slo.evidence import at_least, evidence, needed
from hive_contracts.slo.objective import Objective, parse_objective
from tests.component.slo.test_objective import GOOD

WORK = replace(parse_objective(GOOD, "work.yaml"), window_s=28 * 86400, target=0.99)


def at(objective: Objective, **counts: tuple[float, float]) -> dict[int, Counts]:
    """Counts by window: h1 is one hour, m5 five minutes; the others are without events."""
    units = {"m": 60, "h": 3600, "d": 86400}
    told = {units[name[0]] * int(name[1:]): Counts(*pair) for name, pair in counts.items()}
    return {length: told.get(length, Counts()) for length in windows(objective)}


def test_the_factors_are_those_of_the_workbook_for_thirty_days() -> None:
    month = replace(WORK, window_s=30 * 86400)
    assert [round(alert.factor, 2) for alert in alerts(month)] == [14.4, 6.0, 3.0, 1.0]
    assert [alert.pair.severity for alert in alerts(month)] == ["page", "page", "ticket", "ticket"]


def test_what_can_never_be_reached_is_no_alert() -> None:
    assert [round(a.threshold, 2) for a in alerts(replace(WORK, target=0.8))] == [0.56, 0.2]
    assert all(alert.threshold < 1 for alert in alerts(replace(WORK, target=0.01)))
    week = alerts(replace(WORK, window_s=7 * 86400))
    assert min(alert.factor for alert in week) == 1.0
    assert max(a.pair.long for a in alerts(replace(WORK, window_s=86400))) == 86400


def test_a_budget_is_what_may_be_bad_less_what_was() -> None:
    judged = standing(WORK, at(WORK, d28=(5, 1000)))
    assert judged.budget_left == pytest.approx(0.5)
    assert standing(WORK, at(WORK, d28=(20, 1000))).budget_left == pytest.approx(-1.0)
    assert standing(WORK, at(WORK)).budget_left is None
    assert dict(standing(WORK, at(WORK, h1=(2, 100))).burns)[3600] == pytest.approx(2.0)


def test_an_alert_needs_both_windows() -> None:
    assert [a.pair.long for a in standing(WORK, at(WORK, h1=(60, 100), m5=(6, 10))).firing] == [
        3600
    ]
    assert standing(WORK, at(WORK, h1=(60, 100), m5=(0, 10))).firing == ()
    assert standing(WORK, at(WORK, h1=(0, 100), m5=(6, 10))).firing == ()
    assert standing(WORK, at(WORK, h1=(60, 100))).firing == ()


def test_few_events_wake_nobody() -> None:
    assert standing(WORK, at(WORK, h1=(3, 4), m5=(3, 4))).firing == ()
    sure = replace(WORK, least_events=1)
    assert standing(sure, at(sure, h1=(1, 4), m5=(1, 4))).firing == ()
    assert len(standing(sure, at(sure, h1=(3, 4), m5=(3, 4))).firing) == 1


def binomial_tail(bad: int, total: int, ratio: float) -> float:
    """P(X ≥ bad), summed."""
    return sum(
        math.comb(total, k) * ratio**k * (1 - ratio) ** (total - k) for k in range(bad, total + 1)
    )


@settings(deadline=None)
@given(st.integers(1, 60), st.data(), st.floats(0.001, 0.9), st.floats(0.5, 0.999))
def test_evidence_is_never_too_bold(
    total: int, data: st.DataObject, ratio: float, confidence: float
) -> None:
    bad = data.draw(st.integers(0, total))
    if evidence(bad, total, ratio) > needed(confidence):
        assert binomial_tail(bad, total, ratio) <= (1 - confidence) * (1 + 1e-9)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.5, 0.999))
def test_what_is_sure_is_less_than_what_was_seen(bad: int, good: int, confidence: float) -> None:
    sure = at_least(bad, bad + good, confidence)
    assert 0 <= sure <= 1
    if bad:
        assert sure <= bad / (bad + good)
    more = at_least(bad * 10, (bad + good) * 10, confidence)
    assert more >= sure - 1e-12


def test_no_events_are_no_evidence() -> None:
    assert evidence(0, 0, 0.1) == 0
    assert evidence(1, 10, 0.1) == 0
    assert at_least(0, 100, 0.95) == 0
    assert at_least(3, 1, 0.95) == at_least(1, 1, 0.95) == pytest.approx(0.05)
    assert evidence(10, 10, 0.5) == pytest.approx(10 * math.log(2), rel=1e-6)
