"""Who may come in: a bearer token for each role.

admin    all services
runner   RunnerService alone
"""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from hive_gateway.refusals import Refusal

Role = Literal["admin", "runner"]

_SCHEME: Final = "bearer "
_RUNNER_SERVICE: Final = "/hive.v1.RunnerService/"
_HEALTH_SERVICE: Final = "/grpc.health.v1.Health/"


class Caller(msgspec.Struct, frozen=True):
    """Somebody whose token was good."""

    role: Role
    actor: str
    """An opaque id, the same for the same token: command ids are scoped to it."""


class Tokens:
    """The tokens of a hive; only their digests are kept."""

    def __init__(self, tokens: Mapping[Role, str]) -> None:
        self._callers = {
            _digest(token): Caller(role, f"{role}-{_digest(token).hex()[:12]}")
            for role, token in tokens.items()
        }

    def caller(self, authorization: str | None) -> Caller:
        """Who sent this `authorization` header. Raises Refusal."""
        if authorization is None:
            raise _unauthenticated("a token is needed")
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise _unauthenticated("the authorization is no bearer token")
        offered = _digest(authorization[len(_SCHEME) :].strip())
        found = None
        # All are compared, in constant time each: the time taken says nothing about a token.
        for digest, caller in self._callers.items():
            if hmac.compare_digest(digest, offered):
                found = caller
        if found is None:
            raise _unauthenticated("this token is not known")
        return found


def admit(caller: Caller, method: str) -> None:
    """May this caller use this gRPC method? Raises Refusal."""
    if caller.role == "runner" and not method.startswith(_RUNNER_SERVICE):
        raise Refusal(
            "not-allowed",
            f"a runner's token opens RunnerService alone, not {method}",
            remedy="use the token in secrets/admin.token of the data directory",
        )


def is_open(method: str) -> bool:
    """Whether this gRPC method needs no token."""
    return method.startswith(_HEALTH_SERVICE)


def read_token(path: Path) -> str:
    """The token in a file. Raises OSError; ValueError where it is empty or others can read it."""
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path} can be read by others: run chmod 600 {path}")
    token = path.read_text().strip()
    if len(token) < 16:
        raise ValueError(f"{path} holds no token of at least 16 characters")
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _unauthenticated(message: str) -> Refusal:
    return Refusal(
        "unauthenticated",
        message,
        remedy="send the header 'authorization: Bearer <token>'; the tokens are in the folder "
        "secrets of the data directory",
    )
