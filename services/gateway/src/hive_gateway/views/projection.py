"""The read models as one projection: load the rows that a batch is about, fold, write them back.

Rows travel as JSON in both directions, whole tables at a time: one parameter, one statement, and
the same encoding as the events that they come from.
"""

import functools
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, Final, TypeVar

import msgspec

from hive_contracts.codec import AnyEvent, decode_known
from hive_contracts.envelope import Recorded
from hive_gateway.views.fold import fold
from hive_gateway.views.rows import MissionRow, PhaseRow, RunnerRow, TaskRow
from hive_gateway.views.tables import Table, Views, needed
from hive_shared.projection import Connection

R = TypeVar("R", bound=msgspec.Struct)

NAME: Final = "views"
TABLES: Final = ("missions", "mission_details", "phases", "tasks", "runners")


@functools.cache
def query(name: str) -> str:
    """The text of `queries/<name>.sql`."""
    return (resources.files(__package__) / "queries" / f"{name}.sql").read_text()


class ViewsProjection:
    """Missions, tasks and runners as people see them."""

    name: Final = NAME

    async def apply(self, connection: Connection, events: Sequence[Recorded]) -> None:
        known = [
            (event, recorded)
            for recorded in events
            if (event := decode_known(recorded)) is not None
        ]
        views = await _load(connection, [event for event, _ in known])
        for event, recorded in known:
            fold(views, event, recorded)
        await _store(connection, views)

    async def clear(self, connection: Connection) -> None:
        await connection.execute(query("clear"))


async def _load(connection: Connection, events: Iterable[AnyEvent]) -> Views:
    views, keys = Views(), needed(events)
    found = await connection.fetchrow(
        query("load"), *map(list, (keys.missions, keys.phases, keys.tasks, keys.runners))
    )
    for mission in rows_of(found["missions"], MissionRow):
        views.missions.load(mission.mission_id, mission)
    for phase in rows_of(found["phases"], PhaseRow):
        views.phases.load((phase.mission_id, phase.name), phase)
    for task in rows_of(found["tasks"], TaskRow):
        views.tasks.load(task.task_id, task)
    for runner in rows_of(found["runners"], RunnerRow):
        views.runners.load(runner.runner_id, runner)
    return views


async def _store(connection: Connection, views: Views) -> None:
    tables: tuple[Table[Any, Any], ...] = (
        views.missions,
        views.details,
        views.phases,
        views.tasks,
        views.runners,
    )
    changed = [table.changed() for table in tables]
    if any(changed):
        as_json = (msgspec.json.encode(rows).decode() for rows in changed)
        await connection.execute(query("store"), *as_json)


def rows_of(found: str | bytes | None, row: type[R]) -> list[R]:
    """Rows out of what `json_agg` answers: None where there are none."""
    if found is None:
        return []
    rows: list[R] = msgspec.json.decode(found, type=list[row])  # type: ignore[valid-type]
    return rows
