"""What a gate printed, as annotations that GitHub takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hive_github.checks.annotations import MOST, Annotation, annotations_in


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param(
            "src/a.py:12: AssertionError",
            ("src/a.py", 12, "failure", "AssertionError"),
            id="pytest",
        ),
        pytest.param(
            "src/a.py:3:7: F401 `os` imported but unused",
            ("src/a.py", 3, "failure", "F401 `os` imported but unused"),
            id="ruff",
        ),
        pytest.param(
            "lib/x.c:9:1: warning: unused variable",
            ("lib/x.c", 9, "warning", "warning: unused variable"),
            id="gcc",
        ),
        pytest.param("a.py:1: note: here", ("a.py", 1, "notice", "note: here"), id="mypy's note"),
        pytest.param("./a/b.go:5:2: oops", ("a/b.go", 5, "failure", "oops"), id="from here"),
        pytest.param(
            "\x1b[31mürl/naïve-文.py:4\x1b[0m: bad",
            ("ürl/naïve-文.py", 4, "failure", "bad"),
            id="coloured, and not in English",
        ),
    ],
)
def test_a_line_that_names_a_place(line: str, found: tuple[str, int, str, str]) -> None:
    path, number, level, message = found
    assert annotations_in(line) == ((Annotation(path, number, level, message),), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        "/etc/passwd:1: absolute",
        "../../secret.py:1: outside",
        "a/../b.py:1: through the outside",
        "a//b.py:1: nothing between",
        "a\\b.py:1: of another system",
        "12:30: half past",
        "127.0.0.1:8000: refused",
        "localhost:8000: refused",
        "http://x.org:80: a URL",
        "src/a.py:0: before the first line",
        "src/a.py:99999999: after the last",
        "src/a.py:7:",
        "src/a\0b.py:7: no path has this",
        f"{'x/' * 600}a.py:1: too long",
        "no place at all",
    ],
)
def test_a_line_that_names_no_file_of_the_repository(line: str) -> None:
    assert annotations_in(line) == ((), 0)


def test_of_ten_thousand_some_are_shown_and_the_rest_is_counted() -> None:
    output = "\n".join(f"src/a.py:{number}: bad" for number in range(1, 10_001))
    found, more = annotations_in(output)
    assert (len(found), more) == (MOST, 10_000 - MOST)
    assert annotations_in("a.py:1: x\na.py:1: x")[0] == (Annotation("a.py", 1, "failure", "x"),)


@given(
    some.text()
    | some.lists(some.sampled_from(["a", "/", ":", "1", ".", "\x1b[", " "])).map("".join)
)
def test_whatever_is_printed_github_is_sent_what_it_takes(output: str) -> None:
    for each in annotations_in(output)[0]:
        wire = each.wire()
        assert wire["start_line"] == wire["end_line"]
        assert isinstance(wire["start_line"], int)
        assert wire["start_line"] >= 1
        assert not each.path.startswith("/")
        assert ".." not in each.path.split("/")
        assert each.message
