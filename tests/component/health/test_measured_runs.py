"""The scripts behind the figures of docs/performance.md run, and tell what they promise to."""

import sys

import pytest

from tests.performance import detection, regressions


def test_detection_sees_a_change_that_is_large_and_compares_with_thresholds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["detection", "--series", "1"])
    monkeypatch.setattr(detection, "SHAPES", {"none": 1.0, "three times": 3.0})
    monkeypatch.setattr(detection, "BEFORE", 24)
    monkeypatch.setattr(detection, "AFTER", 12)
    assert detection.main() == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["change", "seen"]
    told = {(row[:32].strip(), row[32:52].strip()): row[52:].split() for row in rows}
    detectors = ("change points", "newest over 1.5 × median", "mean of five over 1.5 × median")
    assert set(told) == {(name, shape) for name in detectors for shape in detection.SHAPES}
    for name in detectors:
        seen, after, false, seconds = told[name, "three times"]
        assert seen == "1/1"
        assert 1 <= float(after) <= detection.AFTER
        assert false in ("0/1", "1/1")
        assert float(seconds) >= 0
        assert told[name, "none"][:2] == ["–", "–"]


def test_regressions_are_told_where_there_is_one_and_counted_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["regressions", "--series", "4", "--attempts", "52"])
    monkeypatch.setattr(regressions, "LEAST", 52)  # the first look at each series
    monkeypatch.setattr(regressions, "CHANGED", 30)
    monkeypatch.setattr(regressions, "AFTER", 24)
    assert regressions.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[:3]] == ["success", "seconds", "usd"]
    assert all(line.endswith(" of 4") for line in lines[:3])
    told = {line.split()[3]: line for line in lines[3:]}
    assert "told in 1 of 1, after" in told["seconds"]
