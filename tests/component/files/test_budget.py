"""`budget`, `exclusive` and a task's `on_failure` as people write them."""

import pytest

from hive_contracts.budget import Budget
from tests.component.files.test_mission_file import plan_of, problem_of


def budget_of(written: str) -> Budget | None:
    return plan_of(f"mission: m\nrun: x\nbudget: {written}\n").budget


@pytest.mark.parametrize(
    ("written", "budget"),
    [
        ("{usd: 40, wall: 8h, warn: 80%}", Budget(40, 0, 28_800, 0.8)),
        ("{tokens: 6M, wall: 2h}", Budget(0, 6_000_000, 7_200)),
        ("{usd: 2.50, warn: 0.5}", Budget(2.5, warn=0.5)),
        ("{tokens: 300k}", Budget(tokens=300_000)),
        ("{tokens: 1.5M}", Budget(tokens=1_500_000)),
        ("{tokens: 12345, warn: 100%}", Budget(tokens=12_345, warn=1)),
    ],
)
def test_amounts_are_taken_in_the_forms_that_people_write(written: str, budget: Budget) -> None:
    assert budget_of(written) == budget


def test_without_a_budget_nothing_is_capped() -> None:
    assert plan_of("mission: m\nrun: x\n").budget is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{usd: 0}", "fix.yaml:3: a cap of 0 on usd lets nothing begin"),
        ("{warn: 80%}", "fix.yaml:3: the budget caps nothing"),
        ("{tokens: many}", "fix.yaml:3: 'many' is not a whole number in `budget.tokens`"),
        ("{tokens: 1.23456k}", "is not a whole number"),
        ("{usd: -3}", "is not an amount"),
        ("{warn: 120%, usd: 1}", "'120%' is not a part in `budget.warn` (write such as 80%)"),
        ("{wall: soon}", "is no duration"),
        ("{dollars: 3}", "unknown key `dollars`"),
    ],
)
def test_an_amount_that_is_none_is_named_with_its_line(written: str, said: str) -> None:
    assert said in problem_of(f"mission: m\nrun: x\nbudget: {written}\n")


def test_exclusive_and_on_failure_are_the_tasks_own_or_the_phases() -> None:
    plan = plan_of(
        "mission: m\nphases:\n  p:\n    exclusive: true\n    tasks:\n"
        "      one: {run: x}\n      two: {run: x, exclusive: false, on_failure: continue}\n"
        "  q: {run: x}\n"
    )
    told = [(t.exclusive, t.on_failure) for phase in plan.phases for t in phase.tasks]
    assert told == [(True, ""), (False, "continue"), (False, "")]
