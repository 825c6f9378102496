"""Who asks: App JWTs, installation tokens and fine-grained ones."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

import jwt

from hive_github.testing.model import ROLES, Account, App, Repository, Token
from hive_github.testing.refusals import Refused, not_found
from hive_github.testing.routes import Caller, Route
from hive_github.testing.world import World

LONGEST_JWT: Final = 600
"""Seconds from now to `exp` at most."""
DRIFT: Final = 60
"""Seconds by which clocks may differ."""


def caller(world: World, headers: Mapping[str, str]) -> Caller:
    """Raises Refused."""
    told = headers.get("authorization", "")
    kind, _, value = told.partition(" ")
    match kind.lower():
        case "":
            return Caller()
        case "bearer" | "token" if value.count(".") == 2:
            return Caller(app=_app(world, value.strip()))
        case "bearer" | "token":
            return _by_token(world, value.strip())
        case "basic":
            return _by_token(world, _password(value))
    raise _bad()


def _app(world: World, encoded: str) -> App:
    try:
        unsafe = jwt.decode(encoded, options={"verify_signature": False})
        app = _issuer(world, str(unsafe.get("iss", "")))
        claims = jwt.decode(
            encoded, app.public_key, algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False,
                     "require": ["exp", "iat"]},
        )  # fmt: skip
        issued, expires = int(claims["iat"]), int(claims["exp"])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Refused(401, "A JSON web token could not be decoded") from error
    now = world.clock.now()
    if issued > now + DRIFT:
        raise Refused(
            401, "'Issued at' claim ('iat') must be an Integer representing the time that the "
            "assertion was issued",
        )  # fmt: skip
    if expires <= now:
        raise Refused(
            401, "'Expiration time' claim ('exp') must be a numeric value representing the future "
            "time at which the assertion expires",
        )  # fmt: skip
    if expires > now + LONGEST_JWT + DRIFT or expires - issued > LONGEST_JWT + DRIFT:
        raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")
    return app


def _issuer(world: World, named: str) -> App:
    for app in world.apps.values():
        if named in (str(app.id), app.client_id):
            return app
    raise Refused(404, "Integration not found")


def _by_token(world: World, value: str) -> Caller:
    token = world.tokens.get(value)
    if token is None or token.revoked:
        raise _bad()
    if token.expires_at is not None and token.expires_at <= world.clock.now():
        raise _bad()
    installation = token.installation
    if installation is None:
        return Caller(account=token.user, token=token)
    if installation.suspended_at is not None:
        raise Refused(403, "This installation has been suspended")
    return Caller(account=installation.app.bot, token=token)


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _bad() from error


def _bad() -> Refused:
    return Refused(401, "Bad credentials")


def sees(world: World, who: Caller, repository: Repository) -> bool:
    """Whether a repository exists at all for a caller."""
    if who.token is None:
        return not repository.private
    if not repository.private:
        return True
    return reaches(world, who.token, repository)


def reaches(world: World, token: Token, repository: Repository) -> bool:
    """Whether a token was made for a repository."""
    if token.repositories is not None and repository.id not in token.repositories:
        return False
    if token.installation is not None:
        return token.installation.covers(repository)
    return token.user is not None and world.role(token.user, repository) != "none"


def admit(world: World, who: Caller, route: Route, repository: Repository | None) -> None:
    """Raises Refused unless the caller may do what a route does."""
    if "public" in route.needs:
        return
    if "app" in route.needs:
        if who.app is None:
            raise Refused(401, "A JSON web token could not be decoded")
        return
    if who.app is not None:
        raise Refused(403, "Resource not accessible by integration")
    if "installation" in route.needs and who.installation is None:
        raise Refused(403, "You must authenticate with an installation access token.")
    token = who.token
    if token is None:
        if repository is not None and not repository.private and route.method == "GET":
            return
        raise Refused(401, "Requires authentication")
    if repository is None:
        return
    if route.method == "GET" and not repository.private and not reaches(world, token, repository):
        return
    if not reaches(world, token, repository):
        raise not_found() if repository.private else _inaccessible(route, token)
    if not any(granted(token, need) for need in route.needs):
        raise _inaccessible(route, token)
    if token.user is not None:
        _has_role(world, token.user, route, repository)


def granted(token: Token, need: str) -> bool:
    name, _, level = need.partition(":")
    if not level:
        return True
    had = token.permissions.get(name)
    if token.installation is not None and name != "metadata":
        # What its owner has taken back since counts for tokens of before, too.
        now = token.installation.permissions.get(name)
        had = min(had or "", now or "", key=("", "read", "write").index) or None
    if name == "metadata":
        return True
    return had == "write" or had == level


def _has_role(world: World, user: Account, route: Route, repository: Repository) -> None:
    role = world.role(user, repository)
    if ROLES.index(role) < ROLES.index(route.role):
        raise Refused(403, "Must have push access to repository.")


def _inaccessible(route: Route, token: Token) -> Refused:
    what = "integration" if token.installation else "personal access token"
    accepted = "; ".join(need.replace(":", "=") for need in route.needs)
    return Refused(
        403, f"Resource not accessible by {what}",
        headers={"X-Accepted-GitHub-Permissions": accepted},
    )  # fmt: skip
