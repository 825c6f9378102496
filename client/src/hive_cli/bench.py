"""`hive bench`: what this machine reaches."""

import json
import sys
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from hive_cli.exits import Exit
from hive_cli.interrupt import heed_sigterm
from hive_cli.problems import Problem, verb

_WIDTH: Final = 140
"""Columns of a table that is not printed on a terminal."""
CASES: Final = (
    "eventstore", "gateway", "missions", "attempts", "feed", "rebuild", "telemetry", "github",
)  # fmt: skip


@click.command("bench")
@click.argument("cases", nargs=-1, type=click.Choice(CASES))
@click.option("--seconds", type=click.FloatRange(min=0.5), help="How long each case is measured.")
@click.option(
    "--dbos",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PYTHON",
    help="With missions: measure DBOS beside, which is installed in this interpreter.",
)
@verb
def bench_command(
    cases: tuple[str, ...], seconds: float | None, dbos: Path | None, as_json: bool
) -> int:
    """Measure parts of the hive on this machine; without CASES all of them.

    Starts what it needs on free ports and takes it down again. Every figure stands beside a limit
    that was measured in the same run, and is durable: with fsync off nothing is measured.
    """
    from hive_bench.main import Wish, measure
    from hive_bench.result import BenchRefused, CaseResult

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)

    def show(results: list[CaseResult]) -> None:
        if as_json:
            for case in results:
                print(json.dumps(msgspec.to_builtins(case)), flush=True)
            return
        table = Table("bench", box=None, pad_edge=False)
        table.add_column("case", no_wrap=True)
        for head in ("value", "unit", "p50 ms", "p99 ms", "limit", "ratio"):
            table.add_column(head, justify="left" if head == "unit" else "right", no_wrap=True)
        for case in results:
            figures = (case.p50_ms, case.p99_ms, case.limit)
            said = (*map(_said, figures), _ratio(case.ratio, case.ratio_low, case.ratio_high))
            table.add_row(case.bench, case.case, _said(case.value), case.unit, *said)
        console.print(table, "")

    heed_sigterm()
    try:
        # What is told about the machine goes to stderr, so that stdout stays lines of JSON.
        measure(
            cases or CASES,
            Wish(seconds, dbos),
            lambda line: click.echo(line, err=as_json),
            show,
        )
    except BenchRefused as refused:
        raise Problem(
            refused.message, code="refused", where=refused.where, remedy=refused.remedy
        ) from refused
    return Exit.SUCCESS


def _said(figure: float | None) -> str:
    return "" if figure is None else f"{figure:,g}" if figure < 1000 else f"{figure:,.0f}"


def _ratio(ratio: float | None, low: float | None, high: float | None) -> str:
    """`0.97`, of pairs with the interval of their median."""
    return _said(ratio) if low is None else f"{_said(ratio)} ({_said(low)} to {_said(high)})"
