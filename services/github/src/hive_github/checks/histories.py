"""The record of missions as checks are told from it: read once, and then only what is new.

A mission of many tasks changes often; to read all of it each time would cost more each time.
"""

from collections import OrderedDict
from typing import Final

from hive_contracts.codec import AnyEvent, decode
from hive_contracts.subjects import stream_name
from hive_github.checks.branch import planned_tasks
from hive_shared.eventstore.port import EventStore

PAGE: Final = 1000
REMEMBERED: Final = 2_000
"""Streams."""


class Histories:
    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._read: OrderedDict[str, tuple[int, list[AnyEvent]]] = OrderedDict()

    async def mission(self, mission_id: str) -> list[AnyEvent]:
        """Raises StoreError, UnknownEvent."""
        return await self._stream("mission", mission_id)

    async def task(self, task_id: str) -> list[AnyEvent]:
        """Raises StoreError, UnknownEvent."""
        return await self._stream("task", task_id)

    async def tasks(self, mission: list[AnyEvent]) -> dict[str, list[AnyEvent]]:
        """Of work and of gates. Raises StoreError, UnknownEvent."""
        return {id: await self.task(id) for id in planned_tasks(mission)}

    async def _stream(self, category: str, id: str) -> list[AnyEvent]:
        stream = stream_name(category, id)
        version, events = self._read.get(stream, (0, []))
        while page := await self._store.read_stream(stream, version, PAGE):
            # A list of its own: whoever was given the former one may still read it.
            events = [*events, *map(decode, page)]
            version = page[-1].version
            if len(page) < PAGE:
                break
        self._read[stream] = (version, events)
        self._read.move_to_end(stream)
        if len(self._read) > REMEMBERED:
            self._read.popitem(last=False)
        return events
