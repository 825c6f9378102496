"""Reads what the record says of a mission."""

from typing import Final

from hive_contracts.codec import AnyEvent, decode
from hive_contracts.subjects import stream_name
from hive_github.pulls.story import Story, tell, work_tasks
from hive_shared.eventstore.port import EventStore

PAGE: Final = 1000


async def story_of(store: EventStore, mission_id: str) -> tuple[Story | None, str]:
    """A mission's story with the trace context of its launch. Raises StoreError, UnknownEvent."""
    mission, traceparent = await _stream(store, "mission", mission_id)
    tasks = {id: (await _stream(store, "task", id))[0] for id in work_tasks(mission)}
    return tell(mission, tasks), traceparent


async def standing_of(store: EventStore, mission_id: str) -> tuple[Story | None, str]:
    """The same of the mission's own stream alone: nothing of its tasks."""
    mission, traceparent = await _stream(store, "mission", mission_id)
    return tell(mission, {}), traceparent


async def _stream(store: EventStore, category: str, id: str) -> tuple[list[AnyEvent], str]:
    events: list[AnyEvent] = []
    version, traceparent = 0, ""
    while page := await store.read_stream(stream_name(category, id), version, PAGE):
        traceparent = traceparent or page[0].meta.traceparent
        events += map(decode, page)
        version = page[-1].version
        if len(page) < PAGE:
            break
    return events, traceparent
