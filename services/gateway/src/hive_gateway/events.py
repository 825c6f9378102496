# ruff: noqa: N802  # methods are named by the interface
"""EventService: the record, in pages and as a stream."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from hive_contracts.envelope import Recorded
from hive_contracts.v1 import event_pb2, event_pb2_grpc
from hive_gateway.filters import Filter
from hive_gateway.live import Live, OtherHistory
from hive_gateway.refusals import Refusal
from hive_gateway.resume import Place, ResumeTokens
from hive_gateway.views.reader import ViewsReader
from hive_shared.eventstore.port import EventStore, Head

SCAN_PAGE: Final = 1000
SCAN_PAGES: Final = 20
"""Pages of the record that one Read looks through, at most."""
PAGE: Final = 256
"""Events that a subscriber takes at once."""
PROGRESS_SECONDS: Final = 1.0
"""A subscriber whose filter lets nothing through gets a fresh token this often, at most."""


def event_message(event: Recorded) -> event_pb2.Event:
    message = event_pb2.Event(
        position=event.position,
        stream=event.stream,
        version=event.version,
        id=event.id,
        type=event.type,
        data=event.data,
        recorded_at=timestamp(event),
    )
    meta = message.meta
    meta.correlation = event.meta.correlation
    meta.causation = event.meta.causation
    meta.actor = event.meta.actor
    meta.traceparent = event.meta.traceparent
    meta.schema = event.meta.schema
    return message


def timestamp(event: Recorded) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(event.recorded_at)
    return moment


class Events(event_pb2_grpc.EventServiceServicer):
    def __init__(
        self, store: EventStore, live: Live, views: ViewsReader, tokens: ResumeTokens
    ) -> None:
        self._store = store
        self._live = live
        self._views = views
        self._tokens = tokens

    async def Read(
        self,
        request: event_pb2.ReadRequest,
        context: aio.ServicerContext[Any, Any],
    ) -> event_pb2.ReadResponse:
        if not 0 <= request.limit <= SCAN_PAGE:
            raise Refusal("invalid", f"limit is 1 to {SCAN_PAGE}, or 0 for 100", "limit")
        limit = request.limit or 100
        filter, begin = await self._filter(request.filter)
        head = await self._store.head()
        response = event_pb2.ReadResponse(
            next=max(request.after, begin), head=head.position, log_id=head.log_id
        )
        for _ in range(SCAN_PAGES):
            page = await self._page(filter, response.next)
            for event in page:
                if filter.matches(event):
                    response.events.append(event_message(event))
                response.next = event.position
                if len(response.events) == limit:
                    return response
            if len(page) < SCAN_PAGE:
                response.next = max(response.next, head.position)
                break
        return response

    async def _page(self, filter: Filter, after: int) -> list[Recorded]:
        categories = filter.categories or {s.partition("-")[0] for s in filter.streams}
        if len(categories) == 1:
            [category] = categories
            return await self._store.read_category(category, after, SCAN_PAGE)
        return await self._store.read_all(after, SCAN_PAGE)

    async def Subscribe(
        self,
        request: event_pb2.SubscribeRequest,
        context: aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[event_pb2.SubscribeResponse]:
        filter, begin = await self._filter(request.filter)
        with self._live.followed():
            head = await self._live.head()
            start = max(begin, self._start(request, filter, head))
            follower = _Follower(self._store, self._live, filter, head.log_id, start)
            try:
                async for position, event in follower.deliveries():
                    place = Place(head.log_id, position, filter.digest())
                    yield event_pb2.SubscribeResponse(
                        event=None if event is None else event_message(event),
                        resume_token=self._tokens.seal(place),
                        log_id=head.log_id,
                        head=max(self._live.last, position),
                    )
            except OtherHistory:
                raise _other_history(await self._store.head()) from None

    def _start(self, request: event_pb2.SubscribeRequest, filter: Filter, head: Head) -> int:
        """The position after which to begin. Raises Refusal."""
        if request.resume_token:
            place = self._tokens.open(request.resume_token)
            if place.filter != filter.digest():
                raise Refusal(
                    "invalid",
                    "the resume token belongs to another filter",
                    "resume_token",
                    "resume with the filter that the stream was begun with",
                )
            if place.log_id != head.log_id or place.position > head.position:
                raise _other_history(head)
            return place.position
        if request.WhichOneof("start") == "live":
            return head.position if request.live else 0
        if request.after > head.position:
            raise Refusal(
                "beyond-head",
                f"the record ends at position {head.position}, before {request.after}",
                "after",
                head=head.position,
                log_id=head.log_id,
            )
        return request.after

    async def _filter(self, message: event_pb2.EventFilter) -> tuple[Filter, int]:
        """The filter, and a position before which nothing matches it. Raises Refusal."""
        mission_id, begin = "", 0
        if message.mission:
            mission = await self._views.find(message.mission)
            mission_id, begin = mission.mission_id, mission.position - 1
        filter = Filter(
            categories=frozenset(message.categories),
            streams=frozenset(message.streams),
            types=frozenset(message.types),
            mission_id=mission_id,
        )
        return filter, begin


class _Follower:
    """One subscriber's way through the log: a position, and nothing else that could grow."""

    def __init__(
        self, store: EventStore, live: Live, filter: Filter, log_id: str, after: int
    ) -> None:
        self._store = store
        self._live = live
        self._filter = filter
        self._log_id = log_id
        self._position = after
        self._told = -1
        self._told_at = 0.0

    async def deliveries(self) -> AsyncIterator[tuple[int, Recorded | None]]:
        """Matching events with their positions; None where only the position moved on.

        Raises OtherHistory, and what the store raises.
        """
        while True:
            page = await self._next_page()
            for event in page:
                self._position = event.position
                if self._filter.matches(event):
                    self._tell()
                    yield event.position, event
            caught_up = self._position >= self._live.last
            if self._told < self._position and (caught_up or self._is_due()):
                self._tell()
                yield self._position, None
            if caught_up:
                await self._live.wait(self._log_id, self._position)

    async def _next_page(self) -> list[Recorded]:
        if self._live.log_id != self._log_id:
            raise OtherHistory(self._live.log_id)
        page = self._live.after(self._position, PAGE)
        if page is not None:
            return page
        page = await self._store.read_all(self._position, PAGE)
        if not page:
            # The ring knows of later events, so the record that has none is another one.
            raise OtherHistory(self._live.log_id)
        return page

    def _tell(self) -> None:
        self._told = self._position
        self._told_at = asyncio.get_running_loop().time()

    def _is_due(self) -> bool:
        return asyncio.get_running_loop().time() - self._told_at >= PROGRESS_SECONDS


def _other_history(head: Head) -> Refusal:
    return Refusal(
        "other-history",
        "the record was restored: this position belongs to another history",
        "resume_token",
        f"subscribe anew, from position {head.position} or from the beginning",
        head=head.position,
        log_id=head.log_id,
    )
