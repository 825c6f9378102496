"""Gates that were never seen red are named before a mission relies on them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli.main import main
from tests.component.client.repositories import make_repository, run_git

MISSION = "mission: m\nrun: echo x > y\n"
WARNING = "! never seen red: "


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIVE_DATA", str(tmp_path / "data"))
    # Nothing here may ask a hive.
    monkeypatch.setenv("HIVE_GATEWAY", "127.0.0.1:1")
    return tmp_path / "data"


@pytest.fixture
def repository(tmp_path: Path, data: Path) -> Path:
    path = make_repository(tmp_path / "shop")
    (path / "src").mkdir()
    (path / "src/a.py").write_text("x = 1\n")
    write(path, "lint: '! grep -rq @@@ src'", "blind: 'true'")
    (tmp_path / "m.yaml").write_text(MISSION)
    return path


def write(repository: Path, *gates: str) -> None:
    (repository / ".hive").mkdir(exist_ok=True)
    lines = "".join(f"  {gate}\n" for gate in gates)
    (repository / ".hive/repo.yaml").write_text(f"gates:\n{lines}")
    run_git(repository, "add", "--all", "--force")
    run_git(repository, "commit", "-q", "--allow-empty", "-m", "change")


def hive(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def never_seen(repository: Path, *more: str) -> list[str]:
    mission = str(repository.parent / "m.yaml")
    result = hive("run", "--plan", mission, "--repo", str(repository), *more)
    assert result.exit_code == 0, result.output
    programs = hive("run", "--plan", mission, "--repo", str(repository), *more, "--json")
    lines = [line.strip() for line in result.output.splitlines() if WARNING in line]
    shown = [line.removeprefix(WARNING).partition(" · ")[0] for line in lines]
    told = json.loads(programs.stdout)["never_seen_red"]
    assert ", ".join(told) == ", ".join(shown), "people and programs are told the same"
    return lines


def test_a_gate_that_was_seen_red_once_is_not_warned_of(repository: Path) -> None:
    assert never_seen(repository) == [f"{WARNING}lint, blind · next: hive gate check"]
    assert hive("gate", "check", "--repo", str(repository)).exit_code == 1
    assert never_seen(repository) == [f"{WARNING}blind · next: hive gate check blind"]


def test_a_gate_whose_command_is_changed_has_to_be_seen_anew(repository: Path) -> None:
    hive("gate", "check", "lint", "--repo", str(repository))
    write(repository, "lint: '! grep -rq @@@ src || true'", "blind: 'true'")
    assert never_seen(repository) == [f"{WARNING}lint, blind · next: hive gate check"]
    write(repository, "lint: '! grep -rq @@@ src'")
    assert never_seen(repository) == []


def test_a_gate_that_is_checked_again_and_is_not_red_counts_no_more(repository: Path) -> None:
    hive("gate", "check", "lint", "--repo", str(repository))
    assert len(never_seen(repository)) == 1
    run_git(repository, "mv", "src/a.py", "src/a.txt")
    write(repository, "lint: '! grep -rq @@@ src'")
    assert hive("gate", "check", "lint", "--repo", str(repository)).exit_code == 1
    assert never_seen(repository) == [f"{WARNING}lint · next: hive gate check lint"]


def test_the_same_command_in_another_repository_was_not_seen(
    repository: Path, tmp_path: Path
) -> None:
    hive("gate", "check", "lint", "--repo", str(repository))
    other = make_repository(tmp_path / "other")
    write(other, "lint: '! grep -rq @@@ src'")
    assert never_seen(other) == [f"{WARNING}lint · next: hive gate check lint"]


def test_a_worktree_and_another_clone_of_the_same_origin_are_the_same_repository(
    repository: Path, tmp_path: Path
) -> None:
    write(repository, "lint: '! grep -rq @@@ src'")
    for name in ("one", "two"):
        run_git(tmp_path, "clone", "-q", str(repository), name)
    run_git(tmp_path / "one", "worktree", "add", "-q", "../tree")
    assert hive("gate", "check", "--repo", str(tmp_path / "one")).exit_code == 0
    for name in ("one", "tree", "two"):
        assert never_seen(tmp_path / name) == [], name


def test_gates_that_the_mission_alone_has_are_told_apart(repository: Path) -> None:
    (repository.parent / "m.yaml").write_text(MISSION + "gates: [lint, 'sh ./own.sh']\n")
    first, second = never_seen(repository)
    assert first == f"{WARNING}lint · next: hive gate check lint"
    assert second.startswith(f"{WARNING}sh-own-sh · hive gate check tries what has a name in")


def test_that_it_cannot_be_noted_is_said_and_the_check_counts_all_the_same(
    repository: Path, data: Path
) -> None:
    data.write_text("a file where the folder should be")
    done = hive("gate", "check", "lint", "--repo", str(repository))
    assert done.exit_code == 0, done.output
    assert "not noted for `hive run`: " in done.stderr
    assert len(never_seen(repository)) == 1
