"""Globs over paths, without asking git."""

import pytest

from hive_runner.repositories.changes import TESTS
from hive_runner.repositories.patterns import compiled


@pytest.mark.parametrize(
    ("patterns", "path", "is_in"),
    [
        ((".github/**",), ".github/workflows/ci.yml", True),
        ((".github/**",), ".github", False),
        ((".github/**",), "a/.github/x", False),
        ((".github",), ".github/workflows/ci.yml", True),
        ((".github/",), ".github/x", True),
        (("**/Makefile",), "Makefile", True),
        (("**/Makefile",), "a/b/Makefile", True),
        (("*.toml",), "a/b.toml", False),
        (("src/**", "!src/vendor/**"), "src/a", True),
        (("src/**", "!src/vendor/**"), "src/vendor/a", False),
        (("SRC/*.PY",), "src/a.py", True),
        (("a?c/[xy]",), "abc/y", True),
        ((), "a", False),
    ],
)
def test_a_path_is_among_the_patterns(patterns: tuple[str, ...], path: str, is_in: bool) -> None:
    assert compiled(patterns).match(path) is is_in


@pytest.mark.parametrize(
    ("patterns", "path", "reached"),
    [
        ((".github/**",), ".github", True),
        ((".github/workflows/*.yml",), ".github", True),
        ((".github/workflows/*.yml",), ".GitHub/Workflows", True),
        ((".github/**",), ".git", False),
        ((".github/**",), "src", False),
    ],
)
def test_a_link_may_lead_to_what_is_protected(
    patterns: tuple[str, ...], path: str, reached: bool
) -> None:
    assert compiled(patterns).reach(path) is reached


@pytest.mark.parametrize(
    "path",
    [
        "test_a.py", "a/b_test.go", "a/__tests__/b.js", "a.spec.ts", "src/test/java/A.java",
        "tests/conftest.py", "conftest.py", "a/BasketTest.java", "spec/a_spec.rb", "x/tests/y/z",
    ],
)  # fmt: skip
def test_the_tests_of_common_layouts_are_known(path: str) -> None:
    assert TESTS.match(path)


@pytest.mark.parametrize("path", ["src/contest.py", "latest/a.py", "a/testing.md", "Attest.java.x"])
def test_what_only_sounds_like_a_test_is_none(path: str) -> None:
    assert not TESTS.match(path)
