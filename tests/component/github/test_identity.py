"""Tokens: one for each installation, kept, renewed early, dropped when they are taken no more."""

import asyncio
from datetime import UTC, datetime
from functools import cache

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hive_contracts.github.places import places, repository_path
from hive_github.api.errors import GithubError
from hive_github.api.identity import (
    EARLY_SECONDS,
    JWT_KEPT_SECONDS,
    JWT_SECONDS,
    AppIdentity,
    Issued,
    PersonIdentity,
    app_jwt,
)
from hive_github.credentials import AppCredentials, TokenCredentials
from hive_shared.clock import SystemClock

NOW = 1_800_000_000


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def credentials() -> AppCredentials:
    pem = key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return AppCredentials(42, pem.decode())


class Standing(SystemClock):
    def __init__(self) -> None:
        self.now = float(NOW)

    def now_ms(self) -> int:
        return round(self.now * 1000)


class Issuer:
    """GitHub's answers: a token of an hour for each that is asked for."""

    def __init__(self, clock: Standing) -> None:
        self._clock = clock
        self.asked: list[int] = []

    async def issue(self, installation: int, signed: str) -> Issued:
        await asyncio.sleep(0)
        self.asked.append(installation)
        until = datetime.fromtimestamp(self._clock.now + 3600, UTC)
        return Issued(f"token {len(self.asked)} of {installation}", until)


def test_the_app_signs_with_its_key_for_less_than_ten_minutes() -> None:
    signed = app_jwt(credentials(), NOW)
    claims = jwt.decode(
        signed, key().public_key(), algorithms=["RS256"], options={"verify_exp": False,
                                                                  "verify_iat": False},
    )  # fmt: skip
    assert claims["iss"] == "42"
    assert claims["iat"] < NOW < claims["exp"] <= NOW + 600


def test_a_broken_key_is_named_and_not_shown() -> None:
    with pytest.raises(GithubError) as raised:
        app_jwt(AppCredentials(42, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n"), NOW)
    assert "cannot be used" in str(raised.value)
    assert "c2VjcmV0" not in str(raised.value)
    assert raised.value.__suppress_context__


async def test_a_token_is_asked_for_once_and_renewed_before_it_ends() -> None:
    clock = Standing()
    issuer = Issuer(clock)
    identity = AppIdentity(credentials(), issuer.issue, clock)
    tokens = await asyncio.gather(*(identity.token(7) for _ in range(50)))
    assert set(tokens) == {"token 1 of 7"}
    assert await identity.authorization(8) == "Bearer token 2 of 8"
    clock.now += 3600 - EARLY_SECONDS - 1
    assert await identity.token(7) == "token 1 of 7"
    clock.now += 2
    assert await identity.token(7) == "token 3 of 7"
    assert issuer.asked == [7, 8, 7]


async def test_a_dropped_token_is_asked_for_anew() -> None:
    clock = Standing()
    issuer = Issuer(clock)
    identity = AppIdentity(credentials(), issuer.issue, clock)
    await identity.token(7)
    assert identity.drop(7)
    assert not identity.drop(7)
    assert await identity.token(7) == "token 2 of 7"


async def test_the_apps_own_word_is_used_again_while_half_of_its_time_is_left() -> None:
    clock = Standing()
    identity = AppIdentity(credentials(), Issuer(clock).issue, clock)
    first = await identity.authorization(0)
    clock.now += JWT_KEPT_SECONDS - 1
    assert await identity.authorization(0) == first
    clock.now += 1
    second = await identity.authorization(0)
    assert second != first
    clock.now -= 3600  # set back: GitHub would refuse what is signed for later
    assert await identity.authorization(0) not in (first, second)
    assert JWT_KEPT_SECONDS <= JWT_SECONDS / 2
    clock.now += 1
    third = await identity.authorization(0)
    assert not identity.drop(0)
    assert await identity.authorization(0) != third


async def test_a_persons_token_cannot_be_had_anew() -> None:
    identity = PersonIdentity(TokenCredentials("mine"))
    assert await identity.authorization(0) == "Bearer mine"
    assert not identity.drop(0)


@pytest.mark.parametrize(
    ("url", "api", "host"),
    [
        ("https://github.com", "https://api.github.com", "github-com"),
        ("https://github.com/", "https://api.github.com", "github-com"),
        ("https://git.acme.org", "https://git.acme.org/api/v3", "git-acme-org"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v3", "127-0-0-1-8080"),
    ],
)
def test_a_base_url_says_where_the_api_is(url: str, api: str, host: str) -> None:
    assert (places(url).api, places(url).host) == (api, host)


def test_odd_characters_leave_no_path() -> None:
    path = repository_path("acme/sh op", "/git/ref/{}", "heads/../?x=1#")
    assert path == "/repos/acme/sh%20op/git/ref/heads%2F..%2F%3Fx%3D1%23"
