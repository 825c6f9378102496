"""Secrets that people write into addresses of repositories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_client.checkout import GitProblem
from hive_client.remote import is_remote
from hive_contracts.addresses import has_secret, without_secret

WORDS = st.text("abcdefghij0123456789._-", min_size=1, max_size=12)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/shop.git",
        "https://ada@dev.example.org/acme/shop",
        "ssh://git@github.com/acme/shop",
        "git@github.com:acme/shop.git",
        "/home/ada/shop",
        "https://github.com/acme/shop@2",
        "https://example.org/a:b@c",
        "file:///srv/shop",
    ],
)
def test_an_address_without_a_secret_stays_as_it_is(url: str) -> None:
    assert not has_secret(url)
    assert without_secret(url) == url


@pytest.mark.parametrize(
    "user",
    [
        "ada:s3cret",
        ":s3cret",
        "x-access-token:s3cret",
        "ghp_0123456789abcdef",
        "github_pat_11AAA",
        "glpat-abcdef",
        "ATBBxyz",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_a_password_or_a_token_is_seen_and_never_shown(user: str) -> None:
    url = f"https://{user}@example.org/acme/shop.git"
    assert has_secret(url)
    assert without_secret(url) == "https://***@example.org/acme/shop.git"
    with pytest.raises(GitProblem) as problem:
        is_remote(url)
    assert user not in str(problem.value)
    assert "credential" in problem.value.remedy


@given(WORDS, WORDS, WORDS)
def test_what_is_shown_holds_no_password(name: str, password: str, host: str) -> None:
    shown = without_secret(f"https://{name}:{password}@h.{host}/acme")
    assert shown == f"https://***@h.{host}/acme"
    assert not has_secret(shown)
