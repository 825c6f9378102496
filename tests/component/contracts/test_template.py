"""Placeholders of templates."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_contracts.plan import (
    ApprovalGate,
    CommandGate,
    HttpGate,
    Item,
    MetricGate,
    TaskSpec,
)
from hive_contracts.template import UnknownPlaceholder, placeholders, render, render_task

ITEM = Item("src/a b", {"name": "a b"})


def test_values_and_fields_are_filled_in() -> None:
    assert render("move ${item} (${item.name}), not $${item}", ITEM) == (
        "move src/a b (a b), not ${item}"
    )


def test_what_lands_in_a_command_is_quoted() -> None:
    assert render("ls ${item}", ITEM, shlex.quote) == "ls 'src/a b'"


@given(st.text())
def test_no_item_can_leave_its_word_in_a_command(value: str) -> None:
    rendered = render("run ${item} end", Item(value), shlex.quote)
    assert shlex.split(rendered) == ["run", value, "end"]


def test_an_unknown_name_says_which_are_known() -> None:
    with pytest.raises(
        UnknownPlaceholder, match=r"\$\{item.dir\} is not known .*item, item.name are"
    ):
        render("${item.dir}", ITEM)
    with pytest.raises(UnknownPlaceholder):
        render("${port.0}", ITEM)


def test_names_are_listed_without_those_that_are_escaped() -> None:
    assert placeholders("${a} $${b} ${c.d}") == ["a", "c.d"]


def test_a_task_is_rendered_in_all_its_parts() -> None:
    gates = (
        CommandGate("g", "test ${item.name}"),
        ApprovalGate("ok", "Is ${item} right?"),
        HttpGate("up", "http://x/${item}?q=${item.name}", contains="${item}"),
        MetricGate("lag", "http://p", 'lag{of="${item}"}', "<", 1),
    )
    task = render_task(TaskSpec("each", run="fix ${item}", gates=gates), "fix-a", ITEM)
    assert task == TaskSpec(
        "fix-a",
        run="fix 'src/a b'",
        gates=(
            CommandGate("g", "test 'a b'"),
            ApprovalGate("ok", "Is src/a b right?"),
            HttpGate("up", "http://x/src/a%20b?q=a%20b", contains="src/a b"),
            MetricGate("lag", "http://p", 'lag{of="src/a b"}', "<", 1),
        ),
    )
