"""git over HTTP with the real git: who may read, who may push, and what the rules say."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from hive_github.testing import Repository, Rules
from hive_github.testing.shapes.pulls import pull_of
from tests.component.github_testing.scene import Scene

ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@localhost", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@localhost",
}  # fmt: skip


def git(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments], cwd=where, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def cloned(it: Scene, where: Path, token: str) -> Path:
    done = git(where, "clone", "--quiet", it.github.clone_url(it.shop, token), "clone")
    assert done.returncode == 0, done.stderr
    return where / "clone"


def commit(clone: Path, name: str) -> str:
    (clone / name).write_text(name)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", name)
    return git(clone, "rev-parse", "HEAD").stdout.strip()


def test_a_clone_and_a_push_with_an_installation_token(it: Scene, tmp_path: Path) -> None:
    clone = cloned(it, tmp_path, it.token())
    assert (clone / "README.md").read_text() == "hello\n"
    git(clone, "checkout", "--quiet", "-b", "hive/m-1")
    sha = commit(clone, "new")
    done = git(clone, "push", "origin", "hive/m-1")
    assert done.returncode == 0, done.stderr
    assert it.github.git(it.shop, "rev-parse", "hive/m-1") == sha
    assert it.names()[1:] == ["push", "create", "check_suite.requested"]
    assert it.receiver.took[1].payload["sender"]["login"] == "hive[bot]"
    assert it.receiver.took[1].payload["commits"][0]["added"] == ["new"]


def test_a_push_with_git_moves_the_pull_request(it: Scene, tmp_path: Path) -> None:
    clone = cloned(it, tmp_path, it.token())
    git(clone, "checkout", "--quiet", "-b", "work")
    commit(clone, "one")
    git(clone, "push", "origin", "work")
    pull = it.ada.open_pull(it.shop, "Work", "work")
    git(clone, "commit", "--quiet", "--amend", "-m", "other")
    assert git(clone, "push", "origin", "work").returncode != 0
    assert git(clone, "push", "--force", "origin", "work").returncode == 0
    assert pull_of(pull).head_sha == git(clone, "rev-parse", "HEAD").stdout.strip()
    assert git(clone, "fetch", "--quiet", "origin", "refs/pull/1/head").returncode == 0


def test_two_pushes_at_once_are_each_told_once(it: Scene, tmp_path: Path) -> None:
    clone = cloned(it, tmp_path, it.token())
    commit(clone, "new")
    with ThreadPoolExecutor() as pool:
        pushes = [f"HEAD:refs/heads/work-{number}" for number in range(4)]
        done = list(pool.map(lambda refspec: git(clone, "push", "origin", refspec), pushes))
    assert [each.returncode for each in done] == [0, 0, 0, 0]
    assert it.names().count("push") == 4
    assert it.receiver.names.count("create") == 4


def test_a_push_of_many_files_is_read_whole(it: Scene, tmp_path: Path) -> None:
    clone = cloned(it, tmp_path, it.token())
    git(clone, "checkout", "--quiet", "-b", "big")
    (clone / "noise").write_bytes(os.urandom(3_000_000))
    commit(clone, "small")
    done = git(clone, "push", "origin", "big")
    assert done.returncode == 0, done.stderr
    assert it.github.git(it.shop, "cat-file", "-s", "big:noise") == "3000000"


@pytest.mark.parametrize("kind", ["read only", "of another repository", "revoked", "none"])
def test_who_may_not_push_does_not(it: Scene, tmp_path: Path, kind: str) -> None:
    clone = cloned(it, tmp_path, it.token())
    other = it.github.repository("acme/other")
    tokens: dict[str, Callable[[], str | None]] = {
        "read only": lambda: it.token(permissions={"contents": "read"}),
        "of another repository": lambda: it.token(repositories=[other.name]),
        "revoked": lambda: "ghs_none",
        "none": lambda: None,
    }
    commit(clone, "new")
    done = git(clone, "push", it.github.clone_url(it.shop, tokens[kind]()), "HEAD:refs/heads/x")
    assert done.returncode != 0
    assert it.github.git(it.shop, "for-each-ref", "refs/heads/x") == ""


def test_a_private_repository_is_shown_to_nobody_else(it: Scene, tmp_path: Path) -> None:
    public = it.github.repository("acme/open", private=False)
    assert git(tmp_path, "ls-remote", it.github.clone_url(it.shop)).returncode != 0
    assert git(tmp_path, "ls-remote", it.github.clone_url(public)).returncode == 0
    eve = it.github.personal_token("eve").value
    assert git(tmp_path, "ls-remote", it.github.clone_url(it.shop, eve)).returncode != 0
    url = it.github.clone_url(public, eve)
    clone = git(tmp_path, "clone", "--quiet", url, "open")
    assert clone.returncode == 0, clone.stderr
    commit(tmp_path / "open", "mine")
    assert "403" in git(tmp_path / "open", "push", "origin", "HEAD").stderr


@pytest.mark.parametrize(
    ("rules", "refspec", "said"),
    [
        (Rules(), "HEAD:main", "must be made through a pull request"),
        (Rules(pull_request=False), "+HEAD~1:main", "Cannot force-push"),
        (Rules(pull_request=False), ":main", "Cannot delete"),
        (None, "HEAD:refs/pull/1/head", "protected ref"),
    ],
    ids=["a push", "a force-push", "a deletion", "a ref of GitHub's own"],
)
def test_what_is_protected_stays(
    it: Scene, tmp_path: Path, rules: Rules | None, refspec: str, said: str
) -> None:
    it.ada.push(it.shop, "main", {"second": "x"})
    clone = cloned(it, tmp_path, it.token())
    if rules is not None:
        it.github.protect(it.shop, rules=rules)
    if refspec == "HEAD:main":
        commit(clone, "new")
    before = it.github.git(it.shop, "for-each-ref")
    done = git(clone, "push", "origin", refspec)
    assert done.returncode != 0
    assert said in done.stderr
    assert it.github.git(it.shop, "for-each-ref") == before
    it.github.unprotect(it.shop)
    assert refspec == "HEAD:refs/pull/1/head" or (
        git(clone, "push", "--force", "origin", "HEAD:main").returncode == 0
    )


def test_git_follows_a_renamed_repository_and_stops_at_an_archived_one(
    it: Scene, tmp_path: Path
) -> None:
    clone = cloned(it, tmp_path, it.token())
    boss = it.github.person("boss")
    boss.rename(it.shop, "store")
    assert git(clone, "fetch", "origin").returncode == 0
    boss.archive(it.shop)
    git(clone, "remote", "set-url", "origin", it.github.clone_url(it.shop, it.token()))
    commit(clone, "late")
    assert git(clone, "push", "origin", "HEAD:late").returncode != 0
    boss.delete(it.shop)
    assert git(clone, "fetch", "origin").returncode != 0


def test_odd_names_of_branches_come_through(it: Scene, tmp_path: Path) -> None:
    clone = cloned(it, tmp_path, it.token())
    names = ["hive/m-1", "ünï/☃", "a'b\"c", "x;rm -rf", "100%", "a#b", "$HOME", "a&b=c+d"]
    usable = [name.replace(" ", "_") for name in names]
    refs = [f"HEAD:refs/heads/{name}" for name in usable]
    done = git(clone, "push", "origin", *refs)
    assert done.returncode == 0, done.stderr
    client = it.as_installation()
    shown = client.get("/repos/acme/shop/branches?per_page=100").json()
    assert {one["name"] for one in shown} == {"main", *usable}
    for name in usable:
        url = client.base_url.copy_with(raw_path=f"/api/v3{_path(name)}".encode())
        assert client.get(url).json()["name"] == name


def _path(name: str) -> str:
    return f"/repos/acme/shop/branches/{quote(name, safe='')}"


def test_two_githubs_are_two_folders(it: Scene) -> None:
    other: Repository = it.github.repository("umbrella/shop")
    assert other.path != it.shop.path
    assert it.github.folder in other.path.parents
