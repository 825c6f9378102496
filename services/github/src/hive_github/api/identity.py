"""Who the hive is at each call: an App's installation, the App itself, or a person.

    App ──RS256, 9 minutes──▶ /app/installations/N/access_tokens ──▶ a token of an hour, kept
                                                                     until 5 minutes before its end

A token that GitHub takes no more (revoked, or of an App that was installed anew) is dropped and
asked for once more. Nothing here is ever logged or recorded.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Protocol

import jwt
import msgspec
from jwt.algorithms import RSAAlgorithm

from hive_github.api.errors import GithubError
from hive_github.credentials import AppCredentials, Credentials, TokenCredentials
from hive_shared.clock import Clock

JWT_SECONDS: Final = 540
"""GitHub takes ten minutes at most; clocks differ."""
JWT_BACKDATED: Final = 60
JWT_KEPT_SECONDS: Final = 240
"""How long one is used again: with half of its time still to go, whatever the clocks say."""
EARLY_SECONDS: Final = 300
"""A token is renewed so long before it ends, so that a long push does not outlive it."""


class InstallationToken(msgspec.Struct, frozen=True):
    token: str
    until: float
    """Seconds since 1970, of GitHub's clock."""
    permissions: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"InstallationToken(…, {self.until})"


class Issued(msgspec.Struct, frozen=True):
    """GitHub's answer to who asks for a token."""

    token: str
    expires_at: datetime
    permissions: dict[str, str] = {}


Issue = Callable[[int, str], Awaitable[Issued]]
"""Asks for an installation's token in the name of a JWT. Raises GithubError."""


class Identity(Protocol):
    async def authorization(self, installation: int) -> str:
        """The header's value; `installation` 0 is the App itself. Raises GithubError."""
        ...

    async def token(self, installation: int) -> str:
        """What git signs in with. Raises GithubError."""
        ...

    def drop(self, installation: int) -> bool:
        """GitHub takes it no more; answers whether another one can be had."""
        ...


class PersonIdentity:
    """A fine-grained token: the same everywhere."""

    def __init__(self, credentials: TokenCredentials) -> None:
        self._token = credentials.token

    async def authorization(self, installation: int) -> str:
        return f"Bearer {self._token}"

    async def token(self, installation: int) -> str:
        return self._token

    def drop(self, installation: int) -> bool:
        return False


class AppIdentity:
    def __init__(self, credentials: AppCredentials, issue: Issue, clock: Clock) -> None:
        self._credentials = credentials
        self._issue = issue
        self._clock = clock
        self._signed: tuple[int, str] | None = None
        self._tokens: dict[int, InstallationToken] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def authorization(self, installation: int) -> str:
        if installation == 0:
            return f"Bearer {self._jwt()}"
        return f"Bearer {await self.token(installation)}"

    async def token(self, installation: int) -> str:
        if installation == 0:
            raise GithubError("the App itself has no token: it is not installed there")
        # One at a time: a hundred agents that need the same token ask for one.
        async with self._locks.setdefault(installation, asyncio.Lock()):
            now = self._clock.now_ms() / 1000
            known = self._tokens.get(installation)
            if known is None or known.until - EARLY_SECONDS <= now:
                issued = await self._issue(installation, self._jwt())
                until = issued.expires_at.timestamp()
                known = InstallationToken(issued.token, until, issued.permissions)
                self._tokens[installation] = known
            return known.token

    def drop(self, installation: int) -> bool:
        self._signed = None
        return self._tokens.pop(installation, None) is not None

    def _jwt(self) -> str:
        now = self._clock.now_ms() // 1000
        if self._signed is None or not 0 <= now - self._signed[0] < JWT_KEPT_SECONDS:
            self._signed = now, app_jwt(self._credentials, now)
        return self._signed[1]


def app_jwt(credentials: AppCredentials, now: int) -> str:
    """What an App says it is with, for some minutes from `now` (seconds since 1970)."""
    claims = {"iat": now - JWT_BACKDATED, "exp": now + JWT_SECONDS, "iss": str(credentials.app_id)}
    try:
        return jwt.encode(claims, _key(credentials.private_key), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        # The key itself must not be in any message.
        raise GithubError(f"the App's private key cannot be used: {type(error).__name__}") from None


@lru_cache(maxsize=4)
def _key(pem: str) -> Any:
    """Read and checked once: it takes as long as forty signatures."""
    return RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(pem)


def identity(credentials: Credentials, issue: Issue, clock: Clock) -> Identity:
    match credentials:
        case AppCredentials():
            return AppIdentity(credentials, issue, clock)
        case TokenCredentials():
            return PersonIdentity(credentials)
