"""Following one mission as it changes.

    projection ──committed batch──▶ inbox of each watcher of a mission in it
                                        │
                     view of the mission and of the tasks that changed ──▶ one message an event

An inbox is bounded: a watcher that falls behind loses the events, and is sent the whole mission as
it stands.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from hive_contracts.codec import decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.mission import BranchAdvanced
from hive_contracts.v1 import mission_pb2
from hive_gateway.events import event_message
from hive_gateway.refusals import Refusal
from hive_gateway.views.messages import mission_message
from hive_gateway.views.reader import ViewsReader
from hive_shared.projection import Committed, Progress

INBOX_EVENTS: Final = 1024


class _Inbox:
    """What one watcher has not been sent yet."""

    def __init__(self, mission_id: str) -> None:
        self.mission_id = mission_id
        self.overflown = False
        self.other_history = False
        self._events: list[Recorded] = []
        self._news = asyncio.Event()

    def put(self, event: Recorded) -> None:
        if len(self._events) == INBOX_EVENTS:
            self.overflown = True
            self._events.clear()
        self._events.append(event)
        self._news.set()

    def end(self) -> None:
        self.other_history = True
        self._news.set()

    async def take(self) -> list[Recorded]:
        await self._news.wait()
        self._news.clear()
        events, self._events = self._events, []
        return events


class Watchers:
    """All watchers of this gateway."""

    def __init__(self, views: ViewsReader, progress: Progress) -> None:
        self._views = views
        self._log_id = ""
        self._inboxes: dict[str, set[_Inbox]] = {}
        progress.follow(self._committed)

    def __len__(self) -> int:
        return sum(map(len, self._inboxes.values()))

    async def watch(self, mission_id: str) -> AsyncIterator[mission_pb2.WatchResponse]:
        """The mission as it is, then each change with its event, until the mission has ended.

        Beside an event are the tasks that it and its neighbours changed. Raises Refusal.
        """
        with self._inbox(mission_id) as inbox:
            view = await self._views.mission(mission_id)
            yield mission_pb2.WatchResponse(mission=mission_message(view), position=view.position)
            sent = view.position
            while view.mission.ended_at is None:
                events = [event for event in await inbox.take() if event.position > sent]
                if inbox.other_history:
                    raise Refusal("other-history", "the record was restored", remedy="watch again")
                if inbox.overflown:
                    inbox.overflown = False
                    view = await self._views.mission(mission_id)
                    sent = view.position
                    yield mission_pb2.WatchResponse(mission=mission_message(view), position=sent)
                    continue
                if not events:
                    continue
                view = await self._views.mission(mission_id, _tasks_of(events))
                message = mission_message(view)
                for event in events:
                    sent = event.position
                    yield mission_pb2.WatchResponse(
                        mission=message, event=event_message(event), position=sent
                    )

    @contextlib.contextmanager
    def _inbox(self, mission_id: str) -> Iterator[_Inbox]:
        inbox = _Inbox(mission_id)
        self._inboxes.setdefault(mission_id, set()).add(inbox)
        try:
            yield inbox
        finally:
            self._inboxes[mission_id].discard(inbox)
            if not self._inboxes[mission_id]:
                del self._inboxes[mission_id]

    def _committed(self, committed: Committed) -> None:
        if committed.log_id != self._log_id:
            self._log_id, restored = committed.log_id, bool(self._log_id)
            if restored:
                for inboxes in self._inboxes.values():
                    for inbox in inboxes:
                        inbox.end()
        if not self._inboxes:
            return
        for event in committed.events:
            for inbox in self._inboxes.get(event.meta.correlation, ()):
                inbox.put(event)


def _tasks_of(events: list[Recorded]) -> list[str]:
    """Tasks whose rows these events changed."""
    return [id for event in events if (id := _task_of(event))]


def _task_of(event: Recorded) -> str:
    category, _, id = event.stream.partition("-")
    if category == "task":
        return id
    if event.type == BranchAdvanced.__name__:
        moved = decode_known(event)
        return moved.task_id if isinstance(moved, BranchAdvanced) else ""
    return ""
