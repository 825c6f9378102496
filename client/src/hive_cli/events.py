"""`hive events`: the record, as it was and as it grows."""

import click

from hive_cli.console import console
from hive_cli.exits import Exit
from hive_cli.follow import print_event
from hive_cli.problems import verb
from hive_cli.target import ask_hive
from hive_client.hive import Hive
from hive_contracts.envelope import Recorded
from hive_contracts.v1 import event_pb2

_PAGE = 500


@click.command("events")
@click.option("--mission", default="", help="Of one mission: its id or short name.")
@click.option("--category", "categories", multiple=True, help="mission, task, runner, capacity …")
@click.option("--type", "types", multiple=True, help="Such as TaskFailed.")
@click.option("--after", type=int, default=0, help="Events after this position.")
@click.option("--limit", type=int, default=0, help="At most so many.")
@click.option("--follow", is_flag=True, help="Then what comes, until Ctrl-C.")
@verb
def events_command(
    mission: str,
    categories: tuple[str, ...],
    types: tuple[str, ...],
    after: int,
    limit: int,
    follow: bool,
    as_json: bool,
) -> int:
    """Read what the hive has recorded, oldest first."""
    filter = event_pb2.EventFilter(mission=mission, categories=categories, types=types)
    out = console()

    def show(event: Recorded, log_id: str) -> None:
        if as_json:
            print_event(event, log_id)
        else:
            out.print(_line(event), markup=False)

    async def stored(hive: Hive) -> None:
        position, shown = after, 0
        while not limit or shown < limit:
            size = min(limit - shown, _PAGE) if limit else _PAGE
            page = await hive.read(filter, after=position, limit=size)
            for event in page.events:
                show(event, page.log_id)
            shown += len(page.events)
            position = page.next
            if position >= page.head:
                return

    async def live(hive: Hive) -> None:
        shown = 0
        async for arrived in hive.subscribe(filter, after=after):
            show(arrived.event, arrived.log_id)
            shown += 1
            if shown == limit:
                return

    ask_hive(live if follow else stored, patience=120)
    return Exit.SUCCESS


def _line(event: Recorded) -> str:
    at = event.recorded_at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    return f"{event.position:>8}  {at}  {event.stream:<40}  {event.type:<20}  {event.data.decode()}"
