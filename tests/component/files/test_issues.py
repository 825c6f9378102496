"""Which issues launch what: the part of the repository file, and what is wrong with one."""

import pytest

from hive_contracts.files.document import FileProblem
from hive_contracts.files.issues import IssueLaunch, assignee_launch, label_launch
from hive_contracts.files.repository import parse_repository


def test_without_a_word_the_label_hive_launches_the_default_agent() -> None:
    issues = parse_repository("agent: claude\n", "repo.yaml").github.issues
    assert label_launch(issues, "Hive") == IssueLaunch()
    assert label_launch(issues, "bug") is None
    assert assignee_launch(issues, "ada") is None


def test_labels_and_assignees_say_what_they_launch() -> None:
    text = """
github:
  issues:
    labels:
      "hive: docs": docs
      hive: {agent: codex, gates: [lint, "pytest -q"], result: branch}
    assignees: {"@acme-hive": {mission: triage}}
"""
    issues = parse_repository(text, "repo.yaml").github.issues
    assert label_launch(issues, "HIVE: Docs") == IssueLaunch(mission="docs")
    assert label_launch(issues, "hive") == IssueLaunch(
        agent="codex", gates=("lint", "pytest -q"), result="branch"
    )
    assert assignee_launch(issues, "Acme-Hive") == IssueLaunch(mission="triage")


def test_an_empty_mapping_of_labels_launches_nothing() -> None:
    issues = parse_repository("github: {issues: {labels: {}}}\n", "repo.yaml").github.issues
    assert label_launch(issues, "hive") is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("labels: {hive: ../../etc/passwd}", "is no name of a mission file"),
        ("labels: {hive: {mission: a, agent: b}}", "and agent or gates beside it"),
        ("labels: {hive: {agent: 'A B'}}", "the agent's name 'A B' is not allowed"),
        ("labels: {hive: {}, HIVE: {}}", "stands twice"),
        ('labels: {"\\u202e": {}}', "is no label"),
        ("assignees: {'a b': {}}", "is no login"),
        ("labels: {hive: {promt: x}}", "unknown key `promt`"),
        ("label: {}", "did you mean `labels`?"),
    ],
)
def test_what_cannot_stand_is_named_with_its_line(written: str, message: str) -> None:
    with pytest.raises(FileProblem) as caught:
        parse_repository(f"github:\n  issues:\n    {written}\n", "repo.yaml")
    assert message in str(caught.value)
    assert caught.value.where.startswith("repo.yaml:")
