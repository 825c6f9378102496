"""Which question a person's answer is for."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from hive_gateway.approvals import Asked, choose
from hive_gateway.refusals import Refusal
from hive_gateway.views.rows import Approval, TaskRow

AT = datetime(2026, 1, 1, tzinfo=UTC)


def asks(
    task: str, gate: str, answer: Literal["", "given", "refused", "void"] = "", by: str = ""
) -> TaskRow:
    approval = Approval(gate, "?", AT, answer, by)
    return TaskRow(task, "m", f"n{task}", "p", "gate", 1, AT, AT, 1, approvals=(approval,))


@pytest.mark.parametrize(
    ("tasks", "gate", "chosen"),
    [
        pytest.param([asks("a", "ship")], "", "a", id="the only one"),
        pytest.param([asks("a", "ship", "given"), asks("b", "tell")], "", "b", id="that waits"),
        pytest.param([asks("a", "ship"), asks("b", "tell")], "tell", "b", id="by its name"),
        pytest.param([asks("a", "ship"), asks("b", "ship")], "ship", "a", id="the first of a name"),
        pytest.param(
            [asks("a", "ship"), asks("b", "ship")], "p/nb/ship", "b", id="by its task and name"
        ),
        pytest.param(
            [asks("a", "protected", "given"), asks("b", "protected")],
            "protected",
            "b",
            id="the only protected paths that wait",
        ),
        pytest.param([asks("a", "ship", "given")], "ship", "a", id="answered: let the hive judge"),
        pytest.param(
            [asks("a", "ship", "given", "cmd"), asks("b", "tell")], "", "a", id="a repetition"
        ),
    ],
)
def test_the_question_that_is_meant(tasks: list[TaskRow], gate: str, chosen: str) -> None:
    found = choose(tasks, gate, "cmd", "fix-1")
    assert found == Asked(chosen, next(t for t in tasks if t.task_id == chosen).approvals[0].gate)


@pytest.mark.parametrize(
    ("tasks", "gate", "code", "message"),
    [
        ([], "", "conflict", "nothing in fix-1 waits for a person"),
        ([asks("a", "ship", "given")], "", "conflict", "nothing in fix-1 waits for a person"),
        ([asks("a", "ship"), asks("b", "tell")], "", "conflict", "several gates wait: ship, tell"),
        (
            [asks("a", "protected"), asks("b", "protected")],
            "protected",
            "conflict",
            "several tasks wait: p/na/protected, p/nb/protected",
        ),
        ([asks("a", "ship")], "sell", "not-found", "fix-1 asks for no 'sell'; it asked for: ship"),
        ([], "sell", "not-found", "fix-1 asks for no 'sell'; it asked for: none"),
    ],
)
def test_an_answer_that_fits_no_question_is_refused(
    tasks: list[TaskRow], gate: str, code: str, message: str
) -> None:
    with pytest.raises(Refusal) as caught:
        choose(tasks, gate, "cmd", "fix-1")
    assert (caught.value.code, caught.value.message) == (code, message)
