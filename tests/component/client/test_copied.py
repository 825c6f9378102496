"""What a person is shown before a launch of what will be copied in."""

from pathlib import Path

from hive_client.copied import copied_in
from tests.component.client.repositories import commit, make_repository, run_git


def test_ignored_files_that_are_asked_for_are_named(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "app")
    commit(repository, ".gitignore", ".env*\nsecrets/\n")
    commit(repository, "config/a", "tracked")
    for name in (".env", ".env.test", "secrets/deep/key", "config/b", "other"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("x")
    assert copied_in(repository, (".env", "secrets/", "config/*")) == [".env", "secrets/deep/key"]
    assert copied_in(repository, ("**/.env*",)) == [".env", ".env.test"]
    assert copied_in(repository, ()) == []


def test_nothing_is_copied_from_a_bare_repository(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "app")
    commit(repository, "a", "1")
    run_git(tmp_path, "clone", "-q", "--bare", str(repository), str(tmp_path / "bare.git"))
    assert copied_in(tmp_path / "bare.git", (".env",)) == []
