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
from hive_gateway.views.fold import Needed, Table, Views, fold, needed
from hive_gateway.views.rows import MissionRow, PhaseRow, RunnerRow, TaskRow
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
    for task in await _rows(connection, "load_tasks", TaskRow, keys.tasks):
        views.tasks.load(task.task_id, task)
        keys.missions.add(task.mission_id)
    await _load_missions(connection, views, keys)
    for runner in await _rows(connection, "load_runners", RunnerRow, keys.runners):
        views.runners.load(runner.runner_id, runner)
    return views


async def _load_missions(connection: Connection, views: Views, keys: Needed) -> None:
    for mission in await _rows(connection, "load_missions", MissionRow, keys.missions):
        views.missions.load(mission.mission_id, mission)
    for phase in await _rows(connection, "load_phases", PhaseRow, keys.phases):
        views.phases.load((phase.mission_id, phase.name), phase)


async def _rows(connection: Connection, name: str, row: type[R], keys: set[str]) -> list[R]:
    if not keys:
        return []
    return rows_of(await connection.fetchval(query(name), list(keys)), row)


def rows_of(found: str | None, row: type[R]) -> list[R]:
    """Rows out of what `json_agg` answers: None where there are none."""
    return [] if found is None else msgspec.json.decode(found, type=list[row])  # type: ignore[valid-type]


async def _store(connection: Connection, views: Views) -> None:
    tables: dict[str, Table[Any, Any]] = {
        "store_missions": views.missions,
        "store_mission_details": views.details,
        "store_phases": views.phases,
        "store_tasks": views.tasks,
        "store_runners": views.runners,
    }
    for name, table in tables.items():
        if changed := table.changed():
            await connection.execute(query(name), msgspec.json.encode(changed).decode())
