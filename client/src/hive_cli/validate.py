"""`hive validate`: whether a promise holds on this machine."""

import asyncio
import json
from typing import Any

import click
import msgspec
from rich.table import Table

from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.interrupt import heed_sigterm
from hive_cli.problems import verb


@click.group("validate")
def validate_command() -> None:
    """See whether a promise holds: uptime."""


@validate_command.command("uptime")
@click.option(
    "--target",
    type=click.FloatRange(0, 100, min_open=True),
    default=99.9,
    show_default=True,
    help="Percent of calls that are to be answered.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0.5, 24 * 60),
    default=10.0,
    show_default=True,
    help="How long; each process is killed at least once where there is time.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(0.5, 60),
    default=10.0,
    show_default=True,
    help="Seconds within which a call is to be answered, all its tries together.",
)
@verb
def uptime_command(target: float, minutes: float, deadline: float, as_json: bool) -> int:
    """Kill each process of a replicated hive in turn, and see how many calls are answered.

    Starts a hive of its own on free ports, with two of each service, and takes it down again. Exit
    status 1 where fewer calls were answered than --target says, as their callers saw it or as the
    objective gateway-availability counted it, where a subscriber missed an event, or a mission that
    was launched did not succeed, merged exactly once.
    """
    from hive_bench.uptime.run import measure, replicated

    def told(line: str) -> None:
        click.echo(line, err=True)

    heed_sigterm()
    with replicated(told) as (stack, repository):
        measuring = measure(
            stack,
            repository,
            seconds=minutes * 60,
            target=target / 100,
            deadline=deadline,
            told=told,
        )
        measured = asyncio.run(measuring)
    if as_json:
        body = msgspec.to_builtins(measured)
        body |= {"availability": measured.whole.availability, "objective": measured.whole.slo}
        body |= {"met": measured.met, "killed": msgspec.to_builtins(measured.killed)}
        print(json.dumps(body))
    else:
        show(measured)
    return Exit.SUCCESS if measured.met else Exit.FAILED


def show(measured: Any) -> None:
    table = Table(
        "window", "calls", "failed", "available", "over 1 s", "longest", "objective", "killed",
        box=None,
    )  # fmt: skip
    for each in measured.windows:
        table.add_row(f"{each.begins / 60:g} min", *_cells(each), ", ".join(each.killed) or "–")
    table.add_row("whole", *_cells(measured.whole), f"{len(measured.kills)} kills")
    console().print(table)
    for line in _killed(measured):
        print(line)
    for error, count in measured.errors:
        print(f"  {count} × {error}")
    lost = f", {measured.events_missing} missing" if measured.events_missing else ", none missing"
    print(f"  a subscriber saw {measured.events} events{lost}")
    done = len(measured.missions) - len(measured.undone)
    print(f"  {done} of {len(measured.missions)} missions succeeded, each merged once")
    for mission in measured.undone:
        print(f"    {mission.name}: {mission.status}, its work merged {mission.merges} times")
    worst = measured.worst
    mark = "✓" if measured.met else "✗"
    print(
        f"{mark} {_percent(measured.whole.availability)} of calls were answered, and"
        f" {_percent(measured.whole.slo)} as the objective counts, target"
        f" {_percent(measured.target)}; worst window {_percent(worst.availability)}"
        f" at {worst.begins / 60:g} min"
    )


def _killed(measured: Any) -> list[str]:
    """How often each program was killed, and how long it was away."""
    if not measured.killed:
        return []
    table = [
        f"  {each.program:<16} killed {each.times} ×"
        + (f", back after {each.longest_s:.1f} s at most" if each.longest_s is not None else "")
        + (f", {each.times - each.back} × it did not come back" if each.back < each.times else "")
        for each in measured.killed
        if each.times
    ]
    never = [each.program for each in measured.killed if not each.times]
    return [*table, *([f"  never killed, for want of time: {', '.join(never)}"] if never else [])]


def _cells(window: Any) -> list[str]:
    return [
        str(window.calls),
        str(window.failed),
        _percent(window.availability),
        str(window.slow),
        f"{window.longest_s:.1f} s",
        _percent(window.slo),
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.3f} %"
