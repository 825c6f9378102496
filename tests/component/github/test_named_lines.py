"""Which lines of which files a check's words name."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hive_github.pulls.named_lines import MOST, named_lines


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param("src/a.py:12:5: E501 too long", [("src/a.py", 12)], id="a linter"),
        pytest.param("##[error]src/a.py:12: too long", [("src/a.py", 12)], id="marked by GitHub"),
        pytest.param('  File "src/a b.py", line 3, in f', [("src/a b.py", 3)], id="Python"),
        pytest.param("src/a.ts(4,17): error TS2322: no", [("src/a.ts", 4)], id="TypeScript"),
        pytest.param("    at f (src/a.js:9:2)", [("src/a.js", 9)], id="JavaScript"),
        pytest.param("  --> src/main.rs:7:1", [("src/main.rs", 7)], id="Rust"),
        pytest.param("a b.txt:2: no", [("a b.txt", 2), ("b.txt", 2)], id="a name with a space"),
        pytest.param("/home/runner/work/shop/shop/a.c:1: no", [("a.c", 1)], id="a runner's folder"),
        pytest.param("D:/a/_work/shop/shop/a.c(1): no", [("a.c", 1)], id="on Windows"),
        pytest.param("/github/workspace/a.c:1: no", [("a.c", 1)], id="in a container"),
        pytest.param("./a.c:1: no", [("a.c", 1)], id="from here"),
        pytest.param(".\\src\\a.cs(3,4): no", [("src/a.cs", 3)], id="the other slash"),
        pytest.param("b:2 a:1 b:2", [("b", 2), ("a", 1)], id="each once, as they come"),
        pytest.param("a.c:0: no\n/etc/passwd:1\n../b.c:2", [], id="no line, no file of ours"),
        pytest.param("FAILED test_upload: 3 != 4", [], id="nothing"),
    ],
)
def test_named(said: str, found: list[tuple[str, int]]) -> None:
    assert named_lines(said) == found


@given(some.text())
def test_whatever_is_said_it_names_few_and_none_outside(said: str) -> None:
    found = named_lines(said + "\n".join(f"f{n}:1" for n in range(99)))
    assert len(found) == MOST
    assert all(line and path[0] != "/" and ".." not in path.split("/") for path, line in found)
