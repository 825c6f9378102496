"""`hive pause`, `hive resume` and `hive budget`: when a mission goes on, and what it may use."""

import json

import click

from hive_cli.budget import budget_line, near
from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive, tell_hive
from hive_client.hive import Hive
from hive_contracts.budget import CAPS, Budget
from hive_contracts.files.reading import amount_of, count_of, duration_of

_ADD_HELP = "Raise a cap: usd=20, tokens=1M or wall=2h; may be repeated."


@click.command("pause")
@click.argument("mission")
@click.option("--reason", default="", help="Why.")
@click.option("--now", is_flag=True, help="Stop what is at work; its work is kept.")
@verb
def pause_command(mission: str, reason: str, now: bool, as_json: bool) -> int:
    """Begin nothing more of a mission. What is at work goes on to its end."""

    async def pause(hive: Hive) -> None:
        await _seen(hive, mission, await hive.pause(mission, reason, now=now))

    tell_hive("pause", pause)
    rest = "what was at work is stopped" if now else "what is at work goes on to its end"
    return _said("paused", mission, f"{rest} · next: hive resume {mission}", as_json)


@click.command("resume")
@click.argument("mission")
@click.option("--add", "added", multiple=True, metavar="CAP=AMOUNT", help=_ADD_HELP)
@verb
def resume_command(mission: str, added: tuple[str, ...], as_json: bool) -> int:
    """Let a paused mission go on, with a higher cap where it has reached one."""
    add = to_add(added) if added else None

    async def resume(hive: Hive) -> None:
        await _seen(hive, mission, await hive.resume(mission, add))

    tell_hive("resume", resume)
    return _said("resumed", mission, f"next: hive mission show {mission}", as_json)


@click.command("budget")
@click.argument("mission")
@click.option("--add", "added", multiple=True, metavar="CAP=AMOUNT", help=_ADD_HELP)
@verb
def budget_command(mission: str, added: tuple[str, ...], as_json: bool) -> int:
    """Show what a mission has used of its budget, or raise it. At a cap it then goes on."""
    if added:
        add = to_add(added)

        async def raise_budget(hive: Hive) -> None:
            await _seen(hive, mission, await hive.raise_budget(mission, add))

        tell_hive("budget", raise_budget)
    view = ask_hive(lambda hive: hive.get(mission))
    line = budget_line(view) or "no budget: nothing bounds what it uses"
    if as_json:
        print(json.dumps({"result": "raised" if added else "shown", "exit": 0, "budget": line}))
        return Exit.SUCCESS
    click.echo(f"{view.summary.name} · {view.summary.status} · {line}")
    if view.HasField("pause"):
        click.echo(f"  next: {near(view)}")
    return Exit.SUCCESS


def to_add(added: tuple[str, ...]) -> Budget:
    """Raises Problem."""
    amounts: dict[str, float] = {}
    for text in added:
        cap, _, written = text.partition("=")
        amount = _PARSERS[cap](written) if cap in _PARSERS else None
        if not amount or cap in amounts:
            raise Problem(
                f"{text!r} adds nothing that is known",
                code="invalid",
                where="--add",
                remedy="write each once, such as --add usd=20, --add tokens=1M or --add wall=2h",
            )
        amounts[cap] = amount
    return Budget(amounts.get("usd", 0), int(amounts.get("tokens", 0)), amounts.get("wall", 0))


_PARSERS = dict(zip(CAPS, (amount_of, count_of, duration_of), strict=True))


async def _seen(hive: Hive, mission: str, position: int) -> None:
    """Until whoever asks next sees what was changed."""
    await hive.get(mission, at_least_position=position)


def _said(word: str, mission: str, rest: str, as_json: bool) -> int:
    click.echo(json.dumps({"result": word, "exit": 0}) if as_json else f"{word} {mission} · {rest}")
    return Exit.SUCCESS
