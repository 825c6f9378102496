# ruff: noqa: N802  # methods are named by the interface
"""RunnerService.Session: a runner's beats and reports up, its orders and receipts down.

    runner ──beat, reports──▶ gateway ──reports, then the beat──▶ orchestrator
       ◀──orders, receipts──        ◀──answers, orders──────────      │
                                    ◀──hint "orders changed"──────────┘
                                    (the last beat is sent again on the runner's behalf)

Beats of a session are asked one after another: an answer that overtook a later one would stop what
the later one had begun. A beat is repeated for a runner only while the runner itself is heard, or a
runner that is gone would seem alive for as long as anything happened to its tasks.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

import msgspec
from grpc import aio

from hive_contracts.heartbeat import Counted, Handled, RunnerHeard, SilentAttempt
from hive_contracts.ids import is_id
from hive_contracts.orders import Beat, Orders
from hive_contracts.submit import Submission
from hive_contracts.v1 import runner_pb2, runner_pb2_grpc
from hive_contracts.wire import Misfit, from_proto, to_proto
from hive_gateway.door import Call, current_call
from hive_gateway.logs.tails import Tails
from hive_gateway.refusals import Refusal
from hive_gateway.reports import by_task, command_of, receipt_of, refused
from hive_gateway.runner_counts import handled, nearest_to_their_end, silent, tokens
from hive_gateway.submitter import Submitter, Unanswered
from hive_gateway.transfer import ArtifactTransfer
from hive_gateway.views.reader import ViewsReader
from hive_shared.telemetry import span

REPORT_SECONDS: Final = 10.0
"""How long an answer to a report is waited for; the runner sends it again."""
HEARD_BEATS: Final = 3
"""Beats that may be missing before a runner is no longer spoken for."""
MAX_ASKED: Final = 1000
"""Tasks in one AskReleases."""
BEAT_SECONDS: Final = 2.0
"""Between two beats of a runner, until its orders say otherwise."""
OUTBOX: Final = 16
"""Answers that wait for a runner that does not read; then it is not read either."""


class Beats(Protocol):
    async def beat(self, beat: Beat) -> Orders:
        """Raises Unanswered."""
        ...


class _Session:
    """One open stream of a runner."""

    def __init__(self, beats: Beats, submitter: Submitter, call: Call) -> None:
        self._beats = beats
        self._submitter = submitter
        self._call = call
        self._last: Beat | None = None
        self._handled: tuple[Handled, ...] = ()
        self._tokens: tuple[Counted, ...] = ()
        self._silent: tuple[SilentAttempt, ...] = ()
        self._heard_at = 0.0
        self._every = 0.0
        self._offered: dict[tuple[str, int], float] = {}
        """Since when each epoch has been sent to it that it does not hold."""
        self._asking = asyncio.Lock()
        self._hinted = asyncio.Event()
        self.outbox: asyncio.Queue[runner_pb2.SessionResponse] = asyncio.Queue(OUTBOX)

    @property
    def runner_id(self) -> str:
        return self._last.runner_id if self._last else ""

    def hear(self, request: runner_pb2.SessionRequest) -> bool:
        """Take note of the runner's state; is there any? Raises Refusal."""
        if not request.HasField("beat"):
            return False
        beat = _beat_of(request.beat)
        if self._last is not None and beat.runner_id != self._last.runner_id:
            raise Refusal("invalid", "a session is that of one runner", "beat.runner_id")
        if beat.handlers or beat.tokens:
            self._handled, self._tokens = handled(beat), tokens(beat)
            self._silent = silent(beat)
            beat = msgspec.structs.replace(beat, handlers=(), tokens=(), silent=())
        self._last = beat
        self._heard_at = asyncio.get_running_loop().time()
        return True

    async def answer(self, request: runner_pb2.SessionRequest, *, beat: bool) -> None:
        receipts = await self._report(list(request.reports))
        orders = await self._ask() if beat else None
        if orders is not None or receipts:
            response = runner_pb2.SessionResponse(receipts=receipts, orders=orders)
            await self.outbox.put(response)

    def hint(self) -> None:
        self._hinted.set()

    async def follow_hints(self) -> None:
        """Until cancelled: fetch the orders when they have changed."""
        while True:
            await self._hinted.wait()
            self._hinted.clear()
            silent = asyncio.get_running_loop().time() - self._heard_at
            if silent <= HEARD_BEATS * self._every and (orders := await self._ask()) is not None:
                await self.outbox.put(runner_pb2.SessionResponse(orders=orders))

    async def _ask(self) -> runner_pb2.Orders | None:
        """The orders of the hive; None where it did not answer."""
        async with self._asking:
            assert self._last is not None
            try:
                orders = await self._beats.beat(self._last)
            except Unanswered:
                return None
        self._every = orders.beat_seconds
        self._note_offers(orders)
        return to_proto(orders, runner_pb2.Orders)

    def heard(self, now: float) -> RunnerHeard | None:
        """The runner as it is known here, at a moment of the loop's clock; None before a beat."""
        if (beat := self._last) is None:
            return None
        offered = min(self._offered.values(), default=now)
        return RunnerHeard(
            runner_id=beat.runner_id,
            session_id=beat.session_id,
            name=beat.name,
            slots=beat.slots,
            heard_s_ago=round(now - self._heard_at, 3),
            every_s=self._every or BEAT_SECONDS,
            working=len(beat.holding),
            agents=beat.agents,
            closed=beat.closed,
            draining=beat.draining,
            deaf_s=round(now - offered, 3),
            handlers=self._handled,
            tokens=self._tokens,
            silent=self._silent,
        )

    def _note_offers(self, orders: Orders) -> None:
        now = asyncio.get_running_loop().time()
        offered = [(lease.task.task_id, lease.epoch) for lease in orders.leases]
        self._offered = {epoch: self._offered.get(epoch, now) for epoch in offered}

    async def _report(self, reports: list[runner_pb2.Report]) -> list[runner_pb2.Receipt]:
        taken = await asyncio.gather(*map(self._report_in_order, by_task(reports)))
        return [receipt for receipts in taken for receipt in receipts]

    async def _report_in_order(self, reports: list[runner_pb2.Report]) -> list[runner_pb2.Receipt]:
        """What is refused needs no answer of the hive; the others take effect in their order."""
        receipts: dict[str, runner_pb2.Receipt | None] = {}
        submissions: list[tuple[runner_pb2.Report, Submission]] = []
        with contextlib.ExitStack() as spans:
            for report in reports:
                kind = report.WhichOneof("report") or "nothing"
                step = spans.enter_context(span(f"gateway report {kind}", report.traceparent))
                try:
                    command = command_of(report)
                except Misfit as misfit:
                    receipts[report.command_id] = refused(report, Refusal("invalid", str(misfit)))
                except Refusal as refusal:
                    receipts[report.command_id] = refused(report, refusal)
                else:
                    actor = self._call.caller.actor
                    id, trace = report.command_id, step.traceparent
                    submissions.append((report, Submission(id, actor, command, trace)))
            said = await self._submitter.submit_in_order(
                [submission for _, submission in submissions], REPORT_SECONDS
            )
        for (report, _), answer in zip(submissions, said, strict=True):
            receipts[report.command_id] = receipt_of(report, answer)
        told: list[runner_pb2.Receipt] = []
        for report in reports:
            if (receipt := receipts[report.command_id]) is None:
                break  # the runner sends it again, and what follows it
            told.append(receipt)
        return told


class Runners(runner_pb2_grpc.RunnerServiceServicer):
    """RunnerService: the sessions that are open here, and artifacts."""

    def __init__(
        self,
        beats: Beats,
        submitter: Submitter,
        artifacts: ArtifactTransfer,
        tails: Tails,
        views: ViewsReader,
    ) -> None:
        self._beats = beats
        self._submitter = submitter
        self._artifacts = artifacts
        self._tails = tails
        self._views = views
        self._sessions: dict[str, set[_Session]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def heard(self) -> list[RunnerHeard]:
        """Each runner once; of several sessions of one, that which was heard last."""
        now = asyncio.get_running_loop().time()
        found: list[RunnerHeard] = []
        for sessions in self._sessions.values():
            known = [heard for session in sessions if (heard := session.heard(now)) is not None]
            found += sorted(known, key=lambda heard: heard.heard_s_ago)[:1]
        return nearest_to_their_end(found)

    def hinted(self, runner_id: str) -> None:
        """This runner's orders have changed."""
        for session in self._sessions.get(runner_id, ()):
            session.hint()

    async def Session(
        self,
        request_iterator: AsyncIterator[runner_pb2.SessionRequest],
        context: aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[runner_pb2.SessionResponse]:
        session = _Session(self._beats, self._submitter, current_call())
        reading = asyncio.create_task(self._read(session, request_iterator))
        following = asyncio.create_task(session.follow_hints())
        try:
            while True:
                getting = asyncio.ensure_future(session.outbox.get())
                await asyncio.wait(
                    {getting, reading, following}, return_when=asyncio.FIRST_COMPLETED
                )
                if not getting.done():
                    getting.cancel()
                    break
                yield getting.result()
            while not session.outbox.empty():
                yield session.outbox.get_nowait()
            for ended in (task for task in (reading, following) if task.done()):
                ended.result()
        finally:
            self._forget(session)
            for task in (reading, following):
                task.cancel()
            await asyncio.gather(reading, following, return_exceptions=True)

    async def PutArtifact(
        self,
        request_iterator: AsyncIterator[runner_pb2.PutArtifactRequest],
        context: aio.ServicerContext[Any, Any],
    ) -> runner_pb2.PutArtifactResponse:
        return await self._artifacts.put(request_iterator)

    def GetArtifact(
        self,
        request: runner_pb2.GetArtifactRequest,
        context: aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[runner_pb2.GetArtifactResponse]:
        return self._artifacts.get(request.digest)

    async def AskReleases(
        self,
        request: runner_pb2.AskReleasesRequest,
        context: aio.ServicerContext[Any, Any],
    ) -> runner_pb2.AskReleasesResponse:
        if len(request.task_ids) > MAX_ASKED:
            raise Refusal("invalid", f"{len(request.task_ids)} tasks, {MAX_ASKED} at most")
        found = await self._views.releases(request.task_ids)
        return runner_pb2.AskReleasesResponse(
            tasks=[to_proto(release, runner_pb2.TaskRelease) for release in found]
        )

    async def _read(
        self, session: _Session, requests: AsyncIterator[runner_pb2.SessionRequest]
    ) -> None:
        async for request in requests:
            self._tails.take(request.output)
            beat = session.hear(request)
            if beat:
                self._sessions.setdefault(session.runner_id, set()).add(session)
            await session.answer(request, beat=beat)

    def _forget(self, session: _Session) -> None:
        with contextlib.suppress(KeyError):
            sessions = self._sessions[session.runner_id]
            sessions.discard(session)
            if not sessions:
                del self._sessions[session.runner_id]


def _beat_of(message: runner_pb2.Beat) -> Beat:
    """Raises Refusal."""
    try:
        beat = from_proto(message, Beat)
    except Misfit as misfit:
        seen = misfit.within("beat")
        raise Refusal("invalid", str(seen), seen.where) from None
    for where, id in (("runner_id", beat.runner_id), ("session_id", beat.session_id)):
        if not is_id(id):
            raise Refusal("invalid", f"{id[:80]!r} is no id", f"beat.{where}")
    return beat
