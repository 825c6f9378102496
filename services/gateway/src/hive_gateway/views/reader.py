"""What can be asked of the read models."""

from collections.abc import Collection, Sequence
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from hive_contracts.orders import TaskRelease
from hive_gateway.refusals import Refusal
from hive_gateway.views.projection import query, rows_of
from hive_gateway.views.rows import MissionDetailRow, MissionRow, PhaseRow, RunnerRow, TaskRow
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.projection import Behind, BeyondHead, Progress, Stopped

R = TypeVar("R", bound=msgspec.Struct)

WAIT_SECONDS: Final = 5.0
"""How long a reader waits for its own writes."""
_NEWEST: Final = 2**62


class MissionView(msgspec.Struct, frozen=True):
    """A mission, whole or with some of its tasks, as of one position."""

    position: int
    mission: MissionRow
    detail: MissionDetailRow
    phases: list[PhaseRow]
    tasks: list[TaskRow]


class MissionPage(msgspec.Struct, frozen=True):
    position: int
    missions: list[MissionRow]


class ViewsReader:
    """Reads rows; the position that comes with them is that of the same snapshot."""

    def __init__(self, pool: asyncpg.Pool, progress: Progress) -> None:
        self._pool = pool
        self._progress = progress

    async def reach(self, position: int) -> None:
        """Wait until the rows hold all up to a position. Raises Refusal."""
        try:
            await self._progress.wait_for(position, WAIT_SECONDS)
        except Behind as behind:
            raise Refusal(
                "behind", f"the read models are late: {behind}", remedy="repeat"
            ) from None
        except BeyondHead as beyond:
            raise Refusal("beyond-head", str(beyond), "at_least_position") from None
        except Stopped as stopped:
            raise Refusal(
                "stopped",
                f"the read models stand still: {stopped}",
                remedy="see the gateway's log; if an upgrade is half done, finish it",
            ) from None

    async def mission(self, ref: str, tasks: Collection[str] | None = None) -> MissionView:
        """A mission by id or short name; with `tasks` only those, and those that wait for a person.

        Raises Refusal where there is none.
        """
        row = await self._row("mission", ref, None if tasks is None else list(tasks))
        if row is None:
            raise _no_mission(ref)
        return MissionView(
            row["position"] or 0,
            msgspec.json.decode(row["mission"], type=MissionRow),
            msgspec.json.decode(row["detail"], type=MissionDetailRow),
            rows_of(row["phases"], PhaseRow),
            rows_of(row["tasks"], TaskRow),
        )

    async def find(self, ref: str) -> MissionRow:
        """A mission's own row by id or short name. Raises Refusal where there is none."""
        mission = await self._one("find", MissionRow, ref)
        if mission is None:
            raise _no_mission(ref)
        return mission

    async def missions(
        self, statuses: Collection[str], limit: int, before: int = _NEWEST
    ) -> MissionPage:
        """Newest first, of those launched before a position."""
        row = await self._row("list", list(statuses), before, limit)
        return MissionPage(row["position"] or 0, rows_of(row["missions"], MissionRow))

    async def newest_open(self, agent_type: str) -> MissionRow | None:
        return await self._one("newest_open", MissionRow, agent_type)

    async def launched_by(self, command_id: str) -> MissionRow | None:
        return await self._one("launched_by", MissionRow, command_id)

    async def extended_by(self, command_id: str) -> MissionRow | None:
        return await self._one("extended_by", MissionRow, command_id)

    async def asking(self, mission_id: str) -> list[TaskRow]:
        """Tasks that ask, or have asked, for an approval."""
        return rows_of(await self._value("asking", mission_id), TaskRow)

    async def open_work(self, mission_id: str) -> list[TaskRow]:
        """Work that has not ended, in the order in which it was planned."""
        return rows_of(await self._value("open_work", mission_id), TaskRow)

    async def runners(self) -> list[RunnerRow]:
        return rows_of(await self._value("runners"), RunnerRow)

    async def _one(self, name: str, row: type[R], *arguments: Any) -> R | None:
        found = await self._value(name, *arguments)
        return None if found is None else msgspec.json.decode(found, type=row)

    async def _value(self, name: str, *arguments: Any) -> Any:
        row = await self._row(name, *arguments)
        return None if row is None else row[0]

    async def releases(self, task_ids: Sequence[str]) -> list[TaskRelease]:
        """Of these tasks those of which a runner may let something go. Raises StoreError."""
        try:
            rows = await self._pool.fetch(query("releases"), list(task_ids))
        except FAILURES as error:
            raise translated(error) from error
        return [TaskRelease(*row) for row in rows]

    async def _row(self, name: str, *arguments: Any) -> Any:
        """Raises StoreError."""
        try:
            return await self._pool.fetchrow(query(name), *arguments)
        except FAILURES as error:
            raise translated(error) from error


def _no_mission(ref: str) -> Refusal:
    return Refusal(
        "not-found", f"there is no mission {ref!r}", "mission", "`hive mission list` shows them all"
    )
