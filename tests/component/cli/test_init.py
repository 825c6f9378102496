"""`hive init` in real checkouts: what it writes, shows, leaves alone and refuses."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli.main import main
from hive_contracts.files import RepositoryFile, parse_repository
from tests.component.client.repositories import commit, make_repository, run_git

FILE = ".hive/repo.yaml"


def hive(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def only_git(folder: Path) -> Path:
    """A folder for PATH: no other program of this machine is to be found."""
    bin = folder / "bin"
    bin.mkdir()
    for name in ("git", "sh"):
        found = shutil.which(name)
        assert found is not None
        (bin / name).symlink_to(found)
    return bin


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("PATH", str(only_git(tmp_path)))
    path = make_repository(tmp_path / "app")
    commit(path, "go.mod", "module x\n")
    (path / "deep").mkdir()
    monkeypatch.chdir(path / "deep")
    return path


def test_it_writes_the_file_of_the_repository_around_and_says_what_it_saw(repository: Path) -> None:
    result = hive("init")
    assert result.exit_code == 0, result.output
    assert "wrote .hive/repo.yaml" in result.output
    assert "saw    go.mod" in result.output
    assert "gate   tests: go test ./...  go.mod" in result.output
    assert result.output.index("hive init --commit") < result.output.index("hive gate check")
    assert "not on PATH here: go; runners need them" in result.output
    written = parse_repository((repository / FILE).read_text(), FILE)
    assert written.gates == {"vet": "go vet ./...", "tests": "go test ./..."}
    assert run_git(repository, "status", "--porcelain") == "?? .hive/", "its schema is ignored"


def test_an_editor_finds_the_schema_that_the_file_names(repository: Path) -> None:
    hive("init")
    first = (repository / FILE).read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    schema = json.loads((repository / ".hive" / named).read_text())
    assert schema["title"] == "The repository file of Agent Hive"


def test_a_second_time_changes_nothing(repository: Path) -> None:
    hive("init")
    before = (repository / FILE).stat().st_mtime_ns
    result = hive("init")
    assert (result.exit_code, "as it would be written now" in result.output) == (0, True)
    assert (repository / FILE).stat().st_mtime_ns == before


def test_a_file_that_somebody_wrote_stays_unless_force_is_asked_for(repository: Path) -> None:
    commit(repository, FILE, "gates: {mine: make mine}\n")
    result = hive("init")
    assert (result.exit_code, "stays as it is" in result.output) == (0, True)
    assert "mine" in (repository / FILE).read_text()
    assert "next   hive gate check" in result.output
    assert hive("init", "--force").exit_code == 0
    assert "mine" not in (repository / FILE).read_text()


def test_a_broken_file_that_is_there_is_named(repository: Path) -> None:
    commit(repository, FILE, "gates: [a]\n")
    result = hive("init")
    assert (result.exit_code, ".hive/repo.yaml:1: expected a mapping" in result.stderr) == (2, True)


def test_print_shows_the_file_and_writes_none(repository: Path) -> None:
    result = hive("init", "--print")
    assert parse_repository(result.stdout, FILE).gates
    assert not (repository / ".hive").exists()


def test_commit_commits_the_file_and_nothing_else(repository: Path) -> None:
    (repository / "other.txt").write_text("1\n")
    run_git(repository, "add", "other.txt")
    result = hive("init", "--commit")
    assert result.exit_code == 0, result.output
    assert "init --commit" not in result.output
    assert run_git(repository, "show", "--name-only", "--format=") == FILE
    assert run_git(repository, "status", "--porcelain") == "A  other.txt"
    assert hive("init", "--commit").exit_code == 0
    assert run_git(repository, "rev-list", "--count", "HEAD") == "2"


def test_a_hook_that_refuses_the_commit_is_heard(repository: Path) -> None:
    hook = repository / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on a Friday >&2\nexit 1\n")
    hook.chmod(0o755)
    result = hive("init", "--commit")
    assert (result.exit_code, "not on a Friday" in result.stderr) == (2, True)


@pytest.mark.parametrize("link", [".hive", ".hive/repo.yaml", ".hive/schema"])
def test_a_repository_cannot_lead_the_file_out_of_itself(
    link: str, repository: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (repository / link).parent.mkdir(exist_ok=True)
    (repository / link).symlink_to(outside / "file" if link.endswith("yaml") else outside)
    result = hive("init", "--force")
    assert (result.exit_code, "is a symbolic link" in result.stderr) == (2, True)
    assert list(outside.iterdir()) == []


def test_outside_of_a_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = hive("init")
    assert (result.exit_code, "not a git repository" in result.stderr) == (2, True)
    make_repository(tmp_path / "bare")
    run_git(tmp_path / "bare", "config", "core.bare", "true")
    result = hive("init", "--repo", "bare")
    assert (result.exit_code, "has no checkout" in result.stderr) == (2, True)


def test_programs_get_the_findings(repository: Path) -> None:
    body = json.loads(hive("init", "--json").stdout)
    assert (body["result"], body["path"]) == ("written", str(repository / FILE))
    assert [gate["name"] for gate in body["gates"]] == ["vet", "tests"]


def test_a_repository_without_a_commit_or_a_project_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_repository(tmp_path / "new"))
    result = hive("init")
    assert (result.exit_code, "write set-up and gates yourself" in result.output) == (0, True)
    assert parse_repository((tmp_path / "new" / FILE).read_text(), FILE) == RepositoryFile()


def test_schemas_are_printed_or_put_where_editors_look(repository: Path) -> None:
    printed = json.loads(hive("schema", "mission").stdout)
    assert printed["title"] == "The mission file of Agent Hive"
    assert hive("schema").exit_code == 0
    assert json.loads((repository / ".hive/schema/mission.json").read_text()) == printed


def test_ignored_files_are_found_but_not_those_in_ignored_folders(repository: Path) -> None:
    (repository / ".gitignore").write_text(".env\nbuild/\n")
    (repository / ".env").write_text("TOKEN=secret\n")
    (repository / "build").mkdir()
    (repository / "build/.env").write_text("")
    said = hive("init")
    assert "maybe  copy: .env" in said.output
    text = (repository / ".hive/repo.yaml").read_text()
    assert '# copy: [".env"]' in text
    assert "secret" not in text
