"""The page about the test GitHub shows what works."""

from tests.component.docs.pages import ROOT, blocks


def test_the_example_of_the_page_runs() -> None:
    (example,) = blocks(ROOT / "docs/github-testing.md", "python")
    exec(compile(example[1], "docs/github-testing.md", "exec"), {})
