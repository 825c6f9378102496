"""`hive up`, `hive down` and `hive status`: the local stack, as people see it."""

import json
from pathlib import Path

import click
import msgspec

from hive_cli.exits import Exit
from hive_cli.problems import verb
from hive_stack import Agent, Overview, Stack, overview

_DATA = click.option(
    "--data", type=click.Path(path_type=Path), help="The data directory (default: HIVE_DATA)."
)


@click.command("up")
@_DATA
@click.option("--port", type=click.IntRange(1, 65534), help="HTTP here, the API on the next one.")
@verb
def up_command(data: Path | None, port: int | None, as_json: bool) -> int:
    """Start the local hive and wait until it is ready. Where it is up already, show it."""
    stack = Stack(data=data, port=port)
    stack.up()
    return _show(stack, as_json, next_step=True)


@click.command("down")
@_DATA
@verb
def down_command(data: Path | None, as_json: bool) -> int:
    """Stop the local hive. Its data is kept, and missions go on when it is up again."""
    stack = Stack(data=data)
    was_up = stack.down()
    if as_json:
        print(json.dumps({"result": "stopped" if was_up else "was not up", "exit": 0}))
    elif was_up:
        click.echo(f"stopped · data is kept in {short(stack.settings.data)}")
    else:
        click.echo(f"no hive runs in {short(stack.settings.data)}")
    return Exit.SUCCESS


@click.command("status")
@_DATA
@verb
def status_command(data: Path | None, as_json: bool) -> int:
    """What is up and whether it is ready. Exit status 1 where it is not."""
    return _show(Stack(data=data), as_json)


def _show(stack: Stack, as_json: bool, *, next_step: bool = False) -> Exit:
    found = overview(stack)
    if as_json:
        body = {"phase": "never started"} if found is None else msgspec.to_builtins(found)
        print(json.dumps(body, default=str))
    elif found is None:
        click.echo(f"no hive ever ran in {short(stack.settings.data)} · next: hive up")
    else:
        click.echo("\n".join(screen(found, next_step=next_step)))
    return Exit.SUCCESS if found is not None and found.ready else Exit.FAILED


def screen(found: Overview, *, next_step: bool = False) -> list[str]:
    """The lines of the first screen."""
    if found.phase in ("stopped", "failed"):
        return [f"agent-hive {found.version} {found.phase} · data {short(found.data)}", _NEXT_UP]
    took = f" in {found.up_in_s:.1f} s" if found.up_in_s is not None else ""
    state = f"up{took}" if found.ready else f"not ready: {found.reasons}"
    head = f"agent-hive {found.version} {state} · data {short(found.data)}"
    doors = f" · API {found.gateway} · health {found.page}/health · stop: hive down"
    lines = [head + doors, "  " + "  ".join([*_parts(found), "|", *map(_agent, found.agents)])]
    lines += [f"  {name} was started again {_times(count)}" for name, count in found.restarts]
    if found.ready and found.tails_missing:
        lines.append(f"  no live output, logs come at the end of an attempt: {found.tails_missing}")
    if next_step:
        lines.append('  next: cd your-repo && hive init   then: hive run "what you want done"')
    return lines


_NEXT_UP = "  next: hive up"


def short(path: Path) -> str:
    """The path as people write it."""
    home = str(Path.home())
    return f"~{str(path)[len(home) :]}" if str(path).startswith(f"{home}/") else str(path)


def _parts(found: Overview) -> list[str]:
    free = f"{found.free_bytes / 1e9:.0f} GB free"
    if found.free_bytes < found.kept_free:
        free += f", {found.kept_free / 1e9:.0f} GB have to stay, so no work is taken"
    runner = f"runner 1, {found.slots} slots" if found.runner_up else "no runner"
    return [
        f"record {found.record or 'elsewhere'}",
        f"bus {found.bus or 'elsewhere'}",
        f"tails {found.tails}" if found.tails else "tails –",
        f"services {found.services_up}/{found.services}",
        f"{runner}, {free}",
    ]


def _agent(agent: Agent) -> str:
    match agent.presence.state:
        case "logged in":
            return f"{agent.name} ✓ logged in"
        case "ready":
            return f"{agent.name} ✓"
        case "logged out":
            return f"{agent.name} ✗ run `{agent.presence.remedy}`"
        case _:
            return f"{agent.name} –"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
