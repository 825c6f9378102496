"""The register of faults: what each row protects can still be taken out of this tree."""

import ast
import functools
import re
import subprocess

import msgspec
import pytest

from tests.mutants import ALL, ANY, REGISTER, ROOT, Fault, compare

FAULTS = msgspec.convert(msgspec.toml.decode(REGISTER.read_bytes())["fault"], list[Fault])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_protection_can_be_taken_out(fault: Fault) -> None:
    applied = subprocess.run(
        ["git", "apply", "--check", "-"],
        cwd=ROOT, input=fault.patch.encode(), capture_output=True, check=False,
    )  # fmt: skip
    assert applied.returncode == 0, applied.stderr.decode()
    path, _, function = fault.protects.partition(":")
    assert function.rpartition(".")[2] in (ROOT / path).read_text()
    assert (ROOT / fault.file).is_file()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_of_a_test_with_parameters_the_cases_are_named(fault: Fault) -> None:
    name, one_case, _ = fault.test.rpartition("::")[2].partition("[")
    decorators = [
        ast.unparse(decorator)
        for each in ast.walk(parsed(fault.file))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name == name
        for decorator in each.decorator_list
    ]
    assert fault.cases or one_case or not any(".parametrize(" in each for each in decorators)


@functools.cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


def test_no_two_rows_have_one_name() -> None:
    names = [fault.id for fault in FAULTS]
    assert len(names) == len({*names})


def row(*cases: str) -> Fault:
    return Fault("a-row", 1, "t.py::test_a", "a.py:a", "", also=("t.py::test_b",), cases=cases)


TABLE = {"t.py::test_a[one]": True, "t.py::test_a[two]": True, "t.py::test_c": True}
PLAIN = {"t.py::test_a": True, "t.py::test_b": True, "t.py::test_c": True}


@pytest.mark.parametrize(
    ("fault", "outcomes", "red", "wrong"),
    [
        (row(), PLAIN, ["test_a"], ""),
        (row(), PLAIN, [], "stays green"),
        (row(), PLAIN, ["test_a", "test_b"], ""),
        (row(), PLAIN, ["test_a", "test_c"], "also red: t.py::test_c"),
        (row(), TABLE, ["test_a[one]"], "must name the cases"),
        (row("one"), TABLE, ["test_a[one]"], ""),
        (row("one"), TABLE, ["test_a[one]", "test_a[two]"], r"also red: t.py::test_a\[two\]"),
        (row("one"), TABLE, ["test_a[two]"], r"stays green .*: t.py::test_a\[one\]"),
        (row("one", "two"), TABLE, ["test_a[one]"], r"stays green .*: t.py::test_a\[two\]"),
        (row(*ALL), TABLE, ["test_a[one]", "test_a[two]"], ""),
        (row(*ALL), TABLE, ["test_a[two]"], r"stays green .*: t.py::test_a\[one\]"),
        (row(*ANY), TABLE, ["test_a[two]"], ""),
        (row(*ANY), TABLE, [], "stays green"),
    ],
)
def test_exactly_what_a_row_names_may_go_red(
    fault: Fault, outcomes: dict[str, bool], red: list[str], wrong: str
) -> None:
    found = compare(fault, outcomes | {f"t.py::{test}": False for test in red})
    assert re.search(wrong, found)
    assert bool(found) == bool(wrong)
