"""What agents ask, as people see it and answer it; and who may answer a gate."""

import pytest
from msgspec.structs import replace

from hive_contracts.dialogue import Question, Rule
from hive_contracts.outcome import AgentRun, Failure, Usage, WorkDone
from hive_contracts.plan import ApprovalGate, Phase, Plan, TaskSpec
from hive_contracts.task import (
    AttemptFailed,
    LeaseLost,
    QuestionAnswered,
    QuestionAsked,
    TaskCancelled,
    TaskEvent,
)
from hive_contracts.v1 import plan_pb2
from hive_contracts.wire import to_proto
from hive_gateway.answers import choose_asking
from hive_gateway.launching import check_judges, plan_of
from hive_gateway.refusals import Refusal
from hive_gateway.views.rows import TaskRow
from hive_shared.profiles import profiles_of
from tests.component.gateway.test_fold import M, T, folded, launched, leased, planned

HALF = WorkDone(agent=AgentRun("codex", usage=Usage(10, 0, 2)))
ASKED = QuestionAsked(T, M, 1, "1", Question("Which one?"), HALF)
AT_WORK = QuestionAsked(T, M, 1, "1-1", Question("May I?", ("allow", "deny")))


def after(*events: TaskEvent) -> tuple[TaskRow, str]:
    """The task's row, and the status of its mission."""
    views = folded(launched(), planned(), leased(1), *events)  # type: ignore[arg-type]
    row, mission = views.tasks.get(T), views.missions.get(M)
    assert row is not None
    assert mission is not None
    return row, mission.status


def test_a_question_makes_its_mission_wait_and_its_answer_go_on() -> None:
    row, status = after(ASKED)
    assert (row.status, status) == ("awaiting-answer", "waiting")
    assert row.question is not None
    assert (row.question.text, row.question.at_work) == ("Which one?", False)
    assert row.usage == Usage(10, 0, 2)  # what the turn used is counted
    row, status = after(ASKED, QuestionAnswered(T, "1", "The left one.", "ann"))
    assert (row.status, status) == ("queued", "running")


def test_a_question_at_work_makes_its_mission_wait_until_its_attempt_is_over() -> None:
    row, status = after(AT_WORK)
    assert (row.status, status) == ("leased", "waiting")
    over: list[TaskEvent] = [
        LeaseLost(T, 1, "gone"),
        AttemptFailed(T, 1, Failure("agent", "exit 1")),
        TaskCancelled(T, M),
        QuestionAnswered(T, "1-1", "deny", "ann"),
    ]
    for event in over:
        assert after(AT_WORK, event)[1] == "running", event


def test_an_answer_is_for_the_task_that_asks() -> None:
    asking, _ = after(ASKED)
    other = replace(asking, task_id="other", name="other", question=None)
    assert choose_asking([asking, other], "", "c", "m-1").task_id == T
    assert choose_asking([asking], f"{asking.phase}/{asking.name}", "c", "m-1").task_id == T
    second = replace(asking, task_id="second", name="second")
    with pytest.raises(Refusal, match="several agents of m-1 ask"):
        choose_asking([asking, second], "", "c", "m-1")
    with pytest.raises(Refusal, match="no agent of m-1 waits"):
        choose_asking([other], "", "c", "m-1")


def test_an_answer_said_twice_means_the_question_that_it_answered() -> None:
    answered, _ = after(ASKED, QuestionAnswered(T, "1", "Left.", "ann"))
    assert answered.question is not None
    command = answered.question.command_id
    assert command
    second = replace(after(ASKED)[0], task_id="second", name="second")
    assert choose_asking([second, answered], "", command, "m-1").task_id == T


def judged_by(*by: str) -> Plan:
    gate = ApprovalGate("ok", "Is it right?", by=by)
    return Plan("m", (Phase("p", tasks=(TaskSpec("t", run="x", gates=(gate,)),)),))


def test_a_gate_that_nobody_here_could_answer_is_refused() -> None:
    check_judges(judged_by(), {"admin"})
    check_judges(judged_by("approver", "admin"), {"admin"})
    with pytest.raises(Refusal, match="is for approver, and nobody here is"):
        check_judges(judged_by("approver"), {"admin"})


def test_what_an_agent_cannot_be_told_is_refused_before_the_launch() -> None:
    spec = TaskSpec("t", prompt="Do it.", agent="codex", permissions=(Rule("run", "deny"),))
    plan = Plan("m", (Phase("p", tasks=(spec,)),))
    with pytest.raises(Refusal, match="codex cannot be forbidden to run"):
        plan_of(to_proto(plan, plan_pb2.Plan), profiles_of({}))
