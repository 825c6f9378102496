"""Whatever is wrong in a file that a person wrote, the answer says what to do."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from hive_client.checkout import GitProblem
from hive_contracts.files import FileProblem
from hive_contracts.files.document import Node, parse_document
from hive_contracts.slo.selector import SelectorProblem

ROOT = Path(__file__).parents[3]
SOURCES = [*ROOT.glob("contracts/src"), *ROOT.glob("client/src"), *ROOT.glob("services/*/src")]
NAMES = {"FileProblem", "GitProblem", "SelectorProblem"}


@pytest.mark.parametrize("made", [FileProblem, GitProblem, SelectorProblem, Node.problem])
def test_a_problem_cannot_be_made_without_a_remedy(made: object) -> None:
    remedy = inspect.signature(made).parameters["remedy"]  # type: ignore[arg-type]
    assert remedy.default is inspect.Parameter.empty


def made() -> Iterator[tuple[str, ast.Call]]:
    """Each place in the sources where a problem is made."""
    for source in SOURCES:
        for path in source.rglob("*.py"):
            text = path.read_text("utf-8")
            if "Problem" not in text:
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and _name(node) in NAMES:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def test_no_remedy_is_written_empty() -> None:
    places = list(made())
    assert len(places) > 80, "it looks where problems are made"
    empty = [
        where
        for where, call in places
        for given in (*call.args, *(keyword.value for keyword in call.keywords))
        if isinstance(given, ast.Constant) and given.value == ""
    ]
    assert empty == []


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "begin with a `key: value` line"),
        ("? [a]\n: b\n", "write such as `name: value`"),
        ("a: &x [*y]", "put the text in quotes: a * in front has a meaning of its own"),
        ("a: %", "put the text in quotes"),
        ('a: "\\U00110000"', "correct the line: its indentation, its quotes"),
        ("a: " + "[" * 40, "write them flatter"),
    ],
)
def test_yaml_that_is_none_says_what_to_do(text: str, remedy: str) -> None:
    with pytest.raises(FileProblem) as caught:
        parse_document(text, "fix.yaml")
    assert caught.value.remedy.startswith(remedy)
