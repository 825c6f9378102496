"""Repositories with so many files that a tree is used again: equal to a fresh one, or not used."""

import stat
from pathlib import Path

import pytest

from hive_runner.repositories import commits
from hive_runner.repositories.removal import remove
from tests.integration.runner.test_setup import MESSES, tree_of
from tests.integration.runner.workshop import Source, Workshop, done, failure, lease

LOOK = "rm -rf {into}; cp -a . {into}; stat -c %i README > seen"


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any repository is."""
    monkeypatch.setattr(commits, "_LARGE", 0)


async def test_what_nobody_touched_is_not_written_again(source: Source, workshop: Workshop) -> None:
    inodes = []
    for n in range(3):
        source.commit({"src/other.py": f"{n}"})
        result = done(await workshop.perform(lease(source, run="stat -c %i README > seen")))
        seen = workshop.files_of(result.commit)
        inodes.append(seen["seen"])
        assert seen["src/other.py"] == f"{n}"
    assert len(set(inodes)) == 1
    assert len(workshop.place.trees.warm()) == 1


FORGED = {
    "content-and-time": "cp -p README t; echo HELLO > README; touch -r t README; rm t",
    "rights": "chmod 600 README; chmod 755 src/a.py; chmod 1777 src",
    "hard-link": "ln README hard; echo evil >> hard; rm hard",
    "another-inode": "cp -p README new; mv new README",
    "no-file": "rm src/a.py; mkfifo src/a.py",
    "index": "GIT_INDEX_FILE=../index git update-index --skip-worktree README; rm README",
    "list": "cd ..; printf 'README\\0src/a.py\\0left\\0' > tracked; echo x > tree/left",
    "neither": "cd ..; rm index tracked",
}
"""What a command does so that the next one finds other files than those of the commit."""


@pytest.mark.parametrize("mess", [*MESSES, *FORGED.values()], ids=[*"123456", *FORGED])
async def test_a_tree_that_is_used_again_is_equal_to_a_fresh_one(
    source: Source, workshop: Workshop, tmp_path: Path, mess: str
) -> None:
    (tmp_path / "outside").mkdir()
    mess = mess.replace("{outside}", str(tmp_path / "outside"))
    copies = []
    for name, before in (("fresh", ":"), ("again", f"{mess}\n:")):
        await workshop.perform(lease(source, run=before))
        into = tmp_path / name
        done(await workshop.perform(lease(source, run=LOOK.format(into=into))))
        copies.append(tree_of(into))
    assert copies[0] == copies[1]
    assert stat.S_ISREG(copies[0]["src/a.py"][0])


async def test_the_files_are_those_of_the_commit_whatever_the_one_before_had(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    source.commit({"a/b/c": "1", "d": "2", "gone/x": "3"})
    before = done(await workshop.perform(lease(source, run="touch new")))
    for name in ("a", "d", "gone"):
        path = source.path / name
        if path.is_dir():
            await remove(path)
        else:
            path.unlink()
    source.commit({"a": "a file now", "d/e": "a folder now"})
    assert before.commit
    into = tmp_path / "copy"
    done(await workshop.perform(lease(source, run=LOOK.format(into=into))))
    assert set(tree_of(into)) == {".gitignore", "README", "a", "d", "d/e", "src", "src/a.py"}
    assert len(workshop.place.trees.warm()) == 1


async def test_a_tree_that_waits_is_looked_at_again(source: Source, workshop: Workshop) -> None:
    done(await workshop.perform(lease(source, run="touch new")))
    (warm,) = workshop.place.trees.warm()
    (warm / "README").write_text("poison")
    (warm / "more").write_text("poison")
    again = done(await workshop.perform(lease(source, run="cat READM[E] mor[e] > seen; :")))
    assert "poison" not in workshop.files_of(again.commit)["seen"]


async def test_gates_get_no_tree_in_which_an_agent_worked(
    source: Source, workshop: Workshop
) -> None:
    await workshop.perform(lease(source, run="touch new"))
    (worked,) = workshop.place.trees.warm()
    judged = await workshop.perform(lease(source, "gates", gates={"where": "pwd; false"}))
    assert str(worked) not in judged.results[0].tail  # type: ignore[union-attr]


async def test_work_that_fails_leaves_nothing_to_the_next(
    source: Source, workshop: Workshop
) -> None:
    failure(await workshop.perform(lease(source, run="echo x > README; touch new; exit 1")))
    again = done(await workshop.perform(lease(source, run="ls > seen; cat README >> seen")))
    assert workshop.files_of(again.commit)["seen"] == "README\nseen\nsrc\nhello"


async def test_none_is_kept_where_none_may_be(source: Source, tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "data", warm_trees=0)
    done(await workshop.perform(lease(source, run="touch new")))
    assert workshop.place.trees.warm() == []
    assert list(workshop.options.folder.glob("trees/*")) == []
