"""People with a token of their own: the file in which a hive finds their names, roles and digests.

A token is 256 random bits, so its SHA-256 tells nobody what it is; the token itself is in no file
of the hive. Entries stay when their token is revoked, to tell whoever still sends it what became
of it.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

Role = Literal["admin", "approver", "viewer"]

MAY: Final[dict[Role, str]] = {
    "viewer": "read",
    "approver": "read, approve and reject, answer and tell",
    "admin": "do everything",
}
"""What each role is for, in words."""

_RESERVED: Final = (*get_args(Role), "runner", "hive", "health", "github")
_RESERVED_PREFIXES: Final = ("admin-", "runner-")

Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: Name
    """The actor of all that is done with the token."""
    role: Role
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, in hex."""
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def active(self) -> bool:
        return self.revoked_at is None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    people: tuple[Person, ...] = ()


class Unusable(Exception):
    """The file of people cannot be believed."""


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def unusable_name(name: str) -> str:
    """Why nobody can be called so; empty where somebody can."""
    try:
        msgspec.convert(name, Name)
    except msgspec.ValidationError:
        return "a name is 1 to 40 of a-z, 0-9 and -, and neither begins nor ends with -"
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        return f"{name} is what the hive itself or a role is called"
    return ""


def read_people(path: Path) -> tuple[Person, ...]:
    """Nobody where there is no file. Raises Unusable."""
    try:
        content = path.read_bytes()
        others_write = path.stat().st_mode & 0o022
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from error
    if others_write:
        raise Unusable(f"{path} can be written by others: run chmod 600 {path}")
    try:
        people = msgspec.json.decode(content, type=_File).people
    except msgspec.MsgspecError as error:
        raise Unusable(f"{path} is no file of people: {error}") from error
    for person in people:
        if why := unusable_name(person.name):
            raise Unusable(f"{path}: {why}")
    active = [person.name for person in people if person.active]
    if twice := {name for name in active if active.count(name) > 1}:
        raise Unusable(f"{path} names {', '.join(sorted(twice))} twice")
    return people


def written(people: Sequence[Person]) -> bytes:
    """The content of the file."""
    return msgspec.json.format(msgspec.json.encode(_File(tuple(people))), indent=2) + b"\n"
