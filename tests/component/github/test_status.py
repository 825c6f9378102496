"""Configured or not, and why."""

import subprocess
import sys
from pathlib import Path

import pytest

from hive_contracts.health import GithubStatus
from hive_github.credentials import AppCredentials, TokenCredentials, configured
from hive_github.status import github_status
from hive_shared.settings import GithubSettings

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"


@pytest.fixture
def settings(tmp_path: Path) -> GithubSettings:
    (tmp_path / "secrets").mkdir()
    return GithubSettings(data=tmp_path)


def test_with_nothing_it_says_the_two_ways(settings: GithubSettings) -> None:
    status = github_status(settings)
    assert not status.configured
    assert "hive github connect" in status.reason
    assert "HIVE_GITHUB_TOKEN_FILE" in status.reason


def test_a_file_that_is_missing_or_empty_is_no_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    told = GithubSettings(data=tmp_path, github_token_file=token)
    assert "cannot be read" in github_status(told).reason
    token.write_text(" \n")
    assert "is empty" in github_status(told).reason
    token.write_bytes(b"\xff\xfe")
    assert not github_status(told).configured
    token.write_text("x" * 100_000)
    assert "too large" in github_status(told).reason


def test_with_a_token_it_is_configured_and_shows_nothing_of_it(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    told = GithubSettings(data=tmp_path, github_token_file=token)
    assert github_status(told) == GithubStatus(configured=True)
    assert configured(told).credentials == TokenCredentials("secret")
    assert "secret" not in repr(configured(told))


def test_what_connect_leaves_in_the_secrets_is_an_app(settings: GithubSettings) -> None:
    (settings.secrets / "github-app.id").write_text("42\n")
    assert "github-app.pem cannot be read" in github_status(settings).reason
    (settings.secrets / "github-app.pem").write_text("no key")
    assert "holds no private key" in github_status(settings).reason
    (settings.secrets / "github-app.pem").write_text(KEY)
    (settings.secrets / "github-webhook.secret").write_text("hush\n")
    found = configured(settings)
    assert found.credentials == AppCredentials(42, KEY.strip())
    assert found.webhook_secret == b"hush"
    assert "MIIE" not in repr(found)
    assert "hush" not in repr(found)


def test_another_key_is_another_configuration(settings: GithubSettings) -> None:
    (settings.secrets / "github.token").write_text("one")
    before = configured(settings).fingerprint
    assert configured(settings).fingerprint == before
    (settings.secrets / "github.token").write_text("two")
    assert configured(settings).fingerprint != before


LOADED = """
import sys, hive_github.main
print(sorted({"httpx", "jwt", "cryptography", "redis", "starlette"} & set(sys.modules)))
"""


def test_until_it_is_configured_nothing_that_speaks_to_github_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
