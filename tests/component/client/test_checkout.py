import os
from pathlib import Path

import pytest

from hive_client.checkout import GitProblem, read_checkout
from hive_contracts.files import FileProblem
from tests.component.client.repositories import commit, make_repository, run_git


def problem_of(path: Path) -> str:
    with pytest.raises(FileProblem) as caught:
        read_checkout(path)
    return str(caught.value)


def test_a_checkout_is_read_from_any_folder_in_it(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "app")
    commit(repository, ".hive/repo.yaml", "gates: {tests: make test}\n")
    head = commit(repository, "src/a.py", "a = 1\n")
    checkout = read_checkout(repository / "src")
    assert (checkout.path, checkout.commit, checkout.branch) == (repository, head, "main")
    assert checkout.file.gates == {"tests": "make test"}
    assert not checkout.changed


def test_the_repository_file_is_that_of_the_commit(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "app")
    commit(repository, ".hive/repo.yaml", "gates: {tests: make test}\n")
    (repository / ".hive/repo.yaml").write_text("gates: {tests: 'true it is'}\n")
    checkout = read_checkout(repository)
    assert checkout.file.gates == {"tests": "make test"}
    assert checkout.changed


def test_a_detached_head_has_no_branch(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "app")
    head = commit(repository, "a", "1")
    run_git(repository, "checkout", "-q", "--detach")
    assert read_checkout(repository).repository.branch == ""
    assert read_checkout(repository).repository.base == head


def test_a_bare_repository_is_its_own_folder(tmp_path: Path) -> None:
    commit(make_repository(tmp_path / "app"), "a", "1")
    run_git(tmp_path, "clone", "-q", "--bare", str(tmp_path / "app"), str(tmp_path / "bare.git"))
    assert read_checkout(tmp_path / "bare.git").path == tmp_path / "bare.git"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no such folder" in problem_of(tmp_path / "nowhere")


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    assert "this is not a git repository" in problem_of(tmp_path)


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    assert "has no commit yet" in problem_of(make_repository(tmp_path / "app"))


def test_a_repository_of_another_user_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path / "app")
    commit(repository, "a", "1")
    # What git itself offers to test ownership without a second user.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    said = problem_of(repository)
    assert "belongs to another user" in said
    assert f"git config --global --add safe.directory {repository}" in said


def test_without_git_the_remedy_is_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert problem_of(tmp_path) == "PATH: git is not installed (install git)"


def test_variables_of_a_git_hook_do_not_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path / "app")
    head = commit(repository, "a", "1")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert "GIT_DIR" in os.environ
    assert read_checkout(repository).commit == head


def test_a_broken_repository_file_is_named_with_its_line(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "app")
    commit(repository, ".hive/repo.yaml", "gates: {}\ngatez: {}\n")
    with pytest.raises(FileProblem) as caught:
        read_checkout(repository)
    assert caught.value.where == ".hive/repo.yaml:2"
    assert not isinstance(caught.value, GitProblem)
