"""`hive forecast`: when missions will be done, how sure that is, and what more runners would do."""

import json
import re
import time
from datetime import datetime
from typing import Any, Final

import click

from hive_cli.exits import Exit
from hive_cli.forecast.backtest import Backtest, Timed, backtest
from hive_cli.forecast.history import TYPES, History
from hive_cli.forecast.simulate import Forecast, TooLittle, forecast
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive
from hive_client.hive import Hive
from hive_contracts.codec import decode_known
from hive_contracts.v1 import event_pb2

HISTORY: Final = 20_000
SOON: Final = 1800.0
"""Seconds; what is so near is told to the second."""
SHARES: Final = (0.5, 0.85)


@click.command("forecast")
@click.argument("mission", required=False)
@click.option("--runners", metavar="N|+N", help="And with so many, or so many more.")
@click.option("--backtest", "tests", is_flag=True, help="How far forecasts can be relied on.")
@click.option(
    "--history",
    type=click.IntRange(100, 1_000_000),
    default=HISTORY,
    show_default=True,
    help="Events that are looked back.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulation.")
@verb
def forecast_command(
    mission: str | None, runners: str | None, tests: bool, history: int, seed: int, as_json: bool
) -> int:
    """When open missions will be done: simulated, with durations drawn from finished tasks.

    What people take to answer is not in it. Exit status 1 where there is too little history.
    """
    events, runners_now, slots = ask_hive(lambda hive: read_history(hive, history))
    if tests:
        return _show_backtest(backtest(events, slots, seed), as_json)
    known = History()
    for event, at in events:
        known.apply(event, at)
    now = time.time()
    counts = [(runners_now, slots)]
    if runners is not None:
        more = _runners(runners, runners_now)
        counts.append((more, more * max(1, round(slots / max(1, runners_now)))))
    try:
        told = [(count, forecast(known, each, seed, now=now)) for count, each in counts]
    except TooLittle as error:
        return _too_little(str(error), history, as_json)
    chosen = _chosen(told[0][1], mission)
    if as_json:
        print(json.dumps({"forecasts": [_body(told, id, now) for id in chosen]}))
        return Exit.SUCCESS
    if not chosen:
        click.echo("no mission is open")
    for id in chosen:
        show([(count, forecasts[id]) for count, forecasts in told], now)
    return Exit.SUCCESS


async def read_history(hive: Hive, history: int) -> tuple[list[Timed], int, int]:
    """What the record says, oldest first; runners that take work, and their slots."""
    head = (await hive.read(limit=1)).head
    after, found = max(0, head - history), []
    wanted = event_pb2.EventFilter(types=TYPES)
    while after < head:
        page = await hive.read(wanted, after=after, limit=1000)
        for recorded in page.events:
            event = decode_known(recorded)
            if event is not None:
                found.append((event, recorded.recorded_at.timestamp()))
        if page.next <= after:
            break
        after = page.next
    capacity = (await hive.operations.capacity()).capacity
    return found, capacity.runners, capacity.slots


def _runners(text: str, now: int) -> int:
    """Raises Problem."""
    if re.fullmatch(r"\+?\d{1,4}", text) is None or int(text) == 0:
        raise Problem(
            f"{text!r} is no number of runners", code="invalid", where="--runners",
            remedy="write 4 for four, or +2 for two more than now",
        )  # fmt: skip
    return now + int(text) if text.startswith("+") else int(text)


def _chosen(forecasts: dict[str, Forecast], mission: str | None) -> list[str]:
    """Raises Problem."""
    chosen = [id for id, f in forecasts.items() if mission in (None, id, f.name)]
    if mission is not None and not chosen:
        raise Problem(
            f"no open mission {mission!r} began within the events that are looked back",
            code="not-found",
            remedy="`hive mission list` shows what is open; --history looks back further",
        )
    return chosen


def show(told: list[tuple[int, Forecast]], now: float) -> None:
    first = told[0][1]
    click.echo(f"{first.name}   {first.left} of {first.total} tasks left")
    for index, (count, each) in enumerate(told):
        who = f"with {count} runner{'s' * (count != 1)}, {each.slots} slots"
        mark = "  " if index == 0 else "  · "
        ends = "  ".join(f"p{round(s * 100)} {clock(now + each.seconds(s), now)}" for s in SHARES)
        click.echo(f"{mark}{who}: {ends}   cost {_cost(each)}")
    if not first.slots:
        click.echo("  no runner takes work now: counted as one slot")
    kind = "" if first.exact else ", not all of them of its profile and repository"
    click.echo(f"  drawn from {first.samples} finished tasks{kind}")
    if first.unknown_phases:
        click.echo(
            f"  of {first.unknown_phases} phases nobody knows yet how many tasks they have:"
            " counted as one each"
        )


def clock(at: float, now: float) -> str:
    """The time of day, with the date where it is another one."""
    moment = datetime.fromtimestamp(at).astimezone()
    today = datetime.fromtimestamp(now).astimezone().date()
    if moment.date() != today:
        return moment.strftime("%Y-%m-%d %H:%M")
    return moment.strftime("%H:%M:%S" if at - now < SOON else "%H:%M")


def _cost(each: Forecast) -> str:
    p50, p85 = (each.usd(share) for share in SHARES)
    if p50 is None or p85 is None:
        return "unknown: agents did not tell"
    return f"${p50:.2f} to ${p85:.2f}"


def _body(told: list[tuple[int, dict[str, Forecast]]], id: str, now: float) -> dict[str, Any]:
    first = told[0][1][id]
    return {
        "mission": first.name,
        "mission_id": id,
        "left": first.left,
        "total": first.total,
        "samples": first.samples,
        "samples_exact": first.exact,
        "unknown_phases": first.unknown_phases,
        "with": [
            {
                "runners": count,
                "slots": forecasts[id].slots,
                "p50_at": now + forecasts[id].seconds(0.5),
                "p85_at": now + forecasts[id].seconds(0.85),
                "p50_usd": forecasts[id].usd(0.5),
                "p85_usd": forecasts[id].usd(0.85),
            }
            for count, forecasts in told
        ],
    }


def _too_little(why: str, history: int, as_json: bool) -> Exit:
    if as_json:
        print(json.dumps({"forecasts": [], "problem": why}))
    else:
        click.echo(f"too little history to forecast: {why}, in the last {history} events")
        click.echo("  --history looks back further; or ask again when more is done")
    return Exit.FAILED


def _show_backtest(done: Backtest, as_json: bool) -> Exit:
    p50, p85, error = done.within("p50"), done.within("p85"), done.error
    if as_json:
        body = {
            "forecasts": len(done.tried), "within_p50": p50, "within_p85": p85,
            "median_error": error, "too_early": done.too_early, "with_people": done.with_people,
        }  # fmt: skip
        print(json.dumps(body))
    elif p50 is None or p85 is None:
        click.echo("too little history to test forecasts with")
    else:
        click.echo(f"{len(done.tried)} forecasts of missions that have succeeded since:")
        click.echo(f"  {p50:.0%} ended within their p50 (50 % would be right)")
        click.echo(f"  {p85:.0%} ended within their p85 (85 % would be right)")
        if error is not None:
            click.echo(f"  the p50 was off by {error:.0%} of what it took, in the median")
    if not as_json:
        if done.too_early:
            click.echo(f"  {done.too_early} came too early: there was too little history")
        if done.with_people:
            click.echo(f"  {done.with_people} missions waited for people, and are left out")
    return Exit.SUCCESS if done.tried else Exit.FAILED
