"""What a phase fans out over: tracked files, and folders of such."""

import pytest

from hive_contracts.outcome import ItemsListed, Outcome
from hive_contracts.plan import Globbed, Item
from tests.integration.runner.workshop import Source, Workshop, failure, git, lease

FILES = {
    "src/app/a.py": "",
    "src/app/deep/b.py": "",
    "src/lib/c.py": "",
    "src/docs/d.md": "",
    "tests/test_a.py": "",
    "src/app/tests/test_b.py": "",
    "top.py": "",
    "with space/é.py": "",
}


def values(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, ItemsListed), outcome
    return [item.value for item in outcome.items]


async def expand(source: Source, workshop: Workshop, *patterns: str, per: str = "path") -> Outcome:
    return await workshop.perform(
        lease(
            source,
            "expand",
            expand=Globbed(patterns, "directory" if per == "directory" else "path"),
        )
    )


@pytest.mark.parametrize(
    ("patterns", "per", "found"),
    [
        (["src/*.py"], "path", ["src/a.py"]),
        (["src/*/*.py"], "path", ["src/app/a.py", "src/lib/c.py"]),
        (
            ["**/*.py", "!tests/", "!**/tests/"],
            "directory",
            [".", "src", "src/app", "src/app/deep", "src/lib", "with space"],
        ),
        (
            ["src/**/*.py", "!**/tests/**", "!**/a.py"],
            "path",
            ["src/app/deep/b.py", "src/lib/c.py"],
        ),
        (["src/*/"], "path", ["src/app", "src/docs", "src/lib"]),
        (["src/*/", "!src/docs/"], "path", ["src/app", "src/lib"]),
        (["src/**/"], "path", ["src/app", "src/app/deep", "src/app/tests", "src/docs", "src/lib"]),
        (["*.py", "src/[cl]*/"], "path", ["src/lib", "top.py"]),
        (["with space/*.py"], "path", ["with space/é.py"]),
        (["README"], "path", ["README"]),
        (["nothing/**"], "path", []),
    ],
    ids=str,
)
async def test_patterns_find_what_git_tracks(
    patterns: list[str], per: str, found: list[str], source: Source, workshop: Workshop
) -> None:
    source.commit(FILES)
    (source.path / "src" / "untracked.py").write_text("")
    assert values(await expand(source, workshop, *patterns, per=per)) == found


async def test_an_item_has_its_name_and_its_folder(source: Source, workshop: Workshop) -> None:
    source.commit(FILES)
    outcome = await expand(source, workshop, "src/lib/*.py", "top.py", "src/docs/")
    assert isinstance(outcome, ItemsListed)
    assert outcome.items == (
        Item("src/docs", {"path": "src/docs", "name": "docs", "dir": "src"}),
        Item("src/lib/c.py", {"path": "src/lib/c.py", "name": "c.py", "dir": "src/lib"}),
        Item("top.py", {"path": "top.py", "name": "top.py", "dir": "."}),
    )


async def test_the_files_are_those_of_the_tip(source: Source, workshop: Workshop) -> None:
    source.commit(FILES)
    asked = lease(source, "expand", expand=Globbed(("*.py",)))
    git(source.path, "rm", "-q", "top.py")
    git(source.path, "commit", "-qm", "later")
    assert values(await workshop.perform(asked)) == ["top.py"]


async def test_a_name_that_is_no_text_is_named(source: Source, workshop: Workshop) -> None:
    (source.path / "caf\udce9.py").write_text("")
    source.commit({})
    failed = failure(await expand(source, workshop, "*.py"))
    assert failed.kind == "permanent"
    assert "UTF-8" in failed.detail


async def test_a_pattern_that_leaves_the_repository_is_refused(
    source: Source, workshop: Workshop
) -> None:
    failed = failure(await expand(source, workshop, "../*.py"))
    assert failed.kind == "permanent"


@pytest.mark.parametrize(("limit", "value"), [("MAX_ITEMS", 2), ("MAX_BYTES", 100)])
async def test_more_than_a_message_can_carry_is_refused(
    limit: str,
    value: int,
    source: Source,
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"hive_runner.steps.expand.{limit}", value)
    source.commit(FILES)
    failed = failure(await expand(source, workshop, "**/*.py"))
    assert failed.kind == "permanent"
    assert f"at most {value}" in failed.detail
