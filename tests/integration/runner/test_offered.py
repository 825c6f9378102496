"""A repository that the runner's user has no rights to: its history comes as artifacts."""

import shutil
from pathlib import Path

import msgspec
import pytest

from hive_contracts.plan import Link, Repository
from hive_runner.errors import StepFailed
from hive_runner.link.depot import Depot
from hive_runner.repositories.git import Git
from hive_runner.repositories.mirror import Mirror, Mirrors
from hive_shared.artifacts import ArtifactMissing, Artifacts
from tests.integration.runner.workshop import PERSON, Source, git

NOWHERE = "http://127.0.0.1:1/acme/shop.git"


class Hive:
    """What the hive has, and how often it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.artifacts = Artifacts(folder)
        self.asked: list[str] = []

    async def get(self, digest: str, into: Path) -> None:
        self.asked.append(digest)
        shutil.copyfile(self.artifacts.path(digest), into)

    def offer(self, source: Source, old: str, previous: str) -> str:
        """One more link, up to the source's head; its digest."""
        git(source.path, "update-ref", "refs/hive/offered", source.head)
        bundle = source.path.parent / "offered.bundle"
        beyond = [f"^{old}"] if old else []
        git(source.path, "bundle", "create", "-q", str(bundle), "refs/hive/offered", *beyond)
        link = Link(old, source.head, self.artifacts.put(bundle.read_bytes()), previous)
        return self.artifacts.put(msgspec.json.encode(link)).digest


@pytest.fixture
def hive(tmp_path: Path) -> Hive:
    return Hive(tmp_path / "hive")


async def mirror(tmp_path: Path, hive: Hive, repository: Repository) -> Mirror:
    runner = tmp_path / "runner"
    runner.mkdir(exist_ok=True)
    used = Git(runner / "git", PERSON)
    used.prepare()
    return await Mirrors(runner / "mirrors", used, Depot(runner, hive)).of(repository)


async def test_a_base_comes_along_its_chain_and_the_next_one_brings_what_is_new(
    source: Source, hive: Hive, tmp_path: Path
) -> None:
    first = source.commit({"a": "1"})
    chain = hive.offer(source, "", "")
    at = Repository(NOWHERE, first, "main", chain)
    one = await mirror(tmp_path, hive, at)
    await one.ensure_base(at)
    assert await one.has(first)
    asked = len(hive.asked)

    second = source.commit({"a": "2"})
    following = Repository(NOWHERE, second, "main", hive.offer(source, first, chain))
    await one.ensure_base(following)
    assert await one.commits.text_of(second, "a") == "2"
    assert len(hive.asked) == asked + 2  # the new link and its bundle

    other = await mirror(tmp_path / "runner", hive, following)
    await other.ensure_base(following)
    assert await other.has(first)


async def test_a_chain_that_does_not_lead_to_the_base_is_refused(
    source: Source, hive: Hive, tmp_path: Path
) -> None:
    source.commit({"a": "1"})
    at = Repository(NOWHERE, "e" * 40, "main", hive.offer(source, "", ""))
    with pytest.raises(StepFailed, match="leads to"):
        await (await mirror(tmp_path, hive, at)).ensure_base(at)


async def test_a_chain_that_was_deleted_fails_as_nobodys_fault(
    source: Source, hive: Hive, tmp_path: Path
) -> None:
    base = source.commit({"a": "1"})
    at = Repository(NOWHERE, base, "main", "f" * 64)
    with pytest.raises(ArtifactMissing):
        await (await mirror(tmp_path, hive, at)).ensure_base(at)
