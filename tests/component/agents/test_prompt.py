"""What an agent is asked, in which order."""

from msgspec.structs import replace

from hive_contracts.dialogue import Answered, Rule
from hive_contracts.orders import Lease
from hive_contracts.outcome import Failure
from hive_contracts.plan import Repository, TaskSpec
from hive_contracts.task import TaskPlanned
from hive_runner.agents.prompt import prompt

TASK = TaskPlanned(
    "t", "m", "fix-1", "build", "work", TaskSpec("one", prompt="Fix it."),
    objective="Be quick.", repository=Repository("/r", "a" * 40),
)  # fmt: skip
LEASE = Lease(
    2, "work", TASK, 2,
    feedback=Failure("agent", "exit 1"),
    hints=("Look at a.py.",),
    answers=(Answered("Which?", "The left one.", "ann"),),
)  # fmt: skip


def in_order(text: str, *parts: str) -> bool:
    places = [text.index(part) for part in parts]
    return places == sorted(places)


def test_without_a_template_the_parts_come_in_their_order() -> None:
    text = prompt(LEASE)
    assert in_order(text, "Be quick.", "Fix it.", "Which?", "exit 1", "Look at a.py.", "HIVE_NO")


def test_a_template_has_its_own_order_and_what_it_does_not_name_comes_behind() -> None:
    text = prompt(LEASE, "You are careful.\n\n{guide}\n\n{task}\n\nWhy: {objective}\n", "Be kind.")
    assert text.startswith("You are careful.\n\nBe kind.\n\nFix it.\n\nWhy: Be quick.\n\n")
    assert in_order(text, "Be quick.", "Which?", "exit 1", "Look at a.py.", "HIVE_NO")
    assert text.count("Fix it.") == 1


def test_braces_in_what_is_filled_in_stay_as_they_are() -> None:
    odd = replace(LEASE, task=replace(TASK, spec=TaskSpec("one", prompt="Fix {hints} and {x}.")))
    assert "Fix {hints} and {x}." in prompt(odd, "{task}")


def test_one_that_may_only_look_is_told_so_and_where_its_words_go() -> None:
    spec = TaskSpec("one", prompt="Judge.", read_only=True, review=True)
    text = prompt(replace(LEASE, task=replace(TASK, spec=spec)))
    assert "Change no file" in text
    assert "with DEFECTS: and" in text
    assert "with QUESTION: and" in text
    planning = TaskSpec("one", prompt="Plan.", read_only=True, output="plan.md")
    text = prompt(replace(LEASE, task=replace(TASK, spec=planning)))
    assert "but for plan.md" in text
    assert "Your result is the file plan.md" in text
    assert "QUESTION:" not in text  # it can write files


def test_one_that_may_edit_nothing_is_told_where_its_question_goes() -> None:
    denied = TaskSpec("one", prompt="Look.", permissions=(Rule("edit", "deny"),))
    assert "with QUESTION: and" in prompt(replace(LEASE, task=replace(TASK, spec=denied)))
    assert "QUESTION:" not in prompt(LEASE)
