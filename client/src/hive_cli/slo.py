"""`hive slo`: objectives, how they stand, and their rules for Prometheus."""

import json
from pathlib import Path
from typing import Any

import click
from google.protobuf.json_format import MessageToDict
from rich.table import Table

from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive
from hive_contracts.slo.burn import alerts
from hive_contracts.slo.objective import Objective, in_folder, parse_objective
from hive_contracts.slo.rules import length_text, rules, written
from hive_contracts.v1 import operations_pb2
from hive_shared.settings import ClientSettings, load

_FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where your own files are (default: slos in the data directory).",
)


@click.group("slo")
def slo_command() -> None:
    """Service level objectives: list, show, check, export."""


@slo_command.command("list")
@verb
def list_command(as_json: bool) -> int:
    """How each objective stands: what is left of its budget, and how fast it burns."""
    answer = ask_hive(lambda hive: hive.operations.objectives())
    if as_json:
        print(json.dumps(MessageToDict(answer, preserving_proto_field_name=True)))
        return Exit.SUCCESS
    if answer.problem:
        click.secho(f"✗ {answer.problem}", fg="red", err=True)
    table = Table("objective", "target", "budget", "seen", "burns", "alerts", box=None)
    for each in answer.objectives:
        table.add_row(
            each.name,
            f"{each.target * 100:g} %",
            budget_text(each),
            seen_text(each),
            _fastest(each),
            ", ".join(f"{a.severity} {length_text(a.window_s)}" for a in each.firing) or "–",
        )
    console().print(table)
    return Exit.SUCCESS


@slo_command.command("show")
@click.argument("name")
@verb
def show_command(name: str, as_json: bool) -> int:
    """One objective: what counts, its budget, and its rate of burning in each window."""
    answer = ask_hive(lambda hive: hive.operations.objectives())
    each = next((each for each in answer.objectives if each.name == name), None)
    if each is None:
        known = ", ".join(each.name for each in answer.objectives)
        raise Problem(f"no objective is named {name}", code="not-found", remedy=f"known: {known}")
    if as_json:
        print(json.dumps(MessageToDict(each, preserving_proto_field_name=True)))
        return Exit.SUCCESS
    lines = [
        f"{each.title} ({each.name}) · {each.target * 100:g} % over {length_text(each.window_s)}",
        f"  {each.description}",
        f"  {seen_text(each)} · budget {budget_text(each)}",
        (
            f"  surely used of the budget: {each.surely_burnt * 100:.0f} %, with a confidence of"
            f" {each.confidence * 100:g} %"
        ),
        f"  {'bad' if each.bad_query else 'good':<5} {each.bad_query or each.good_query}",
        f"  total {each.total_query}",
    ]
    for burn in each.burns:
        rate = f"{burn.rate:.2f}" if burn.HasField("rate") else "nothing happened"
        lines.append(f"  burns over {length_text(burn.window_s):>4}  {rate}")
    lines += [
        (
            f"  ✗ {alert.severity}: burns more than {alert.factor:.1f} times too fast over"
            f" {length_text(alert.window_s)}"
        )
        for alert in each.firing
    ]
    click.echo("\n".join(lines))
    return Exit.SUCCESS


@slo_command.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_FOLDER
@verb
def check_command(files: tuple[Path, ...], folder: Path | None, as_json: bool) -> int:
    """Read objectives and say what is wrong with them; needs no hive."""
    objectives = _read(files, folder)
    for each in objectives:
        told = [f"{length_text(a.pair.long)} {a.factor:.1f}×" for a in alerts(each)]
        body: dict[str, Any] = {"name": each.name, "where": each.where, "alerts": told}
        if as_json:
            print(json.dumps(body))
        else:
            click.echo(f"✓ {each.name}  {each.where}  alerts {', '.join(told) or 'none'}")
    return Exit.SUCCESS


@slo_command.command("export")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_FOLDER
@verb
def export_command(files: tuple[Path, ...], folder: Path | None, as_json: bool) -> int:
    """Write the rules for Prometheus that compute the same: recordings and alerts."""
    found = _read(files, folder)
    click.echo(json.dumps(rules(found)) if as_json else written(found), nl=as_json)
    return Exit.SUCCESS


def _read(files: tuple[Path, ...], folder: Path | None) -> list[Objective]:
    """Raises FileProblem; Problem where a file is not there."""
    if not files:
        return in_folder(folder or load(ClientSettings).slo_path)
    found = []
    for path in files:
        try:
            found.append(parse_objective(path.read_text(), str(path)))
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(f"it cannot be read: {error}", code="invalid", where=str(path)) from error
    return found


def budget_text(each: operations_pb2.ObjectiveStanding) -> str:
    if not each.HasField("budget_left"):
        return "nothing happened yet"
    if each.budget_left < 0:
        return f"overdrawn by {-each.budget_left * 100:.0f} %"
    return f"{each.budget_left * 100:.0f} % left"


def seen_text(each: operations_pb2.ObjectiveStanding) -> str:
    return f"{round(each.bad, 1):g} bad of {round(each.total, 1):g}"


def _fastest(each: operations_pb2.ObjectiveStanding) -> str:
    burning = [burn for burn in each.burns if burn.HasField("rate")]
    if not burning:
        return "–"
    worst = max(burning, key=lambda burn: burn.rate)
    return f"{worst.rate:.1f}× over {length_text(worst.window_s)}"
