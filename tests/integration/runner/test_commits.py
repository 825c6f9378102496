"""What is remembered of a mirror's commits is what git says of them."""

import pytest

from hive_runner.repositories.git import Git
from hive_runner.repositories.mirror import Mirror
from tests.integration.runner.workshop import Source, Workshop, git


@pytest.fixture
async def mirror(source: Source, workshop: Workshop) -> Mirror:
    return await workshop.mirrors.of(source.repository)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of git that the runner makes."""
    made: list[str] = []
    run = Git.run

    async def counted(self: Git, *arguments: str, **options: object) -> object:
        made.append(arguments[0])
        return await run(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "run", counted)
    return made


async def test_a_commit_that_was_not_here_is_asked_for_again(
    source: Source, mirror: Mirror
) -> None:
    commits = mirror.commits
    assert not await mirror.has(source.head)
    assert await commits.text_of(source.head, ".gitmodules") is None
    assert await commits.text_of(source.head, "README") is None
    await mirror.ensure_base(source.repository)
    assert await mirror.has(source.head)
    assert await commits.text_of(source.head, "README") == "hello\n"


async def test_files_trees_and_submodules_are_those_of_the_commit(
    source: Source, mirror: Mirror, calls: list[str]
) -> None:
    source.commit({".hive/repo.yaml": "", ".gitmodules": "x\ny\n", "d/\u00fc\nx": "1\n"})
    git(source.path, "update-index", "--add", "--cacheinfo", f"160000,{source.head},d/\u00fc\ny")
    git(source.path, "commit", "-q", "-m", "submodule")
    await mirror.ensure_base(source.repository)
    commits, commit = mirror.commits, source.head
    for _ in range(2):
        assert await commits.text_of(commit, ".hive/repo.yaml") == ""
        assert await commits.text_of(commit, ".gitmodules") == "x\ny\n"
        assert await commits.text_of(commit, "src") is None
        assert await commits.text_of(commit, "src/b.py") is None
        assert await commits.tree_of(commit) == git(source.path, "rev-parse", "HEAD^{tree}")
        assert await commits.submodules_of(commit) == {"d/\u00fc\ny".encode()}
        assert not await commits.are_large(commit)
        assert await mirror.has(commit)
    assert calls == ["-c", "cat-file", "cat-file", "cat-file", "ls-tree"]


async def test_a_file_that_is_too_long_to_be_remembered_is_read_again(
    source: Source, mirror: Mirror, calls: list[str]
) -> None:
    source.commit({".hive/repo.yaml": "x" * 100_000})
    await mirror.ensure_base(source.repository)
    for _ in range(2):
        assert await mirror.commits.text_of(source.head, ".hive/repo.yaml") == "x" * 100_000
    assert calls.count("cat-file") == 2


async def test_a_mirror_that_is_made_anew_knows_nothing_of_the_one_before(
    source: Source, workshop: Workshop
) -> None:
    first = await workshop.mirrors.of(source.repository)
    await first.ensure_base(source.repository)
    await workshop.mirrors.drop(first.git_dir, -1)
    assert workshop.mirrors.folders() == []
    second = await workshop.mirrors.of(source.repository)
    assert not await second.has(source.head)
