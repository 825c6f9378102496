"""Which task a person means."""

from datetime import UTC, datetime

import pytest

from hive_gateway.naming import choose_open
from hive_gateway.refusals import Refusal
from hive_gateway.views.rows import TaskRow

AT = datetime(2026, 1, 1, tzinfo=UTC)


def work(phase: str, name: str) -> TaskRow:
    return TaskRow(f"{phase}-{name}", "m", name, phase, "work", 2, AT, AT, 1)


TASKS = [work("build", "api"), work("build", "page"), work("docs", "page")]


@pytest.mark.parametrize(
    ("tasks", "ref", "chosen"),
    [
        (TASKS[:1], "", "build-api"),
        (TASKS, "api", "build-api"),
        (TASKS, "build/api", "build-api"),
        (TASKS, "docs/page", "docs-page"),
    ],
)
def test_the_task_that_is_meant(tasks: list[TaskRow], ref: str, chosen: str) -> None:
    assert choose_open(tasks, ref, "fix-1").task_id == chosen


@pytest.mark.parametrize(
    ("tasks", "ref", "code", "remedy"),
    [
        (TASKS, "page", "conflict", "open: build/page, docs/page"),
        (TASKS, "", "conflict", "open: build/api, build/page, docs/page"),
        (TASKS, "build/pag", "not-found", "open: build/api, build/page, docs/page"),
        ([], "", "not-found", "it has ended"),
        ([work("p", f"t{n}") for n in range(20)], "", "conflict", "t7 and 12 more"),
    ],
)
def test_a_name_that_means_none_or_several_is_refused(
    tasks: list[TaskRow], ref: str, code: str, remedy: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        choose_open(tasks, ref, "fix-1")
    assert refusal.value.code == code
    assert refusal.value.remedy.endswith(remedy)
