"""`hive parked`: effects that failed too often, and the streams that wait behind them."""

import json

import click
from google.protobuf.json_format import MessageToDict
from rich.table import Table

from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.problems import verb
from hive_cli.target import ask_hive, tell_hive


@click.group("parked")
def parked_command() -> None:
    """Effects that failed too often: list, show, replay."""


@parked_command.command("list")
@verb
def list_command(as_json: bool) -> int:
    """Every stream that waits behind a failing effect."""
    parked = ask_hive(lambda hive: hive.operations.parked())
    if as_json:
        for entry in parked:
            print(json.dumps(MessageToDict(entry, preserving_proto_field_name=True)))
        return Exit.SUCCESS
    if not parked:
        click.echo("nothing is parked")
        return Exit.SUCCESS
    table = Table("subscription", "stream", "position", "event", "tries", "behind it", "error")
    for entry in parked:
        numbers = (str(entry.position), entry.event_type, str(entry.tries), str(entry.waiting))
        table.add_row(entry.subscription, entry.stream, *numbers, entry.error[:80])
    console().print(table)
    click.echo("next: hive parked show|replay SUBSCRIPTION STREAM")
    return Exit.SUCCESS


@parked_command.command("show")
@click.argument("subscription")
@click.argument("stream")
@verb
def show_command(subscription: str, stream: str, as_json: bool) -> int:
    """The event that failed, why, and what waits behind it."""
    shown = ask_hive(lambda hive: hive.operations.show_parked(subscription, stream))
    entry = shown.parked
    if as_json:
        body = MessageToDict(entry, preserving_proto_field_name=True)
        body |= {"data": json.loads(shown.data), "waiting": list(shown.waiting_positions)}
        print(json.dumps(body))
        return Exit.SUCCESS
    click.echo(f"{entry.subscription} · {entry.stream} · position {entry.position}")
    click.echo(f"event   {entry.event_type} {shown.data.decode()}")
    click.echo(f"error   after {entry.tries} tries: {entry.error}")
    behind = ", ".join(map(str, shown.waiting_positions)) or "nothing"
    click.echo(f"behind  {behind}")
    click.echo(f"next: hive parked replay {entry.subscription} {entry.stream}")
    return Exit.SUCCESS


@parked_command.command("replay")
@click.argument("subscription")
@click.argument("stream")
@verb
def replay_command(subscription: str, stream: str, as_json: bool) -> int:
    """Try the event again, then those behind it."""
    released = tell_hive(
        "parked replay", lambda hive: hive.operations.replay_parked(subscription, stream)
    )
    if as_json:
        print(json.dumps({"result": "replayed", "released": released, "exit": 0}))
    else:
        click.echo(f"released {released} events of {stream}")
    return Exit.SUCCESS
