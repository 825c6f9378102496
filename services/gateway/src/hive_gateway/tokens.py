"""Who may come in: a bearer token, which says who it is and in which role.

admin      all services
approver   what a viewer may, and approve, reject, answer and tell
viewer     what changes nothing
runner     RunnerService alone
"""

import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from hive_gateway.refusals import Refusal
from hive_shared.people import MAY, Person, digest_of
from hive_shared.people import Role as PersonsRole

Role = PersonsRole | Literal["runner"]

_SCHEME: Final = "bearer "
_RUNNER_SERVICE: Final = "/hive.v1.RunnerService/"
_HEALTH_SERVICE: Final = "/grpc.health.v1.Health/"
_REFLECTION_SERVICE: Final = "/grpc.reflection."


def _methods(service: str, *names: str) -> frozenset[str]:
    return frozenset(f"/hive.v1.{service}/{name}" for name in names)


READS: Final = (
    _methods("MissionService", "Get", "List", "Watch")
    | _methods("EventService", "Read", "Subscribe")
    | _methods("LogService", "Logs")
    | _methods("OperationsService", "ListParked", "ShowParked", "BusStatus", "ListRunners")
    | _methods("OperationsService", "Health", "Objectives", "Baselines", "Capacity")
    | _methods("OperationsService", "ListIncidents", "ShowIncident", "ShowPolicy")
    | _methods("GithubService", "ShowPullRequest", "Examine")
    | _methods("RunnerService", "GetArtifact")
)
"""What changes nothing."""
JUDGES: Final = _methods("MissionService", "Approve", "Reject", "Answer", "Tell")
"""What a person says to a mission that somebody else launched."""


class Caller(msgspec.Struct, frozen=True):
    """Somebody whose token was good."""

    role: Role
    actor: str
    """A person's name, or an id that goes with the token: command ids are scoped to it."""


class Tokens:
    """The tokens of a hive; only their digests are kept.

    `tokens` are those of the stack itself; `people` tells at each call who has one besides, and
    `unread` whether that cannot be told.
    """

    def __init__(
        self,
        tokens: Mapping[Role, str],
        people: Callable[[], tuple[Person, ...]] = tuple,
        unread: Callable[[], bool] = bool,
    ) -> None:
        self._callers = {
            digest_of(token): Caller(role, f"{role}-{digest_of(token)[:12]}")
            for role, token in tokens.items()
        }
        self._people = people
        self._unread = unread

    def judges(self) -> frozenset[str]:
        """Names and roles of those who may answer for people."""
        callers = [caller for caller in self._callers.values() if caller.role != "runner"]
        callers += [_caller(person) for person in self._people() if person.active]
        able = [caller for caller in callers if caller.role in ("admin", "approver")]
        return frozenset(name for caller in able for name in (caller.role, caller.actor))

    def caller(self, authorization: str | None) -> Caller:
        """Who sent this `authorization` header. Raises Refusal."""
        if authorization is None:
            raise _unauthenticated("a token is needed")
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise _unauthenticated("the authorization is no bearer token")
        offered = digest_of(authorization[len(_SCHEME) :].strip())
        found: Caller | Person | None = None
        # All are compared, in constant time each: the time taken says nothing about a token.
        for digest, caller in self._callers.items():
            if hmac.compare_digest(digest, offered):
                found = caller
        for person in self._people():
            if hmac.compare_digest(person.digest, offered):
                found = person
        if found is None and self._unread():
            raise _unauthenticated(
                "this token is not known, and people's are not read: the gateway's log says why"
            )
        if found is None:
            raise _unauthenticated("this token is not known")
        if isinstance(found, Caller):
            return found
        if found.revoked_at is not None:
            raise Refusal(
                "revoked",
                f"this token of {found.name} was revoked on {found.revoked_at:%Y-%m-%d}",
                remedy=f"ask for another one: hive token create {found.name} --role {found.role}",
            )
        return _caller(found)


def _caller(person: Person) -> Caller:
    return Caller(person.role, person.name)


def admit(caller: Caller, method: str) -> None:
    """May this caller use this gRPC method? What is in no list is the admins'. Raises Refusal."""
    match caller.role:
        case "admin":
            return
        case "runner":
            if not method.startswith(_RUNNER_SERVICE):
                raise Refusal(
                    "not-allowed",
                    f"a runner's token opens RunnerService alone, not {method}",
                    remedy="use the token in secrets/admin.token of the data directory",
                )
        case "viewer" | "approver" as role:
            reads = method in READS or method.startswith(_REFLECTION_SERVICE)
            if reads or (role == "approver" and method in JUDGES):
                return
            needed = "approver or admin" if method in JUDGES else "admin"
            raise Refusal(
                "not-allowed",
                f"{caller.actor} is {_a(role)} and may {MAY[role]}, not {_called(method)}",
                remedy=f"ask for a token with the role {needed}: on the hive's machine,"
                f" hive token revoke {caller.actor} and"
                f" hive token create {caller.actor} --role {needed.split()[0]}",
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


def _a(role: PersonsRole) -> str:
    return f"an {role}" if role[0] in "aeiou" else f"a {role}"


def _called(method: str) -> str:
    """A method as people read it: `MissionService/Launch`."""
    return method.removeprefix("/hive.v1.")


def _unauthenticated(message: str) -> Refusal:
    return Refusal(
        "unauthenticated",
        message,
        remedy="send the header 'authorization: Bearer <token>'; the tokens are in the folder "
        "secrets of the data directory, a person's own is made by `hive token create`",
    )
