"""`deadline` as people write it, and what becomes of it."""

import pytest

from hive_contracts.plan import Plan
from tests.component.files.test_mission_file import plan_of, problem_of


def with_deadline(written: str) -> Plan:
    return plan_of(f"mission: m\nrun: x\ndeadline: {written}\n")


@pytest.mark.parametrize(("written", "seconds"), [("4h", 14_400), ("90", 90), ("1d", 86_400)])
def test_a_deadline_is_a_duration(written: str, seconds: float) -> None:
    assert with_deadline(written).deadline == seconds


def test_without_one_there_is_none() -> None:
    assert plan_of("mission: m\nrun: x\n").deadline == 0


def test_a_date_is_none() -> None:
    said = problem_of("mission: m\nrun: x\ndeadline: tomorrow\n")
    assert "'tomorrow' is no duration" in said
