"""`hive bus`: whether the bus carries what the record holds."""

import json

import click
from google.protobuf.json_format import MessageToDict

from hive_cli.exits import Exit
from hive_cli.problems import verb
from hive_cli.target import ask_hive, tell_hive


@click.group("bus")
def bus_command() -> None:
    """The bus: status, rebuild."""


@bus_command.command("status")
@verb
def status_command(as_json: bool) -> int:
    """Compare the bus with the record. Exit status 1 where they differ."""
    status = ask_hive(lambda hive: hive.operations.bus_status())
    exit = Exit.SUCCESS if status.verdict in ("ok", "behind") else Exit.FAILED
    if as_json:
        print(json.dumps(MessageToDict(status, preserving_proto_field_name=True)))
        return exit
    held = f"{status.bus_first} to {status.bus_last}" if status.bus_last else "nothing"
    click.echo(f"{status.verdict} · record at {status.record_head} · bus holds {held}")
    click.echo(f"stream {status.stream} · history {status.log_id} · {status.holes} holes")
    for entry in status.subscriptions:
        stopped = f" · stopped: {entry.stopped}" if entry.stopped else ""
        lag = f"at {entry.position}, {entry.lag} behind"
        click.echo(f"  {entry.service}/{entry.name}  {lag}{stopped}")
    if exit is Exit.FAILED:
        click.echo("next: hive bus rebuild")
    return exit


@bus_command.command("rebuild")
@verb
def rebuild_command(as_json: bool) -> int:
    """Make the bus's event stream anew from the record. Nothing is lost."""
    made = tell_hive("bus rebuild", lambda hive: hive.operations.rebuild_bus())
    if as_json:
        print(json.dumps({"result": "rebuilt", "first": made.first, "last": made.last, "exit": 0}))
    else:
        click.echo(f"the bus now begins at {made.first}; the record is at {made.last}")
    return Exit.SUCCESS
