"""`hive up`, `hive down` and `hive status`: the local stack, as people see it."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import click
import msgspec
from rich.live import Live
from rich.text import Text

from hive_cli import liveness
from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.paths import short
from hive_cli.problems import verb
from hive_contracts.v1.operations_pb2 import HealthResponse
from hive_stack import Agent, Overview, Stack, overview

WATCH_SECONDS: Final = 2.0

_DATA = click.option(
    "--data", type=click.Path(path_type=Path), help="The data directory (default: HIVE_DATA)."
)


@click.command("up")
@_DATA
@click.option("--port", type=click.IntRange(1, 65534), help="HTTP here, the API on the next one.")
@click.option(
    "--runners",
    metavar="MIN:MAX",
    help="As many runners as are wanted, within these bounds (default: 1).",
)
@verb
def up_command(data: Path | None, port: int | None, runners: str | None, as_json: bool) -> int:
    """Start the local hive and wait until it is ready. Where it is up already, show it."""
    stack = Stack(data=data, port=port, runners=runners)
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
@click.option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@verb
def status_command(data: Path | None, watch: bool, as_json: bool) -> int:
    """Who is alive and ready, and what is wrong. Exit status 1 where the hive is not ready."""
    stack = Stack(data=data)
    look = _look_at(stack, here=data is not None or not stack.settings.gateway, as_json=as_json)
    return _watch(look, as_json) if watch else _show_status(look)


Look = Callable[[], tuple[str, bool]]
"""What is shown, and whether the hive is ready."""


def _look_at(stack: Stack, *, here: bool, as_json: bool) -> Look:
    """The stack of this machine, or the hive that the settings name as `gateway`."""

    def local() -> tuple[str, bool]:
        found, health = _looked(stack)
        return _text(stack, found, health, as_json=as_json), found is not None and found.ready

    def elsewhere() -> tuple[str, bool]:
        health, gateway = liveness.ask(stack.settings), stack.settings.gateway
        ready = liveness.is_whole(health)
        if as_json:
            body = {"gateway": gateway, "ready": ready, "health": liveness.as_json(health)}
            return json.dumps(body), ready
        head = f"hive at {gateway} {'is whole' if ready else 'is not whole'}"
        return "\n".join([head, *liveness.lines(health)]), ready

    return local if here else elsewhere


def _show_status(look: Look) -> Exit:
    text, ready = look()
    click.echo(text)
    return Exit.SUCCESS if ready else Exit.FAILED


def _watch(look: Look, as_json: bool) -> NoReturn:
    """On a terminal one screen; else each change, or with --json each look, one after the other."""
    screen = console()
    if as_json or not sys.stdout.isatty():
        shown = ""
        while True:
            text, _ = look()
            if as_json or text != shown:
                print(text, flush=True)
            shown = text
            time.sleep(WATCH_SECONDS)
    with Live(console=screen, auto_refresh=False) as live:
        while True:
            live.update(Text(look()[0]), refresh=True)
            time.sleep(WATCH_SECONDS)


def _looked(stack: Stack) -> tuple[Overview | None, HealthResponse | None]:
    """The health is None where nothing runs that could be asked."""
    found = overview(stack)
    running = found is not None and found.phase in ("starting", "ready")
    return found, liveness.ask(stack.settings) if running else None


def _text(
    stack: Stack, found: Overview | None, health: HealthResponse | None, *, as_json: bool = False
) -> str:
    if as_json:
        body = _body(found)
        if health is not None:
            body["health"] = liveness.as_json(health)
        return json.dumps(body)
    if found is None:
        return f"no hive ever ran in {short(stack.settings.data)} · next: hive up"
    heard = [] if health is None else liveness.lines(health)
    return "\n".join([*screen(found), *heard, *_taken(found.data)])


def _show(stack: Stack, as_json: bool, *, next_step: bool = False) -> Exit:
    found = overview(stack)
    if as_json:
        print(json.dumps(_body(found)))
    elif found is None:
        click.echo(f"no hive ever ran in {short(stack.settings.data)} · next: hive up")
    else:
        click.echo("\n".join([*screen(found, next_step=next_step), *_taken(found.data)]))
    return Exit.SUCCESS if found is not None and found.ready else Exit.FAILED


def _body(found: Overview | None) -> dict[str, Any]:
    if found is None:
        return {"phase": "never started"}
    body: dict[str, Any] = msgspec.to_builtins(found, enc_hook=str)
    return body


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


def _taken(data: Path) -> list[str]:
    """What the person has taken over here, and not given back."""
    if not (data / "taken").is_dir():
        return []
    from hive_client.taken import TakenHere  # it brings gRPC, which the stack's verbs do without

    return [
        f"  you have {takeover.name} in {short(Path(takeover.path))} · hive give {takeover.name}"
        for takeover in TakenHere(data).named("*", "")
    ]


_NEXT_UP = "  next: hive up"


def _parts(found: Overview) -> list[str]:
    free = f"{found.free_bytes / 1e9:.0f} GB free"
    if found.free_bytes < found.kept_free:
        free += f", {found.kept_free / 1e9:.0f} GB have to stay, so no work is taken"
    return [
        f"record {found.record or 'elsewhere'}",
        f"bus {found.bus or 'elsewhere'}",
        f"tails {found.tails}" if found.tails else "tails –",
        f"services {found.services_up}/{found.services}",
        f"{_runners(found)}, {free}",
    ]


def _runners(found: Overview) -> str:
    if not found.runners_up:
        return "no runner"
    if found.runners == "1":
        return f"runner 1, {found.slots} slots"
    bounds = f" of {found.runners}" if ":" in found.runners else ""
    return f"runners {found.runners_up}{bounds}, {found.slots} slots each"


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
