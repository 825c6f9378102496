"""The refs of a git directory that somebody else writes."""

import os
from pathlib import Path

import pytest

from hive_runner.repositories import refs
from tests.integration.runner.workshop import git

ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40


@pytest.fixture
def git_dir(tmp_path: Path) -> Path:
    (tmp_path / "refs" / "heads" / "deep").mkdir(parents=True)
    return tmp_path


def test_a_head_is_a_commit_or_names_a_branch(git_dir: Path) -> None:
    (git_dir / "HEAD").write_text(f"{ONE}\n")
    assert refs.head(git_dir) == ONE
    (git_dir / "HEAD").write_text("ref: refs/heads/deep/a\n")
    assert refs.head(git_dir) == ""
    packed = f"# pack-refs with: peeled\n{TWO} refs/heads/deep/a\n^{ONE}\n"
    (git_dir / "packed-refs").write_text(packed)
    assert refs.head(git_dir) == TWO
    (git_dir / "refs" / "heads" / "deep" / "a").write_text(f"{THREE}\n")
    assert refs.head(git_dir) == THREE


def test_branches_and_what_was_stashed_are_found_as_git_finds_them(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "1")
    for name in ("a", "b/c", "d"):
        git(tmp_path, "checkout", "-q", "-b", name)
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", name)
    git(tmp_path, "pack-refs", "--all")
    (tmp_path / "x").write_text("x")
    git(tmp_path, "add", "x")
    git(tmp_path, "stash", "-q")
    said = git(tmp_path, "for-each-ref", "--format=%(objectname)", "refs/heads", "refs/stash")
    assert refs.aside(tmp_path / ".git") == set(said.split())
    assert refs.head(tmp_path / ".git") == git(tmp_path, "rev-parse", "HEAD")


def test_a_repository_without_a_ref_is_told_from_others(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert refs.are_none(tmp_path / ".git")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "1")
    assert not refs.are_none(tmp_path / ".git")
    git(tmp_path, "pack-refs", "--all")
    assert not refs.are_none(tmp_path / ".git")


def test_tags_and_single_refs_are_found_as_git_finds_them(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for name in ("old", "both", "deep/er"):
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", name)
        git(tmp_path, "tag", "-a", "-m", name, name)
    git(tmp_path, "pack-refs", "--all")
    git(tmp_path, "tag", "-f", "both", "HEAD")
    git(tmp_path, "tag", "loose/one", "HEAD")
    git_dir = tmp_path / ".git"
    (git_dir / "refs" / "tags" / "half.lock").write_text(f"{ONE}\n")
    said = git(tmp_path, "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags")
    listed = dict(line.split() for line in said.splitlines())
    assert refs.tags(git_dir) == listed
    assert {name: refs.named(git_dir, name) for name in listed} == listed
    assert refs.named(git_dir, "refs/tags/none") == ""


@pytest.mark.parametrize(
    "said", ["ref: refs/../../../secret", "ref: /etc/passwd", "ref: refs/a\0b", "no commit", ""]
)
def test_a_head_that_leads_elsewhere_names_nothing(git_dir: Path, said: str) -> None:
    (git_dir.parent / "secret").write_text(ONE)
    (git_dir / "HEAD").write_text(said)
    assert refs.head(git_dir) == ""


def test_links_and_pipes_are_neither_followed_nor_waited_for(git_dir: Path) -> None:
    (git_dir / "elsewhere").write_text(f"{ONE}\n")
    (git_dir / "refs" / "heads" / "linked").symlink_to(git_dir / "elsewhere")
    os.mkfifo(git_dir / "refs" / "heads" / "pipe")
    os.mkfifo(git_dir / "HEAD")
    os.mkfifo(git_dir / "packed-refs")
    assert refs.head(git_dir) == ""
    assert refs.aside(git_dir) == set()


def test_a_git_directory_that_is_gone_has_none(tmp_path: Path) -> None:
    assert refs.head(tmp_path / "gone") == ""
    assert refs.aside(tmp_path / "gone") == set()
