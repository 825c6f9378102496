"""Patterns of paths: what is one, and which two may meet."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_contracts.pathspecs import MAX_PATTERN, escaped, fault, may_meet

NAMES = st.text("ab*?[]\\.", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("src/a/**", "src/b/**", False),
        ("src/a", "src/a/b.py", True),
        ("src/a", "src/ab", False),
        ("src/*/x", "src/b", True),
        ("**", "docs/x", True),
        (".", "docs/x", True),
        ("./src/a/", "src/a", True),
        ("*.py", "docs/x", True),
        (r"src/\[a]/**", "src/[a]/x", True),
        (r"src/\*", "src/a", False),
    ],
)
def test_two_patterns_may_meet(one: str, other: str, meet: bool) -> None:
    assert may_meet([one], [other]) is meet
    assert may_meet([other, "elsewhere"], ["nowhere", one]) is meet


def test_nothing_meets_nothing() -> None:
    assert not may_meet([], ["a"])


@given(PATHS, st.data())
def test_patterns_of_one_path_always_meet(path: list[str], data: st.DataObject) -> None:
    def pattern() -> str:
        wild = st.sampled_from(["literal", "*", "**", "?*"])
        parts = [escaped(part) if (how := data.draw(wild)) == "literal" else how for part in path]
        return "/".join(parts[: data.draw(st.integers(1, len(parts)))])

    assert may_meet([pattern()], [pattern()])


@pytest.mark.parametrize(
    "pattern", ["", "/etc", "../x", "a/../b", ":(top)a", "!a", "a\nb", "a" * 201]
)
def test_what_is_no_pattern_says_why(pattern: str) -> None:
    assert fault(pattern)


@pytest.mark.parametrize("pattern", ["a", "src/**", "*.py", "a..b", "a" * MAX_PATTERN])
def test_what_is_a_pattern(pattern: str) -> None:
    assert fault(pattern) == ""


def test_git_takes_an_escaped_path_for_itself_alone(tmp_path: Path) -> None:
    odd = "a[b]*?\\c"
    for name in (odd, "ab", "a[b]xy\\c"):
        (tmp_path / name).write_text("x")

    def git(*words: str) -> bytes:
        return subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True).stdout

    git("init", "-q")
    git("add", "-A")
    found = git("ls-files", "-z", "--", f":(top,glob){escaped(odd)}")
    assert found.decode() == f"{odd}\0"
