"""Gives tokens to people, and takes them back, in the file that the gateway reads."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from hive_shared.people import (
    Person,
    Role,
    Unusable,
    digest_of,
    read_people,
    unusable_name,
    written,
)
from hive_stack.errors import StackError
from hive_stack.lock import held
from hive_stack.private import write_private


def mint() -> str:
    return f"hive_{secrets.token_hex(32)}"


def admit(path: Path, name: str, role: Role, token: str, now: datetime) -> None:
    """Let somebody in with this token. Raises StackError."""
    if why := unusable_name(name):
        raise StackError(
            "invalid", why, where="NAME", remedy="such as: hive token create ann --role viewer"
        )
    with _changing(path) as people:
        if _active(people, name) is not None:
            raise StackError(
                "conflict",
                f"{name} has a token already",
                where=str(path),
                remedy=f"hive token revoke {name}, and create it anew",
            )
        people.append(Person(name, role, digest_of(token), now))


def revoke(path: Path, name: str, now: datetime) -> None:
    """Raises StackError."""
    with _changing(path) as people:
        person = _active(people, name)
        if person is None:
            known = ", ".join(sorted(person.name for person in people if person.active))
            raise StackError(
                "not-found",
                f"{name} has no token",
                where=str(path),
                remedy=f"those who have: {known or 'nobody'}",
            )
        people[people.index(person)] = msgspec.structs.replace(person, revoked_at=now)


def everybody(path: Path) -> tuple[Person, ...]:
    """Raises StackError."""
    try:
        return read_people(path)
    except Unusable as error:
        raise StackError(
            "unusable",
            str(error),
            where=str(path),
            remedy="mend the file: until then no person's token counts",
        ) from error


@contextmanager
def _changing(path: Path) -> Iterator[list[Person]]:
    """The people, to be changed; written as a whole, by one at a time. Raises StackError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with held(path.with_name(f"{path.name}.lock")) as free:
            if not free:
                raise StackError(
                    "busy", "somebody changes it just now", where=str(path), remedy="repeat it"
                )
            people = list(everybody(path))
            yield people
            write_private(path, written(people).decode())
    except OSError as error:
        raise StackError(
            "unwritable",
            f"it cannot be changed: {error.strerror}",
            where=str(path),
            remedy="run this as the user that the hive runs as, on the machine of its gateway",
        ) from error


def _active(people: list[Person], name: str) -> Person | None:
    return next((person for person in people if person.active and person.name == name), None)
