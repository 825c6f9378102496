"""What an agent is answered when it asks for permission."""

import pytest
from acp.schema import PermissionOption, PermissionOptionKind

from hive_contracts.dialogue import Rule, Ruling
from hive_runner.acp.policy import answer, decide
from hive_shared.profiles import resolved

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
    permissions: dict[str, Ruling], kind: str, decision: str
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


PUSHES = resolved([Rule("run:git push*", "deny"), Rule("fetch", "ask")])


@pytest.mark.parametrize(
    ("permissions", "kind", "command", "decision"),
    [
        pytest.param({}, "execute", "git push origin", "deny", id="the mission denies it"),
        pytest.param({}, "execute", "git status", "allow", id="the mission says nothing of it"),
        pytest.param({}, "execute", None, "deny", id="nobody knows what it would run"),
        pytest.param({}, "fetch", None, "ask", id="the mission asks a person"),
        pytest.param({"*": "deny"}, "execute", "git status", "deny", id="the profile is stricter"),
        pytest.param({"*": "ask"}, "execute", "git push", "deny", id="the mission is stricter"),
    ],
)
def test_of_the_profiles_word_and_the_missions_the_stricter_counts(
    permissions: dict[str, Ruling], kind: str, command: str | None, decision: str
) -> None:
    assert decide(permissions, kind, PUSHES, command) == decision
