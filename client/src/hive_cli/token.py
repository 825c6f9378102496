"""`hive token`: people with tokens of their own, and what each of them may do."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table

from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.paths import short
from hive_cli.problems import Problem, verb
from hive_shared.people import MAY, Role
from hive_shared.settings import ClientSettings, load
from hive_stack import people
from hive_stack.errors import StackError

_DATA = click.option(
    "--data", type=click.Path(path_type=Path), help="The data directory (default: HIVE_DATA)."
)


@click.group("token")
def token_command() -> None:
    """Tokens of people: create, list, revoke. The gateway sees a change at once.

    \b
    viewer    reads
    approver  reads, approves and rejects, answers and tells
    admin     does everything
    """


@token_command.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(["viewer", "approver", "admin"]), required=True)
@click.option("--into", type=click.Path(path_type=Path), help="Write the token into a new file.")
@_DATA
@verb
def create_command(
    name: str, role: Role, into: Path | None, data: Path | None, as_json: bool
) -> int:
    """Make a token for somebody. It is shown this once, and kept nowhere.

    What is done with it is recorded under NAME.
    """
    path = _path(data)
    token = people.mint()
    if into is not None:
        _write(into, token)
    try:
        people.admit(path, name, role, token, datetime.now(UTC))
    except StackError:
        if into is not None:
            into.unlink()
        raise
    if as_json:
        body = {"result": "created", "exit": 0, "name": name, "role": role, "file": str(path)}
        print(json.dumps(body | ({"into": str(into)} if into is not None else {"token": token})))
        return Exit.SUCCESS
    click.echo(f"{name} ({role}) may {MAY[role]}", err=True)
    if into is None:
        click.echo("the token, shown this once:", err=True)
        print(token)
    kept = short(into) if into is not None else "a file of mode 0600"
    click.echo(f"next: give {name} the token in {kept}, to be named by HIVE_TOKEN_FILE", err=True)
    return Exit.SUCCESS


@token_command.command("list")
@_DATA
@verb
def list_command(data: Path | None, as_json: bool) -> int:
    """Who has a token, in which role, and who had one."""
    found = people.everybody(_path(data))
    if as_json:
        for person in found:
            revoked = person.revoked_at and person.revoked_at.isoformat()
            body = {"name": person.name, "role": person.role}
            body |= {"created_at": person.created_at.isoformat()}
            print(json.dumps(body | ({"revoked_at": revoked} if revoked else {})))
        return Exit.SUCCESS
    if not found:
        click.echo("nobody has a token but this machine's admin (secrets/admin.token)")
        click.echo("next: hive token create NAME --role viewer|approver|admin")
        return Exit.SUCCESS
    table = Table("name", "role", "created", "revoked")
    for person in found:
        revoked_on = f"{person.revoked_at:%Y-%m-%d}" if person.revoked_at else ""
        table.add_row(person.name, person.role, f"{person.created_at:%Y-%m-%d}", revoked_on)
    console().print(table)
    return Exit.SUCCESS


@token_command.command("revoke")
@click.argument("name")
@_DATA
@verb
def revoke_command(name: str, data: Path | None, as_json: bool) -> int:
    """Take somebody's token back. The next call with it is refused, open streams end."""
    people.revoke(_path(data), name, datetime.now(UTC))
    if as_json:
        print(json.dumps({"result": "revoked", "exit": 0, "name": name}))
    else:
        click.echo(f"the token of {name} counts no longer")
    return Exit.SUCCESS


def _write(into: Path, token: str) -> None:
    """A file for its owner alone, over nothing that is there. Raises Problem."""
    try:
        with os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Problem(
            f"the token cannot be written: {error.strerror}", code="unwritable", where=str(into),
            remedy="name a new file in a folder that you may write to; no token was made",
        ) from error  # fmt: skip


def _path(data: Path | None) -> Path:
    """The file of people of the hive of this machine. Raises Problem."""
    settings = load(ClientSettings)
    if data is not None:
        return settings.people_file or data.absolute() / "secrets" / "people.json"
    if settings.gateway and settings.people_file is None:
        raise Problem(
            f"the hive at {settings.gateway} has its file of people where its gateway runs",
            code="elsewhere",
            where="gateway",
            remedy="run this there with HIVE_DATA or --data, or name the file: HIVE_PEOPLE_FILE",
        )
    return settings.people_path
