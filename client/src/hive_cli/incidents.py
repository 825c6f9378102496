"""`hive incidents` and `hive incident`: what went wrong, who sees to it, and its report."""

import json
import sys
from pathlib import Path

import click
from google.protobuf.json_format import MessageToDict
from rich.table import Table

from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.harmless import harmless
from hive_cli.postmortem import duration, firing_text, moment, postmortem
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive, tell_hive
from hive_contracts.files.document import FileProblem
from hive_contracts.files.incidents import IncidentsFile, parse_incidents
from hive_contracts.files.runbook import read_runbook, runbook_plan
from hive_contracts.v1 import operations_pb2
from hive_shared.settings import ClientSettings, load

_NOTE = click.option("--note", "-m", default="", help="What is to stand beside it.")
_NAME = click.argument("name", metavar="NAME")


@click.group("incidents", invoke_without_command=True)
@click.pass_context
def incidents_command(ctx: click.Context) -> None:
    """What went wrong: list (the default), check."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command)


@incidents_command.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=20, help="At most so many.")
@verb
def list_command(limit: int = 20, as_json: bool = False) -> int:
    """Those that are not resolved first, the newest first."""
    answer = ask_hive(lambda hive: hive.operations.incidents(limit))
    if as_json:
        for each in answer.incidents:
            print(json.dumps(MessageToDict(each, preserving_proto_field_name=True)))
        return Exit.SUCCESS
    if answer.problem:
        click.secho(f"✗ {harmless(answer.problem)}", fg="red", err=True)
    if not answer.incidents:
        click.echo("no incident")
        return Exit.SUCCESS
    table = Table("incident", "", "status", "alerts", "since", "what", box=None)
    for each in answer.incidents:
        table.add_row(
            each.name,
            each.severity,
            each.status,
            f"{each.firing:,}",
            moment(each.since_ms),
            harmless(each.title)[:80],
        )
    console().print(table)
    click.echo("next: hive incident show|ack|mitigate|resolve|note NAME")
    return Exit.SUCCESS


@incidents_command.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@verb
def check_command(file: Path | None, as_json: bool) -> int:
    """Read the file of incidents and its runbooks, and say what is wrong; needs no hive."""
    path = file or load(ClientSettings).incidents_path
    try:
        read = parse_incidents(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(
            f"it cannot be read: {error}", code="invalid", where=str(path),
            remedy="without one, alerts are grouped by name and nobody is told",
        ) from error  # fmt: skip
    _check_files(read, path.parent)
    runbooks = sum(bool(cause.runbook) for cause in read.causes)
    if as_json:
        body = {"where": str(path), "causes": len(read.causes), "runbooks": runbooks}
        print(json.dumps(body | {"receivers": sorted(read.notify)}))
    else:
        told = ", ".join([*sorted(read.notify), *read.alertmanager]) or "nobody"
        click.echo(f"✓ {path}  {len(read.causes)} causes, {runbooks} runbooks, tells {told}")
    return Exit.SUCCESS


def _check_files(read: IncidentsFile, folder: Path) -> None:
    """Raises FileProblem, Problem."""
    for cause in read.causes:
        if cause.runbook:
            runbook_plan(read_runbook(folder / cause.runbook), "x-1", "", {})
    for name, receiver in read.notify.items():
        secret = folder / receiver.secret_file
        if not secret.is_file() or secret.stat().st_mode & 0o077:
            raise FileProblem(
                f"the secret of {name} is not there, or others can read it", str(secret),
                "put it there, and chmod 600",
            )  # fmt: skip


@click.group("incident")
def incident_command() -> None:
    """One incident: show, ack, mitigate, resolve, note."""


@incident_command.command("show")
@_NAME
@verb
def show_command(name: str, as_json: bool) -> int:
    """Its report: a draft to be filled in, with the timeline from the record."""
    report = ask_hive(lambda hive: hive.operations.incident(name))
    if as_json:
        print(json.dumps(MessageToDict(report, preserving_proto_field_name=True)))
    else:
        click.echo("\n".join(map(harmless, postmortem(report))))
    return Exit.SUCCESS


@incident_command.command("ack")
@_NAME
@_NOTE
@verb
def ack_command(name: str, note: str, as_json: bool) -> int:
    """Say that you see to it."""
    return _tell(name, "acknowledge", note, as_json)


@incident_command.command("mitigate")
@_NAME
@_NOTE
@verb
def mitigate_command(name: str, note: str, as_json: bool) -> int:
    """Say that it does no harm any more."""
    return _tell(name, "mitigate", note, as_json)


@incident_command.command("resolve")
@_NAME
@_NOTE
@click.option("--anyway", is_flag=True, help="Though alerts of it fire.")
@verb
def resolve_command(name: str, note: str, anyway: bool, as_json: bool) -> int:
    """Say that it is over. It ends by itself once its alerts stayed away."""
    return _tell(name, "resolve", note, as_json, anyway=anyway)


@incident_command.command("note")
@_NAME
@click.argument("text", nargs=-1)
@verb
def note_command(name: str, text: tuple[str, ...], as_json: bool) -> int:
    """Write something into its timeline. TEXT may come on standard input, too."""
    said = " ".join(text) or ("" if sys.stdin.isatty() else sys.stdin.read())
    return _tell(name, "note", said, as_json)


def _tell(name: str, what: str, note: str, as_json: bool, *, anyway: bool = False) -> int:
    answer = tell_hive(
        f"incident {what}",
        lambda hive: hive.operations.tell_incident(name, what, note, anyway=anyway),
    )
    if as_json:
        body = {"incident": answer.summary.name, "status": answer.summary.status}
        print(json.dumps({"result": "told", "exit": 0, **body, "position": answer.position}))
    else:
        click.echo(_said(answer))
    return Exit.SUCCESS


def _said(answer: operations_pb2.TellIncidentResponse) -> str:
    about = answer.summary
    firing = f", {firing_text(about.firing)}" if about.firing else ""
    done = "" if answer.position else " already; nothing was recorded"
    took = f" after {duration(about.resolved_ms - about.since_ms)}" if about.resolved_ms else ""
    return f"{about.name} is {about.status}{done}{took}{firing}"
