"""`hive baselines`: what agents usually need for the same work, and where that changed."""

import json
from collections.abc import Iterator

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from rich.markup import escape
from rich.table import Table

from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.screen import duration
from hive_cli.spending import dollars
from hive_cli.target import ask_hive
from hive_contracts.v1 import operations_pb2


@click.command("baselines")
@click.option(
    "--days", type=click.IntRange(1, 100), default=28, help="How far back.", show_default=True
)
@verb
def baselines_command(days: int, as_json: bool) -> int:
    """What agents usually need for the same work, and where that changed for good.

    The same work is the same phase of the same mission, by the same profile. A change is put down
    to what was another just before it: the model, the prompt, the gates, the settings of its
    profile, the hive's release.
    """
    answer = ask_hive(lambda hive: hive.operations.baselines(days))
    if as_json:
        print(json.dumps(MessageToDict(answer, preserving_proto_field_name=True)))
        return Exit.SUCCESS
    if answer.problem:
        raise Problem(answer.problem, code="unavailable", remedy="`hive status` says what runs")
    if not answer.baselines:
        click.echo(f"no agent's attempt has ended in the last {days} days")
        return Exit.SUCCESS
    table = Table(
        "work", "model", "prompt", "attempts", "succeed", "waits", "half within", "95 % within",
        "cost", "tokens", box=None,
    )  # fmt: skip
    for each in answer.baselines:
        table.add_row(
            escape(work_text(each)),
            escape(each.model) or "default",
            each.prompt,
            str(each.attempts),
            f"{each.succeeded / each.attempts * 100:.0f} %",
            duration(each.waited_p50) if each.HasField("waited_p50") else "–",
            duration(each.seconds_p50) if each.HasField("seconds_p50") else "–",
            duration(each.seconds_p95) if each.HasField("seconds_p95") else "–",
            dollars(each.usd_mean) if each.HasField("usd_mean") else "unknown",
            f"{each.tokens_mean:,.0f}" if each.HasField("tokens_mean") else "unknown",
        )
    console().print(table)
    for change in answer.changes:
        click.secho(change_text(change), fg="red" if change.worse else "green")
        for line in before_lines(change):
            click.echo(f"    just before: {line}")
    if not answer.changes:
        click.echo("nothing has changed for good")
    if answer.left_out:
        click.echo("older attempts were too many to look at: ask for fewer --days")
    return Exit.SUCCESS


def work_text(each: operations_pb2.AttemptBaseline | operations_pb2.AttemptChange) -> str:
    repository = each.repository.rstrip("/").rpartition("/")[2].removesuffix(".git")
    work = f"{each.mission}/{each.phase} · {each.profile}"
    if not each.mission:
        return f"all missions · {each.profile}"
    return f"{repository} · {work}" if repository else work


def change_text(change: operations_pb2.AttemptChange) -> str:
    before, after = (amount_text(change.metric, x) for x in (change.before, change.after))
    return (
        f"{'✗' if change.worse else '✓'} {_at(change.at)}  {work_text(change)}:"
        f" {change.metric} {before} → {after}"
        f"  ({change.attempts_before} attempts before, {change.attempts_after} since"
        + (f", from position {change.position} on)" if change.position else ")")
    )


def before_lines(change: operations_pb2.AttemptChange) -> Iterator[str]:
    """What was another just before it, and the event of the record that came before."""
    event = change.preceded_by
    for number, cause in enumerate(change.causes):
        known = number == 0 and event.position
        yield cause_text(cause) + (f"; it came at position {event.position}" if known else "")
    if not change.causes and event.position:
        yield f"the attempt that ended at position {event.position}"


def amount_text(metric: str, amount: float) -> str:
    if metric == "success":
        return f"{amount * 100:.0f} %"
    if metric in ("seconds", "waiting"):
        return duration(amount)
    return dollars(amount) if metric == "usd" else f"{amount:,.0f}"


def cause_text(cause: operations_pb2.ChangeCause) -> str:
    old = "default" if cause.what == "model" else "none"
    return (
        f"{cause.what} {cause.before or old} → {cause.after or old}, first used by the attempt that"
        f" ended {_at(cause.at)}"
    )


def _at(moment: Timestamp) -> str:
    return f"{moment.ToDatetime():%Y-%m-%d %H:%M} UTC"
