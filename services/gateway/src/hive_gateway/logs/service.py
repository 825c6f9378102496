# ruff: noqa: N802  # methods are named by the interface
"""LogService: a task's output, epoch after epoch.

    task's stream ──history──▶ epochs ─┬─ goes on ──▶ tail in Redis, polled ──┐
         ▲                             └─ has ended ─▶ artifacts, then tails ─┴─▶ caller
         └── read again when the projection has news of the task, and now and then

An epoch that goes on is told live. When it has ended, what the tail lacked comes from the artifact,
so the caller has all of it, whatever became of Redis meanwhile. Of an epoch that left no artifact
(its runner was killed) the tail is told, as far as it is there.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from grpc import aio

from hive_contracts.codec import decode_known
from hive_contracts.ids import is_id
from hive_contracts.plan import ArtifactRef
from hive_contracts.task import AnyTaskEvent
from hive_contracts.v1 import log_pb2, log_pb2_grpc
from hive_gateway.logs.history import Epoch, History, history
from hive_gateway.logs.news import TaskNews
from hive_gateway.logs.tails import BEGINNING, PAGE, Entry, Tails, TailsAway
from hive_gateway.logs.telling import Telling
from hive_gateway.refusals import Refusal
from hive_gateway.retention.sweep import Deleted, deleted_on
from hive_shared.artifacts import ArtifactError, ArtifactMissing, Artifacts
from hive_shared.clock import Clock
from hive_shared.eventstore.port import EventStore
from hive_shared.wake import Wake

POLL_SECONDS: Final = 0.2
"""Between two looks at a tail that had nothing new."""
NEWS_SECONDS: Final = 5.0
"""Between two looks at the record, though there was no news."""
EVENTS: Final = 1000
"""Of a task, that are read at once."""

Responses = AsyncIterator[log_pb2.LogsResponse]


class Logs(log_pb2_grpc.LogServiceServicer):
    def __init__(
        self,
        store: EventStore,
        news: TaskNews,
        tails: Tails,
        artifacts: Artifacts,
        deleted: Deleted,
        clock: Clock,
    ) -> None:
        self._store = store
        self._news = news
        self._tails = tails
        self._artifacts = artifacts
        self._deleted = deleted
        self._clock = clock

    async def Logs(
        self, request: log_pb2.LogsRequest, context: aio.ServicerContext[Any, Any]
    ) -> Responses:
        if not is_id(request.task_id):
            raise Refusal("invalid", f"{request.task_id[:80]!r} is no id", "task_id")
        for where, number in (("attempt", request.attempt), ("from_epoch", request.from_epoch)):
            if number < 0:
                raise Refusal("invalid", f"{number} is below 0", where)
        with self._news.of(request.task_id) as news:
            async for response in self._epochs(request, news):
                yield response

    async def _epochs(self, request: log_pb2.LogsRequest, news: Wake) -> Responses:
        told = request.from_epoch - 1
        while True:
            known = await self._history(request.task_id)
            epoch = next((epoch for epoch in known.epochs if epoch.epoch > told), None)
            if epoch is not None:
                told = epoch.epoch
                if request.attempt in (0, epoch.attempt):
                    async for response in self._epoch(request, epoch, news):
                        yield response
                continue
            attempt_over = 0 < request.attempt <= known.counted
            if not request.follow or known.over or attempt_over:
                return
            await news.wait(NEWS_SECONDS)

    async def _epoch(self, request: log_pb2.LogsRequest, epoch: Epoch, news: Wake) -> Responses:
        telling = Telling(epoch.epoch)
        begun = log_pb2.LogBegun(attempt=epoch.attempt, step=epoch.step, runner_id=epoch.runner_id)
        yield log_pb2.LogsResponse(epoch=epoch.epoch, begun=begun)
        if epoch.outcome:
            for response in await self._left(request.task_id, epoch, telling):
                yield response
        else:
            live = _Live(self._tails, request.task_id, epoch.epoch, telling)
            async for response in live.read():
                yield response
            looked = self._clock.monotonic()
            while request.follow and not epoch.outcome:
                told = await news.wait(POLL_SECONDS)
                if told or self._clock.monotonic() - looked > NEWS_SECONDS:
                    epoch = await self._again(request.task_id, epoch)
                    looked = self._clock.monotonic()
                # Once more when it has ended: its last words may have come meanwhile.
                async for response in live.read():
                    yield response
            if not epoch.outcome:
                return
        for output, ref in epoch.kept:
            async for response in self._kept(output, ref, telling):
                yield response
        for response in telling.lost():
            yield response
        ended = log_pb2.LogEnded(outcome=epoch.outcome, detail=epoch.detail)
        yield log_pb2.LogsResponse(epoch=epoch.epoch, ended=ended)

    async def _left(
        self, task_id: str, epoch: Epoch, telling: Telling
    ) -> list[log_pb2.LogsResponse]:
        """What only the tail has of an epoch that ended before anybody asked."""
        try:
            entries = await self._tail(task_id, epoch.epoch)
        except TailsAway:
            entries = []
        kept = {output for output, _ in epoch.kept}
        told: list[log_pb2.LogsResponse] = []
        for entry in entries:
            if entry.output.partition(".")[0] not in kept:
                told += telling.live(entry.output, entry.offset, entry.piece)
        if not epoch.kept and not told and epoch.outcome == "lost":
            told.append(_note(epoch.epoch, "nothing is left of what this attempt printed"))
        return told

    async def _tail(self, task_id: str, epoch: int) -> list[Entry]:
        found: list[Entry] = []
        after = BEGINNING
        while page := await self._tails.read(task_id, epoch, after):
            found += page
            after = page[-1].id
            if len(page) < PAGE:
                break
        return found

    async def _kept(self, output: str, ref: ArtifactRef, telling: Telling) -> Responses:
        kept = telling.kept(output)
        try:
            with await asyncio.to_thread(self._artifacts.reader, ref.digest) as reader:
                while piece := await asyncio.to_thread(reader.read):
                    for response in kept.next(piece):
                        yield response
        except ArtifactMissing as error:
            moment = await self._deleted.at(ref.digest)
            why = f"cannot be read: {error}" if moment is None else f"was {deleted_on(moment)}"
            yield _note(telling.epoch, f"{output} {why}")
        except (ArtifactError, OSError) as error:
            yield _note(telling.epoch, f"the rest of {output} cannot be read: {error}")

    async def _again(self, task_id: str, epoch: Epoch) -> Epoch:
        """The same epoch as it is now. Raises Refusal where the record was put back before it."""
        found = (await self._history(task_id)).epoch(epoch.epoch)
        if found is None:
            raise Refusal("other-history", "the record was restored", remedy="ask again")
        return found

    async def _history(self, task_id: str) -> History:
        """Raises Refusal where there is no such task, StoreError."""
        events: list[AnyTaskEvent] = []
        after = 0
        while True:
            page = await self._store.read_stream(f"task-{task_id}", after, EVENTS)
            known = (decode_known(recorded) for recorded in page)
            events += [event for event in known if isinstance(event, AnyTaskEvent)]
            if len(page) < EVENTS:
                break
            after = page[-1].version
        if not events:
            raise Refusal("not-found", f"there is no task {task_id}", "task_id")
        return history(events)


class _Live:
    """One attempt's tail, as far as one caller has read it."""

    def __init__(self, tails: Tails, task_id: str, epoch: int, telling: Telling) -> None:
        self._tails = tails
        self._task_id = task_id
        self._epoch = epoch
        self._telling = telling
        self._after = BEGINNING
        self._is_away = False

    async def read(self) -> Responses:
        """What has come since the last time; a note where there is nothing to read from."""
        while True:
            try:
                page = await self._tails.read(self._task_id, self._epoch, self._after)
            except TailsAway as away:
                if not self._is_away:
                    self._is_away = True
                    yield _note(
                        self._epoch, f"no live output ({away}); it comes when the attempt has ended"
                    )
                return
            self._is_away = False
            for entry in page:
                self._after = entry.id
                for response in self._telling.live(entry.output, entry.offset, entry.piece):
                    yield response
            if len(page) < PAGE:
                return


def _note(epoch: int, text: str) -> log_pb2.LogsResponse:
    return log_pb2.LogsResponse(epoch=epoch, note=text)
