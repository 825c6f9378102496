"""Reads the rows. Adapter."""

from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from hive_github.api.throttle import Known
from hive_github.views.projection import query
from hive_shared.eventstore.pool import FAILURES, translated


class Ours(msgspec.Struct, frozen=True):
    """Whose pull request one on GitHub is."""

    mission_id: str
    part: str = ""
    """The task, as `phase/task`; empty where it is for all of the mission."""


class OpenPullRequest(msgspec.Struct, frozen=True):
    mission_id: str
    part: str
    repository_id: str
    full_name: str
    installation: int
    number: int


class Reached(msgspec.Struct, frozen=True):
    """A repository that the hive may work with."""

    repository_id: str
    full_name: str
    installation: int


class Waiting(msgspec.Struct, frozen=True):
    """A gate that GitHub's check judges, on a commit that was pushed."""

    task_id: str
    gate: str
    mission_id: str
    check: str
    commit: str
    full_name: str
    installation: int


class OpenMission(msgspec.Struct, frozen=True):
    """A mission's open pull request, or that of one of its tasks."""

    mission_id: str
    part: str
    mission: str
    """Its short name."""


class Views:
    """Each method raises StoreError."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of_installation(self, installation: int) -> list[str]:
        """The ids of the repositories that it reaches."""
        return [row["repository_id"] for row in await self._fetch("of_installation", installation)]

    async def at_installation(self, installation: int) -> list[str]:
        """The names of those that it reaches, or has reached last."""
        return [row["full_name"] for row in await self._fetch("at_installation", installation)]

    async def mission_of(self, repository_id: str, number: int) -> Ours | None:
        """None where it is none of ours."""
        rows = await self._fetch("mission_of", repository_id, number)
        return Ours(*rows[0]) if rows else None

    async def open(self) -> list[OpenPullRequest]:
        return [OpenPullRequest(*row) for row in await self._fetch("open")]

    async def reached(self) -> list[Reached]:
        return [Reached(*row) for row in await self._fetch("reached")]

    async def open_at(self, repository_id: str) -> list[OpenMission]:
        """Pull requests of that repository that are open."""
        return [OpenMission(*row) for row in await self._fetch("open_at", repository_id)]

    async def waiting(self, commit: str = "") -> list[Waiting]:
        """For a check on that commit, or on any."""
        return [Waiting(*row) for row in await self._fetch("waiting", commit)]

    async def merging(self, commit: str = "") -> list[str]:
        """Missions whose open pull request the hive is to merge, with that head, or any."""
        return [row["mission_id"] for row in await self._fetch("merging", commit)]

    async def now(self) -> datetime:
        """By the database's clock, as the record's times are."""
        [[moment]] = await self._fetch("now")
        found: datetime = moment
        return found

    async def limits(self, now_ms: int) -> list[Known]:
        """Those that are not over."""
        return [Known(*row) for row in await self._fetch("limits", now_ms)]

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        try:
            rows: list[Any] = await self._pool.fetch(query(name), *arguments)
        except FAILURES as error:
            raise translated(error) from error
        return rows
