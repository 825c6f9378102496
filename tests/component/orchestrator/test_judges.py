"""Whose answer to a gate counts."""

import pytest

from hive_contracts.plan import ApprovalGate, TaskSpec
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRequested,
    ApproveGate,
    RejectGate,
    TaskPlanned,
)
from hive_orchestrator.deciders import task, task_state
from hive_orchestrator.deciders.rejected import Rejected

T, M = "0" * 31 + "1", "0" * 31 + "2"
GATE = ApprovalGate("ok", "Is it right?", by=("ada", "approver"))
PLANNED = TaskPlanned(T, M, "fix-1", "", "gate", TaskSpec("ok", gates=(GATE,)))


def waiting() -> task_state.Task:
    state: task_state.Task = task_state.INITIAL
    for event in task.plan(PLANNED):
        state = task_state.evolve(state, event)
    return state


def test_who_may_answer_is_told_with_the_question() -> None:
    asked = ApprovalRequested(T, M, "ok", "Is it right?", by=("ada", "approver"))
    assert task.plan(PLANNED)[1:] == [asked]


@pytest.mark.parametrize(("by", "role"), [("ada", "admin"), ("bob", "approver")])
def test_a_name_or_a_role_that_the_gate_names_counts(by: str, role: str) -> None:
    given = task.decide(waiting(), ApproveGate(T, "ok", by, role=role))[0]
    assert given == ApprovalGiven(T, "ok", by)


@pytest.mark.parametrize("answer", [ApproveGate, RejectGate])
def test_anybody_elses_answer_is_refused_and_the_gate_waits_on(
    answer: type[ApproveGate] | type[RejectGate],
) -> None:
    with pytest.raises(Rejected, match=r"for ada or approver, not for bob \(admin\)"):
        task.decide(waiting(), answer(T, "ok", "bob", role="admin"))
