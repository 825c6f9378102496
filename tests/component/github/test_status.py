"""Configured or not, and why."""

from pathlib import Path

from hive_contracts.health import GithubStatus
from hive_github.status import github_status
from hive_shared.settings import GithubSettings


def test_without_a_token_it_says_how_to_set_one() -> None:
    status = github_status(GithubSettings())
    assert not status.configured
    assert "HIVE_GITHUB_TOKEN_FILE" in status.reason


def test_a_file_that_is_missing_or_empty_is_no_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    assert "cannot be read" in github_status(GithubSettings(github_token_file=token)).reason
    token.write_text(" \n")
    assert "is empty" in github_status(GithubSettings(github_token_file=token)).reason
    token.write_bytes(b"\xff\xfe")
    assert not github_status(GithubSettings(github_token_file=token)).configured


def test_with_a_token_it_is_configured_and_shows_nothing_of_it(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    assert github_status(GithubSettings(github_token_file=token)) == GithubStatus(configured=True)
