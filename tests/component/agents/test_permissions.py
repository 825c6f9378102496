"""What an agent is answered when it asks for permission."""

import pytest
from acp.schema import PermissionOption, PermissionOptionKind

from hive_runner.acp.policy import answer, decide

EVERY: tuple[PermissionOptionKind, ...] = (
    "allow_always", "allow_once", "reject_always", "reject_once",
)  # fmt: skip


def options(*kinds: PermissionOptionKind) -> list[PermissionOption]:
    return [PermissionOption(option_id=kind, name=kind, kind=kind) for kind in kinds]


@pytest.mark.parametrize(
    ("permissions", "kind", "decision"),
    [
        ({}, "execute", "allow"),
        ({"*": "deny"}, "execute", "deny"),
        ({"*": "deny", "edit": "allow"}, "edit", "allow"),
        ({"execute": "deny"}, "execute", "deny"),
        ({"execute": "deny"}, "edit", "allow"),
    ],
)
def test_a_kind_of_tool_is_allowed_or_denied_by_its_own_rule_or_the_one_for_all_others(
    permissions: dict[str, str], kind: str, decision: str
) -> None:
    assert decide(permissions, kind) == decision


@pytest.mark.parametrize(
    ("decision", "offered", "chosen"),
    [
        ("allow", EVERY, "allow_once"),
        ("deny", EVERY, "reject_once"),
        ("allow", ("allow_always", "reject_once"), "allow_always"),
        ("deny", ("allow_once", "reject_always"), "reject_always"),
    ],
)
def test_the_answer_is_for_once_where_it_can_be(
    decision: str, offered: tuple[PermissionOptionKind, ...], chosen: str
) -> None:
    outcome = answer(decision, options(*offered)).outcome
    assert outcome.outcome == "selected"
    assert outcome.option_id == chosen


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_question_without_an_answer_that_fits_is_turned_down(decision: str) -> None:
    assert answer(decision, []).outcome.outcome == "cancelled"
    assert answer("deny", options("allow_once")).outcome.outcome == "cancelled"
