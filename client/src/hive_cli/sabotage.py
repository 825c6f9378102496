"""Ways to make a checkout worse on purpose, to see whether a gate notices.

The first adds a failing test to each test file: a gate that runs the tests must be red. The second
breaks the syntax of each source file: whatever reads the program must be red. A gate that passes
both looks at nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

MARK: Final = "hive gate check"
_PYTHON: Final = f"""

class TestHiveGateCheck(__import__("unittest").TestCase):
    def test_this_fails(self):
        self.fail("{MARK}: this test fails on purpose")
"""
_JAVASCRIPT: Final = f"""
;test("{MARK}", () => {{ throw new Error("this test fails on purpose"); }});
"""
_GO: Final = f"""

func TestHiveGateCheck(t *testing.T) {{ t.Fatal("{MARK}: this test fails on purpose") }}
"""
_RUST: Final = f"""

#[test]
fn hive_gate_check() {{ panic!("{MARK}: this test fails on purpose"); }}
"""
_SCRIPTS: Final = frozenset({".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts"})
_SOURCES: Final = _SCRIPTS | {
    ".py", ".go", ".rs", ".java", ".kt", ".scala", ".c", ".cc", ".cpp", ".h", ".hpp", ".cs",
    ".rb", ".php", ".swift", ".sh", ".vue", ".svelte",
}  # fmt: skip
_BROKEN: Final = f"@@@ ) {MARK}: broken on purpose ( @@@\n"


class Sabotage(msgspec.Struct, frozen=True):
    """One way, and the files that it would change."""

    what: str
    """What it does, as in `a failing test in each of 12 test files`."""
    paths: tuple[str, ...]
    change: Callable[[str, str], str]
    """A file's path and text to its worse text."""

    def apply(self, tree: Path) -> None:
        """Raises OSError."""
        for path in self.paths:
            file = tree / path
            # What is no text, or leads elsewhere, is left as it is.
            if file.is_symlink() or not file.is_file():
                continue
            text = file.read_bytes().decode("utf-8", "surrogateescape")
            file.write_bytes(self.change(path, text).encode("utf-8", "surrogateescape"))


def ways(tracked: Sequence[str]) -> list[Sabotage]:
    """The ways that there are in a repository of these files, the subtler one first."""
    tests = tuple(path for path in tracked if failing_test(path))
    sources = tuple(path for path in tracked if PurePosixPath(path).suffix in _SOURCES)
    found = [
        Sabotage(f"a failing test in {_each(tests, 'test file')}", tests, _with_failing_test),
        Sabotage(f"broken syntax in {_each(sources, 'source file')}", sources, _with_broken_syntax),
    ]
    return [way for way in found if way.paths]


def failing_test(path: str) -> str:
    """What makes a test file fail when it is put at its end; empty where that is not known."""
    name, suffix = PurePosixPath(path).name, PurePosixPath(path).suffix
    stem = name.removesuffix(suffix)
    if suffix == ".py" and (stem.startswith("test_") or stem.endswith("_test")):
        return _PYTHON
    if suffix in _SCRIPTS and (stem.endswith((".test", ".spec")) or "/__tests__/" in f"/{path}"):
        return _JAVASCRIPT
    if name.endswith("_test.go"):
        return _GO
    if suffix == ".rs" and PurePosixPath(path).parent.name == "tests":
        return _RUST
    return ""


def _with_failing_test(path: str, text: str) -> str:
    return text + failing_test(path)


def _with_broken_syntax(_: str, text: str) -> str:
    return _BROKEN + text


def _each(paths: Iterable[str], noun: str) -> str:
    count = len(tuple(paths))
    return f"the {noun}" if count == 1 else f"each of {count} {noun}s"
