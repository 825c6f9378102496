"""`hive token`: who has one, what for, and what is refused."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli.main import main
from hive_shared.people import Person, digest_of, read_people
from hive_stack.lock import held


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIVE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "secrets" / "people.json"


def token(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["token", *arguments])


def active(file: Path) -> dict[str, Person]:
    return {person.name: person for person in read_people(file) if person.active}


def test_a_token_is_shown_once_and_its_digest_is_kept(file: Path) -> None:
    made = token("create", "ann", "--role", "approver")
    assert made.exit_code == 0, made.output
    assert "ann (approver) may read, approve and reject, answer and tell" in made.stderr
    shown = made.stdout.strip()
    assert active(file)["ann"].digest == digest_of(shown)
    assert shown not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    listed = token("list")
    assert "ann" in listed.output
    assert shown not in listed.output


def test_a_token_can_go_into_a_file_for_its_owner_alone(file: Path, tmp_path: Path) -> None:
    into = tmp_path / "ann.token"
    made = token("create", "ann", "--role", "viewer", "--into", str(into))
    assert made.exit_code == 0, made.output
    assert active(file)["ann"].digest == digest_of(into.read_text().strip())
    assert into.read_text().strip() not in made.output
    assert into.stat().st_mode & 0o777 == 0o600
    again = token("create", "bob", "--role", "viewer", "--into", str(into))
    assert again.exit_code == 2
    assert "no token was made" in again.stderr
    refused = token("create", "ann", "--role", "viewer", "--into", str(tmp_path / "other"))
    assert refused.exit_code == 2
    assert set(active(file)) == {"ann"}
    assert not (tmp_path / "other").exists()


def test_revoking_keeps_the_entry_and_another_token_can_be_made(file: Path) -> None:
    first = json.loads(token("create", "ann", "--role", "viewer", "--json").stdout)["token"]
    assert token("revoke", "ann").exit_code == 0
    assert active(file) == {}
    second = json.loads(token("create", "ann", "--role", "admin", "--json").stdout)["token"]
    assert second != first
    rows = [json.loads(line) for line in token("list", "--json").stdout.splitlines()]
    assert [(row["role"], "revoked_at" in row) for row in rows] == [
        ("viewer", True),
        ("admin", False),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "ann", "--role", "owner"], "'viewer', 'approver', 'admin'"),
        (["create", "ann"], "--role"),
        (["create", "Ann", "--role", "viewer"], "a name is 1 to 40 of a-z"),
        (["create", "a" * 41, "--role", "viewer"], "a name is 1 to 40 of a-z"),
        (["create", "admin", "--role", "viewer"], "what the hive itself or a role is called"),
        (["create", "admin-1f", "--role", "viewer"], "what the hive itself or a role is called"),
        (["create", "bob", "--role", "viewer"], "hive token revoke bob"),
        (["revoke", "ann"], "those who have: bob"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    file: Path, arguments: list[str], said: str
) -> None:
    assert token("create", "bob", "--role", "viewer").exit_code == 0
    before = file.read_bytes()
    refused = token(*arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert file.read_bytes() == before


def test_a_file_that_is_damaged_is_not_written_over(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text('{"people": [')
    file.chmod(0o600)
    for arguments in (["create", "ann", "--role", "viewer"], ["revoke", "ann"], ["list"]):
        refused = token(*arguments)
        assert refused.exit_code == 2
        assert "mend the file" in refused.stderr
    assert file.read_text() == '{"people": ['


def test_two_do_not_change_the_file_at_once(file: Path) -> None:
    assert token("create", "bob", "--role", "viewer").exit_code == 0
    with held(file.with_name("people.json.lock")) as free:
        assert free
        refused = token("create", "ann", "--role", "viewer")
    assert refused.exit_code == 2
    assert "somebody changes it just now" in refused.stderr
    assert set(active(file)) == {"bob"}


def test_the_people_of_a_hive_elsewhere_are_not_looked_for_here(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIVE_GATEWAY", "hive.example.org:8001")
    refused = token("create", "ann", "--role", "viewer")
    assert refused.exit_code == 2
    assert "HIVE_PEOPLE_FILE" in refused.stderr
    assert not file.exists()
    monkeypatch.setenv("HIVE_PEOPLE_FILE", str(file))
    assert token("create", "ann", "--role", "viewer").exit_code == 0
    assert set(active(file)) == {"ann"}
