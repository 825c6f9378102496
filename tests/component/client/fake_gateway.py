"""A gateway of the real protocol, whose answers a test writes and which fails when told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from hive_contracts.v1 import (
    event_pb2,
    event_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
    mission_pb2,
    mission_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    runner_pb2,
    runner_pb2_grpc,
)

Break = Callable[[], None]


class FakeGateway(
    mission_pb2_grpc.MissionServiceServicer,
    event_pb2_grpc.EventServiceServicer,
    log_pb2_grpc.LogServiceServicer,
    runner_pb2_grpc.RunnerServiceServicer,
    operations_pb2_grpc.OperationsServiceServicer,
):
    def __init__(self) -> None:
        self.address = ""
        self.asked: list[Any] = []
        self.tokens: list[str] = []
        self.missions: dict[str, mission_pb2.Mission] = {}
        self.artifacts: dict[str, bytes] = {}
        self.runners: list[operations_pb2.RunnerView] = []
        self.parked: list[operations_pb2.ParkedStream] = []
        self.policy = operations_pb2.PolicyReport()
        self.incidents: list[operations_pb2.IncidentReport] = []
        self.bus = operations_pb2.BusStatusResponse(verdict="ok")
        self.health = operations_pb2.HealthResponse(trouble="no process of health is there")
        self.looks = 0
        """How often health was asked; `looked` is set each time."""
        self.looked = asyncio.Event()
        self.capacity = operations_pb2.Capacity()
        self.head = 0
        """Events that can be read."""
        self.recorded: list[event_pb2.Event] = []
        """The same, where a test says what is in them."""
        self.failures: list[grpc.StatusCode] = []
        """One for each coming call, before it does anything."""
        self.refusal: tuple[grpc.StatusCode, status_pb2.Status] | None = None
        self.refuse_give = False
        self.streams: list[list[Any]] = []
        """What each coming stream sends; an answer that is a status code breaks it there, and at an
        event it waits."""
        self.logs: dict[str, list[list[Any]]] = {}
        """The same for the output of each task, by its id."""

    async def _begin(self, request: Any, context: Any) -> None:
        self.asked.append(request)
        self.tokens.append(dict(context.invocation_metadata()).get("authorization", ""))
        if self.failures:
            await context.abort(self.failures.pop(0), "as the test asked for")
        if self.refusal is not None:
            code, status = self.refusal
            trailer = (("grpc-status-details-bin", status.SerializeToString()),)
            await context.abort(code, status.message, trailer)

    async def Launch(self, request: Any, context: Any) -> mission_pb2.LaunchResponse:  # noqa: N802
        await self._begin(request, context)
        return _launched(request)

    async def LaunchMany(self, request: Any, context: Any) -> mission_pb2.LaunchManyResponse:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.LaunchManyResponse(
            outcomes=[_outcome(launch) for launch in request.launches]
        )

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for answer in self._stream(request, context):
            yield answer

    async def Subscribe(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for answer in self._stream(request, context):
            yield answer

    async def GetArtifact(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for answer in self._stream(request, context):
            yield answer

    async def Get(self, request: Any, context: Any) -> mission_pb2.GetResponse:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.GetResponse(mission=self.missions[request.mission])

    async def List(self, request: Any, context: Any) -> mission_pb2.ListResponse:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.ListResponse(missions=[m.summary for m in self.missions.values()])

    async def Continue(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.ContinueResponse(name=f"{request.plan.name}-1", continued=True)

    async def Retry(self, request: Any, context: Any) -> mission_pb2.RetryResponse:  # noqa: N802
        await self._begin(request, context)
        answer = mission_pb2.RetryResponse(mission_id="c" * 32, name="fix-2", position=9)
        if request.failed:
            answer.failed.extend(["build/api", "build/web"])
            answer.undone.append("review/critic")
            answer.start = "d" * 40
        return answer

    async def Tell(self, request: Any, context: Any) -> mission_pb2.TellResponse:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.TellResponse(position=9, task=request.task or "main/work")

    async def Pause(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.PauseResponse(position=9)

    async def Resume(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.ResumeResponse(position=9)

    async def RaiseBudget(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.RaiseBudgetResponse(position=9)

    async def Take(self, request: Any, context: Any) -> mission_pb2.TakeResponse:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.TakeResponse(position=9, task="main/work", task_id="7" * 32)

    async def Give(self, request: Any, context: Any) -> mission_pb2.GiveResponse:  # noqa: N802
        await self._begin(request, context)
        if self.refuse_give:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "task work has ended")
        return mission_pb2.GiveResponse(position=9, task="main/work")

    async def PutArtifact(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        requests = [request async for request in request_iterator]
        await self._begin(requests[0], context)
        content = b"".join(request.piece for request in requests)
        self.artifacts[requests[0].ref.digest] = content
        return runner_pb2.PutArtifactResponse(stored=True)

    async def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.CancelResponse(position=9)

    async def RecordLanding(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.RecordLandingResponse(position=9)

    async def Discard(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.DiscardResponse(position=9)

    async def Approve(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.ApproveResponse(position=9)

    async def Reject(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return mission_pb2.RejectResponse(position=9)

    async def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        events = [arrival(n).event for n in range(request.after + 1, self.head + 1)]
        events += [event for event in self.recorded if event.position > request.after]
        page = events[: request.limit]
        head = max(self.head, *(event.position for event in events), 0)
        last = page[-1].position if page else head
        return event_pb2.ReadResponse(events=page, next=last, head=head, log_id="l")

    async def ListRunners(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return operations_pb2.ListRunnersResponse(runners=self.runners)

    async def Health(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        self.looks += 1
        self.looked.set()
        return self.health

    async def Capacity(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return operations_pb2.CapacityResponse(capacity=self.capacity)

    async def ListParked(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return operations_pb2.ListParkedResponse(parked=self.parked)

    async def ListIncidents(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        summaries = [report.summary for report in self.incidents]
        return operations_pb2.ListIncidentsResponse(incidents=summaries, problem="x.yaml:1: odd")

    async def ShowIncident(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return operations_pb2.ShowIncidentResponse(report=self.incidents[0])

    async def TellIncident(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        summary = self.incidents[0].summary
        return operations_pb2.TellIncidentResponse(summary=summary, position=9)

    async def OverridePolicy(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        report = operations_pb2.PolicyReport(override_until_ms=int(request.for_s * 1000))
        return operations_pb2.OverridePolicyResponse(report=report, position=9)

    async def ShowPolicy(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return operations_pb2.ShowPolicyResponse(report=self.policy)

    async def BusStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._begin(request, context)
        return self.bus

    async def Logs(self, request: Any, context: Any) -> AsyncIterator[log_pb2.LogsResponse]:  # noqa: N802
        await self._begin(request, context)
        for answer in self.logs[request.task_id].pop(0):
            if isinstance(answer, grpc.StatusCode):
                await context.abort(answer, "as the test asked for")
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                continue
            yield answer

    async def _stream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self._begin(request, context)
        if isinstance(request, runner_pb2.GetArtifactRequest) and request.digest in self.artifacts:
            yield piece(self.artifacts[request.digest])
            return
        for answer in self.streams.pop(0):
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                continue
            if isinstance(answer, grpc.StatusCode):
                await context.abort(answer, "as the test asked for")
            yield answer

    def refuse(self, code: grpc.StatusCode, reason: str, message: str, **metadata: str) -> None:
        """Refuse all calls from now on, in the gateway's form."""
        info = error_details_pb2.ErrorInfo(reason=reason, domain="agent-hive", metadata=metadata)
        packed = any_pb2.Any()
        packed.Pack(info)
        status = status_pb2.Status(code=code.value[0], message=message, details=[packed])
        self.refusal = (code, status)


@asynccontextmanager
async def serving() -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway()  # type: ignore[abstract]  # the rest is not called
    server = grpc.aio.server()
    mission_pb2_grpc.add_MissionServiceServicer_to_server(gateway, server)
    event_pb2_grpc.add_EventServiceServicer_to_server(gateway, server)
    log_pb2_grpc.add_LogServiceServicer_to_server(gateway, server)
    runner_pb2_grpc.add_RunnerServiceServicer_to_server(gateway, server)
    operations_pb2_grpc.add_OperationsServiceServicer_to_server(gateway, server)
    gateway.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield gateway
    finally:
        await server.stop(None)


def state(position: int, status: str) -> mission_pb2.WatchResponse:
    summary = mission_pb2.MissionSummary(name="fix-1", status=status)
    return mission_pb2.WatchResponse(
        mission=mission_pb2.Mission(summary=summary), position=position
    )


def arrival(position: int) -> event_pb2.SubscribeResponse:
    event = event_pb2.Event(position=position, stream="task-1", type="TaskLeased", data=b"{}")
    return event_pb2.SubscribeResponse(event=event, resume_token=f"token-{position}", log_id="l")


def begun(epoch: int, step: str = "work") -> log_pb2.LogsResponse:
    return log_pb2.LogsResponse(epoch=epoch, begun=log_pb2.LogBegun(attempt=1, step=step))


def printed(
    epoch: int, offset: int, content: bytes, output: str = "output", *, late: bool = False
) -> log_pb2.LogsResponse:
    said = log_pb2.LogPiece(output=output, offset=offset, piece=content, late=late)
    return log_pb2.LogsResponse(epoch=epoch, piece=said)


def missing(epoch: int, offset: int, size: int, reason: str = "missed") -> log_pb2.LogsResponse:
    said = log_pb2.LogGap(output="output", offset=offset, size=size, reason=reason)
    return log_pb2.LogsResponse(epoch=epoch, gap=said)


def ended(epoch: int, outcome: str = "succeeded", detail: str = "") -> log_pb2.LogsResponse:
    said = log_pb2.LogEnded(outcome=outcome, detail=detail)
    return log_pb2.LogsResponse(epoch=epoch, ended=said)


def piece(data: bytes) -> runner_pb2.GetArtifactResponse:
    return runner_pb2.GetArtifactResponse(piece=data)


def _launched(request: Any) -> mission_pb2.LaunchResponse:
    return mission_pb2.LaunchResponse(
        mission_id=request.command_id, name=f"{request.plan.name}-1", position=7
    )


def _outcome(request: Any) -> mission_pb2.LaunchOutcome:
    if request.plan.name == "bad":
        problem = mission_pb2.Problem(code="invalid", message="bad", where="name")
        return mission_pb2.LaunchOutcome(problem=problem)
    return mission_pb2.LaunchOutcome(launched=_launched(request))
