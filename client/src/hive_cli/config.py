"""`hive config show`: every setting of every process, and where its value came from."""

import json
from typing import Final

import click
import msgspec
from rich.table import Table

from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.problems import verb
from hive_shared.settings import (
    ClientSettings,
    Explained,
    GatewaySettings,
    GithubSettings,
    HealthSettings,
    OrchestratorSettings,
    Process,
    RelaySettings,
    RunnerSettings,
    explain,
    variable,
)

_PROCESSES: Final[dict[str, type[Process]]] = {
    "client": ClientSettings,
    "gateway": GatewaySettings,
    "orchestrator": OrchestratorSettings,
    "relay": RelaySettings,
    "runner": RunnerSettings,
    "github": GithubSettings,
    "health": HealthSettings,
}


@click.group("config")
def config_command() -> None:
    """Every setting, and where its value came from."""


@config_command.command("show")
@click.option("--process", type=click.Choice(list(_PROCESSES)), help="Of one process only.")
@verb
def show_command(process: str | None, as_json: bool) -> int:
    """Defaults, then hive.toml, then HIVE_* variables: the later wins."""
    found: dict[str, tuple[Explained, list[str]]] = {}
    for name in [process] if process else _PROCESSES:
        for setting in explain(_PROCESSES[name]):
            # One name means the same in every process, but a default may differ.
            key = f"{setting.name}={setting.value}"
            found.setdefault(key, (setting, []))[1].append(name)
    if as_json:
        for setting, users in found.values():
            print(json.dumps({**msgspec.to_builtins(setting), "processes": users}))
        return Exit.SUCCESS
    table = Table("setting", "value", "from", "used by", "meaning", box=None, pad_edge=False)
    for setting, users in sorted(found.values(), key=lambda entry: entry[0].name):
        source = "default" if setting.source == "default" else setting.source
        table.add_row(setting.name, setting.value, source, ", ".join(users), setting.meaning)
    console().print(table)
    click.echo(f"\nset one in hive.toml, or as a variable such as {variable('runner_slots')}")
    return Exit.SUCCESS
