"""A hive of one process for runners: the real gRPC service, orders and receipts as a test says."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from grpc import StatusCode, aio

from hive_contracts.orders import Beat, Holding, Lease, Orders, TaskRelease
from hive_contracts.outcome import (
    Failure,
    GatesRun,
    HandedOver,
    ItemsListed,
    MergeDone,
    WorkDone,
)
from hive_contracts.v1 import runner_pb2, runner_pb2_grpc
from hive_contracts.wire import from_proto, to_proto

TOKEN = "a-token-of-a-runner"
OUTCOMES: dict[str, type[msgspec.Struct]] = {
    "work": WorkDone,
    "merge": MergeDone,
    "items": ItemsListed,
    "gates": GatesRun,
    "failure": Failure,
    "handover": HandedOver,
}


Responses = asyncio.Queue[runner_pb2.SessionResponse | None]
"""On their way to one runner; None cuts its stream."""


class Hive(runner_pb2_grpc.RunnerServiceServicer):
    """Leases what it was told to, and takes what is reported."""

    def __init__(self) -> None:
        self.leases: dict[tuple[str, int], Lease] = {}
        """What the runner should be working on."""
        self.hand_over: set[tuple[str, int]] = set()
        """What it should hand over to a person."""
        self.beats: list[Beat] = []
        self.reports: list[runner_pb2.Report] = []
        """In the order of their arrival, repetitions included."""
        self.taken: dict[str, runner_pb2.Report] = {}
        """By command id, once answered."""
        self.output: list[list[runner_pb2.OutputPiece]] = []
        """What was sent of commands' output, each message for itself."""
        self.artifacts: dict[str, bytes] = {}
        self.refuse: Callable[[runner_pb2.Report], str] = lambda report: ""
        """Why a report is refused; empty where it is taken."""
        self.answering = True
        """Whether reports get receipts."""
        self.twice = False
        """Whether all orders are sent twice, whole leases each time."""
        self.ordering = True
        """Whether beats get orders."""
        self.releases: list[TaskRelease] = []
        """What runners may let go."""
        self.sessions = 0
        self.port = 0
        self._changed = asyncio.Condition()
        self._open: set[Responses] = set()
        self._server: aio.Server | None = None

    async def AskReleases(  # noqa: N802
        self, request: runner_pb2.AskReleasesRequest, context: Any
    ) -> runner_pb2.AskReleasesResponse:
        told = [release for release in self.releases if release.task_id in request.task_ids]
        return runner_pb2.AskReleasesResponse(
            tasks=[to_proto(release, runner_pb2.TaskRelease) for release in told]
        )

    async def start(self) -> None:
        """Begin to serve, on the same port as before."""
        self._server = aio.server()
        runner_pb2_grpc.add_RunnerServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        """Break all streams and be gone."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(0)

    async def cut(self) -> None:
        """Break the streams that are open."""
        for responses in self._open:
            responses.put_nowait(None)

    async def lease(self, *leases: Lease) -> None:
        for lease in leases:
            self.leases[lease.task.task_id, lease.epoch] = lease
        self._send_orders()

    async def drop(self, lease: Lease) -> None:
        """Let no order name it any more."""
        del self.leases[lease.task.task_id, lease.epoch]
        self._send_orders()

    async def take(self, lease: Lease) -> None:
        """A person has its task: every order asks for a handover, until it is reported."""
        self.hand_over.add((lease.task.task_id, lease.epoch))
        self.leases.pop((lease.task.task_id, lease.epoch), None)
        self._send_orders()

    async def until(self, condition: Callable[[], Any], seconds: float = 20) -> Any:
        """Wait until something that the runner says makes it true. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._changed:
            return await self._changed.wait_for(condition)

    def outcomes(self, lease: Lease) -> list[Any]:
        """What was reported of an epoch and taken, begin and end."""
        key = (lease.task.task_id, lease.epoch)
        return [
            outcome_of(report)
            for report in self.taken.values()
            if (report.task_id, report.epoch) == key
        ]

    async def outcome(self, lease: Lease, seconds: float = 20) -> Any:
        """How an epoch ended."""
        await self.until(lambda: len(self.outcomes(lease)) == 2, seconds)
        begun, ended = self.outcomes(lease)
        assert begun == "started"
        return ended

    def holding(self) -> dict[tuple[str, int], str]:
        """What the runner said last that it holds."""
        held = self.beats[-1].holding if self.beats else ()
        return {(one.task_id, one.epoch): one.state for one in held}

    async def Session(  # noqa: N802
        self, request_iterator: AsyncIterator[runner_pb2.SessionRequest], context: Any
    ) -> AsyncIterator[runner_pb2.SessionResponse]:
        await self._authenticate(context)
        self.sessions += 1
        responses: Responses = asyncio.Queue()
        self._open.add(responses)
        reading = asyncio.create_task(self._read(request_iterator, responses))
        try:
            while (response := await responses.get()) is not None:
                yield response
            await context.abort(StatusCode.UNAVAILABLE, "the stream was cut")
        finally:
            self._open.discard(responses)
            reading.cancel()

    async def PutArtifact(  # noqa: N802
        self, request_iterator: AsyncIterator[runner_pb2.PutArtifactRequest], context: Any
    ) -> runner_pb2.PutArtifactResponse:
        await self._authenticate(context)
        requests = [request async for request in request_iterator]
        content = b"".join(request.piece for request in requests)
        ref = requests[0].ref
        assert (ref.digest, ref.size) == (hashlib.sha256(content).hexdigest(), len(content))
        self.artifacts[ref.digest] = content
        return runner_pb2.PutArtifactResponse(stored=True)

    async def GetArtifact(  # noqa: N802
        self, request: runner_pb2.GetArtifactRequest, context: Any
    ) -> AsyncIterator[runner_pb2.GetArtifactResponse]:
        await self._authenticate(context)
        content = self.artifacts.get(request.digest)
        if content is None:
            await context.abort(StatusCode.NOT_FOUND, "no such artifact")
            return
        yield runner_pb2.GetArtifactResponse(size=len(content), piece=content[:1000])
        yield runner_pb2.GetArtifactResponse(piece=content[1000:])

    async def _read(
        self, requests: AsyncIterator[runner_pb2.SessionRequest], responses: "Responses"
    ) -> None:
        async for request in requests:
            if request.HasField("beat"):
                responses.put_nowait(await self._answer(request))
            if request.output:
                async with self._changed:
                    self.output.append(list(request.output))
                    self._changed.notify_all()
        responses.put_nowait(None)

    async def _answer(self, request: runner_pb2.SessionRequest) -> runner_pb2.SessionResponse:
        async with self._changed:
            receipts = [self._take(report) for report in request.reports]
            self.beats.append(from_proto(request.beat, Beat))
            self._changed.notify_all()
        return runner_pb2.SessionResponse(
            orders=self._orders(),
            receipts=[receipt for receipt in receipts if receipt is not None],
        )

    def _take(self, report: runner_pb2.Report) -> runner_pb2.Receipt | None:
        self.reports.append(report)
        if not self.answering:
            return None
        refused = self.refuse(report)
        self.taken.setdefault(report.command_id, report)
        if report.WhichOneof("report") != "started" or refused:
            self.leases.pop((report.task_id, report.epoch), None)
            self.hand_over.discard((report.task_id, report.epoch))
        return runner_pb2.Receipt(command_id=report.command_id, refused=refused)

    def _orders(self) -> runner_pb2.Orders | None:
        if not self.beats or not self.ordering:
            return None
        beat = self.beats[-1]
        held = set() if self.twice else set(self.holding())
        return to_proto(
            Orders(
                beat.session_id,
                tuple(lease for key, lease in self.leases.items() if key not in held),
                tuple(Holding(*key) for key in self.leases if key in held),
                beat_seconds=0.2,
                hand_over=tuple(Holding(*key) for key in self.hand_over),
            ),
            runner_pb2.Orders,
        )

    def _send_orders(self) -> None:
        for responses in self._open:
            responses.put_nowait(runner_pb2.SessionResponse(orders=self._orders()))

    async def _authenticate(self, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        if metadata.get("authorization") != f"Bearer {TOKEN}":
            await context.abort(StatusCode.UNAUTHENTICATED, "this token is not known here")


def outcome_of(report: runner_pb2.Report) -> Any:
    kind = report.WhichOneof("report")
    if kind in OUTCOMES:
        return from_proto(getattr(report, kind), OUTCOMES[kind])
    return kind


def write_token(path: Path, token: str = TOKEN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(token + "\n")
    return path
