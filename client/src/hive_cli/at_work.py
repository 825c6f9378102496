"""What the attempts of a mission do right now, for the rows of a live screen.

    hive.logs of each attempt at work ──▶ Activity (its last lines) ──▶ row of the screen

It is read from the live output and from nothing else. Where that is not there (no Redis, a break)
the rows say what they would say without it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Final

from hive_cli.activity import Activity, Now
from hive_cli.logs import AT_WORK, PRINTING
from hive_client.errors import HiveError
from hive_client.hive import Hive
from hive_contracts.v1 import mission_pb2

FOLLOWED: Final = 24
"""Attempts whose output is followed at a time: no more rows are shown."""


class Activities:
    """Of all attempts of a mission that are at work. Make one with `following`."""

    def __init__(self, hive: Hive) -> None:
        self.changed = asyncio.Event()
        """Set when a row has something new to say."""
        self._hive = hive
        self._followed: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._now: dict[tuple[str, int], Now] = {}

    def now(self, tasks: Iterable[mission_pb2.TaskView]) -> dict[str, Now]:
        """By task id."""
        found = {task.task_id: self._now.get((task.task_id, task.epoch)) for task in tasks}
        return {id: now for id, now in found.items() if now is not None}

    def follow(self, tasks: Iterable[mission_pb2.TaskView]) -> None:
        """These are shown: begin with the attempts that are at work by now, end with the others."""
        wanted = {
            (task.task_id, task.epoch)
            for task in tasks
            if task.status in AT_WORK and task.kind in PRINTING
        }
        for key in [key for key in self._followed if key not in wanted]:
            self._followed.pop(key).cancel()
            self._now.pop(key, None)
        for key in sorted(wanted - self._followed.keys()):
            if len(self._followed) < FOLLOWED:
                self._followed[key] = asyncio.create_task(self._hear(*key))

    async def end(self) -> None:
        for following in self._followed.values():
            following.cancel()
        await asyncio.gather(*self._followed.values(), return_exceptions=True)

    async def _hear(self, task_id: str, epoch: int) -> None:
        activity, key = Activity(), (task_id, epoch)
        # What cannot be followed is not shown; the mission itself is followed elsewhere.
        with contextlib.suppress(HiveError):
            async for answer in self._hive.logs(task_id, follow=True, from_epoch=epoch):
                if answer.epoch != epoch:
                    return
                if not answer.HasField("piece"):
                    continue
                activity.take(answer.piece)
                if self._now.get(key) != activity.now:
                    self._now[key] = activity.now
                    self.changed.set()


@contextlib.asynccontextmanager
async def following(hive: Hive) -> AsyncIterator[Activities]:
    activities = Activities(hive)
    try:
        yield activities
    finally:
        await activities.end()
