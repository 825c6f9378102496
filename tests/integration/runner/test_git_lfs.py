"""Large files with the real git-lfs, which fetches from a repository of this machine by itself."""

import shutil
from pathlib import Path

import pytest

from hive_contracts.plan import Repository
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    git,
    lease,
    merge_of,
    merged,
    with_repository,
)

LARGE = "large\n" * 1000
POINTER = "version https://git-lfs.github.com/spec/v1"


@pytest.fixture
def large(source: Source) -> Source:
    """A repository in which a person has set Git LFS up, and has committed a file with it."""
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed")
    git(source.path, "lfs", "install", "--local", "--skip-smudge")
    git(source.path, "lfs", "track", "*.bin")
    source.commit({"data/a.bin": LARGE, "data/b.bin": "b" * 5000})
    assert git(source.path, "show", "HEAD:data/a.bin").startswith(POINTER)
    return source


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    (tmp_path / "home").mkdir()
    return Workshop(tmp_path / "data", PERSON | {"HOME": str(tmp_path / "home")})


@pytest.mark.parametrize("address", ["{}", "file://{}"], ids=["a path", "a URL"])
async def test_the_content_is_there_to_read_and_pointers_are_committed(
    large: Source, workshop: Workshop, address: str
) -> None:
    before = large.state()
    asked = lease(large, run="wc -c < data/a.bin > size; cat data/b.bin > copy; git status -s > st")
    repository = Repository(address.format(large.path), large.head, "main")
    result = done(await workshop.perform(with_repository(asked, repository)))
    files = workshop.files_of(result.commit)
    assert files["size"].strip() == str(len(LARGE))
    assert files["copy"] == "b" * 5000
    assert "data/" not in files["st"], "the content is no change"
    assert files["data/a.bin"].startswith(POINTER)
    assert large.state() == before


async def test_gates_and_later_work_have_it_without_another_fetch(
    large: Source, workshop: Workshop
) -> None:
    work = done(await workshop.perform(lease(large, run="echo 1 > one")))
    tip = merged(await workshop.perform(lease(large, "merge", merge=merge_of(work)))).new
    shutil.rmtree(large.path / ".git" / "lfs" / "objects")
    gates = {"size": f"test $(wc -c < data/a.bin) = {len(LARGE)}", "one": "test -e one"}
    judged = await workshop.perform(lease(large, "gates", gates=gates, tip=tip))
    assert [result.passed for result in judged.results] == [True, True]  # type: ignore[union-attr]


async def test_content_that_nobody_has_is_named_with_what_to_do(
    large: Source, workshop: Workshop
) -> None:
    shutil.rmtree(large.path / ".git" / "lfs" / "objects")
    found = failure(await workshop.perform(lease(large, run="true")))
    assert found.kind == "infrastructure"
    assert "`lfs: false` into .hive/repo.yaml" in found.detail
