"""`hive mission …` and `hive cancel`: what is there, and what a person decides."""

import json
import time
from pathlib import Path
from typing import Any

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.table import Table

from hive_cli import outcome, screen
from hive_cli.console import console
from hive_cli.deadline import deadline_line
from hive_cli.exits import Exit
from hive_cli.new import new_command
from hive_cli.problems import verb
from hive_cli.statement import read_call
from hive_cli.target import ask_hive, tell_hive
from hive_client.answers import Continued
from hive_client.hive import ENDED, Hive

STATUSES = ("running", "waiting", "paused", *sorted(ENDED))


@click.group("mission")
def mission_command() -> None:
    """Missions: new, list, show, approve, reject, continue."""


mission_command.add_command(new_command)


@mission_command.command("list")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES))
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@verb
def list_command(statuses: tuple[str, ...], limit: int, as_json: bool) -> int:
    """Missions, the newest first."""
    page = ask_hive(lambda hive: hive.list(statuses, limit=limit))
    if as_json:
        for summary in page.missions:
            print(_json(summary))
        return Exit.SUCCESS
    if not page.missions:
        click.echo('no missions · next: hive run "what you want done"')
        return Exit.SUCCESS
    table = Table("mission", "status", "tasks", "launched", "reason", box=None, pad_edge=False)
    for summary in page.missions:
        launched = summary.launched_at.ToDatetime().strftime("%Y-%m-%d %H:%M:%S")
        tasks = f"{summary.tasks_done}/{summary.tasks}"
        table.add_row(summary.name, summary.status, tasks, f"{launched} UTC", summary.reason)
    console().print(table)
    return Exit.SUCCESS


@mission_command.command("show")
@click.argument("mission")
@verb
def show_command(mission: str, as_json: bool) -> int:
    """One mission as it stands."""
    view = ask_hive(lambda hive: hive.get(mission))
    if as_json:
        print(_json(view))
        return Exit.SUCCESS
    out = console()
    summary = view.summary
    out.print(f"{summary.name} · {summary.status}", style="bold", markup=False)
    if origin := screen.origin(view):
        out.print(f"for {origin}", markup=False)
    if view.objective:
        out.print(view.objective, markup=False)
    if deadline := deadline_line(summary, time.time()):
        out.print(deadline, markup=False)
    out.print(screen.progress(view))
    if summary.status in ENDED:
        out.print(outcome.ending(view))
    else:
        steps = [f"hive watch {summary.name}", *screen.meanwhile(view)]
        out.print(f"  next   {' · '.join(steps)}", markup=False)
    return Exit.SUCCESS


@mission_command.command("approve")
@click.argument("mission")
@click.option(
    "--gate",
    default="",
    help="Which gate (GATE or PHASE/TASK/GATE); may be left out where one waits.",
)
@click.option("--note", default="", help="Why.")
@verb
def approve_command(mission: str, gate: str, note: str, as_json: bool) -> int:
    """Answer yes to what a mission asks."""

    async def approve(hive: Hive) -> None:
        await _seen(hive, mission, await hive.approve(mission, gate, note))

    tell_hive("mission approve", approve)
    return _said("approved", mission, as_json)


@mission_command.command("reject")
@click.argument("mission")
@click.option(
    "--gate",
    default="",
    help="Which gate (GATE or PHASE/TASK/GATE); may be left out where one waits.",
)
@click.option("--note", default="", help="Why: the next attempt may learn from it.")
@verb
def reject_command(mission: str, gate: str, note: str, as_json: bool) -> int:
    """Answer no to what a mission asks."""

    async def reject(hive: Hive) -> None:
        await _seen(hive, mission, await hive.reject(mission, gate, note))

    tell_hive("mission reject", reject)
    return _said("rejected", mission, as_json)


@mission_command.command("continue")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--repo", type=click.Path(path_type=Path), help="The repository (default: here).")
@verb
def continue_command(file: Path, repo: Path | None, as_json: bool) -> int:
    """Go on with the newest open mission of a type, or launch one.

    FILE holds the dictionary of continue_agent_mission, as JSON or YAML.
    """
    plan = read_call(file, repo)

    async def go_on(hive: Hive) -> Continued:
        done = await hive.continue_(plan)
        await _seen(hive, done.mission_id, done.position)
        return done

    done = tell_hive("mission continue", go_on)
    word = "continued" if done.continued else "launched"
    if as_json:
        body: dict[str, Any] = {"mission": done.name, "mission_id": done.mission_id}
        print(json.dumps({"result": word, "exit": 0, **body}))
    else:
        click.echo(f"{word} {done.name} · next: hive mission show {done.name}")
    return Exit.SUCCESS


@click.command("cancel")
@click.argument("mission")
@click.option("--reason", default="", help="Why.")
@verb
def cancel_command(mission: str, reason: str, as_json: bool) -> int:
    """Stop a mission. What its agents have done so far is kept."""

    async def cancel(hive: Hive) -> None:
        await _seen(hive, mission, await hive.cancel(mission, reason))

    tell_hive("cancel", cancel)
    return _said("cancelled", mission, as_json)


async def _seen(hive: Hive, mission: str, position: int) -> None:
    """Until whoever asks next sees what was changed."""
    await hive.get(mission, at_least_position=position)


def _said(word: str, mission: str, as_json: bool) -> int:
    click.echo(json.dumps({"result": word, "exit": 0}) if as_json else f"{word} {mission}")
    return Exit.SUCCESS


def _json(message: Message) -> str:
    return json.dumps(MessageToDict(message, preserving_proto_field_name=True))
