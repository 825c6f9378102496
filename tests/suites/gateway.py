"""What the tests of the gateway share: a gateway in this process, and an orchestrator that plays a
part: it answers on the real bus, writes to the real record, and can be deaf.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from grpc import aio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from hive_contracts.codec import AnyEvent, encode, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.ids import uuid7
from hive_contracts.mission import CancelMission, LaunchMission, MissionLaunched, PhaseDefined
from hive_contracts.orders import Beat, Canary, Heard, Orders
from hive_contracts.plan import Plan, TaskSpec
from hive_contracts.subjects import BEAT, DEADLINE_HEADER, SUBMIT, orders_hint
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_contracts.task import TaskPlanned
from hive_contracts.v1 import (
    event_pb2_grpc,
    log_pb2_grpc,
    mission_pb2,
    mission_pb2_grpc,
    operations_pb2_grpc,
    plan_pb2,
    runner_pb2_grpc,
)
from hive_gateway.main import start
from hive_shared.bus.connection import connected
from hive_shared.eventstore.port import Append, EventStore, StreamVersion
from hive_shared.process import Shell
from hive_shared.settings import GatewaySettings, Profile
from hive_stack.ports import free_port
from tests.conftest import Database, NatsAccount
from tests.suites.bus import record, settled

ADMIN: Final = "admin-token-for-tests"
RUNNER: Final = "runner-token-for-tests"
BEAT_SECONDS: Final = 0.2


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def bearer(token: str, **more: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"), *more.items())


def plan_message(name: str = "fix", **fields: Any) -> plan_pb2.Plan:
    """A plan of one phase with one plain command."""
    message = plan_pb2.Plan(name=name, **fields)
    message.phases.add(name="main").tasks.add(name="work", run="true")
    return message


def launch_request(name: str = "fix", **fields: Any) -> mission_pb2.LaunchRequest:
    return mission_pb2.LaunchRequest(command_id=new_id(), plan=plan_message(name, **fields))


def planned_task(mission_id: str, task_id: str) -> TaskPlanned:
    return TaskPlanned(task_id, mission_id, "fix-1", "main", "work", TaskSpec("work", run="true"))


class HttpAnswer(msgspec.Struct, frozen=True):
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


HOST: Final = "Host: 127.0.0.1\r\n"


def authorized(token: str) -> str:
    return f"{HOST}Authorization: Bearer {token}\r\n"


AUTHORIZED: Final = authorized(ADMIN)


async def http_get(
    gateway: "Gateway", path: str, headers: str = HOST, version: str = "1.1"
) -> HttpAnswer:
    """A request with exactly these header lines."""
    port = gateway.settings.gateway_http_port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/{version}\r\n{headers}Connection: close\r\n\r\n"
    writer.write(request.encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return HttpAnswer(int(head.split()[1]), body)


class Chronicle:
    """Writes events of missions, tasks and runners to the record, as the orchestrator would."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._versions: dict[str, int] = {}

    async def write(
        self, *events: AnyEvent, correlation: str = "", causation: str = "", traceparent: str = ""
    ) -> int:
        """One append; answers its last position."""
        streams = dict.fromkeys(map(stream_of, events))
        expected = tuple(StreamVersion(s, self._versions.get(s, 0)) for s in streams)
        meta = Meta(correlation, causation or new_id(), "tester", traceparent)
        new = tuple(
            NewEvent(new_id(), stream_of(event), type(event).__name__, encode(event), meta)
            for event in events
        )
        appended = await self._store.append(Append(expected, new))
        for event in events:
            stream = stream_of(event)
            self._versions[stream] = self._versions.get(stream, 0) + 1
        return appended.position


class ScriptedOrchestrator:
    """Answers as it is told; by itself it launches whatever it is sent, once per command id."""

    def __init__(self, client: Client, chronicle: Chronicle) -> None:
        self._client = client
        self.chronicle = chronicle
        self.requests: list[list[Submission]] = []
        self.deadlines: list[int] = []
        self.beats: list[Beat] = []
        self.canaries: list[Canary] = []
        self.deaf_to = 0
        """So many requests to come are not answered."""
        self.open = asyncio.Event()
        """Cleared: commands are heard, and wait."""
        self.open.set()
        self.answer: Callable[[Submission], Answer | None] = lambda _: None
        """What to answer; None leaves it to the default."""
        self.orders: Callable[[Beat], Orders | None] = lambda beat: Orders(
            beat.session_id, beat_seconds=BEAT_SECONDS
        )
        self._answers: dict[str, Accepted] = {}
        self._numbers: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ears: list[Subscription] = []

    async def listen(self) -> None:
        self._ears = [
            await self._client.subscribe(SUBMIT, cb=self._aside(self._submitted)),
            await self._client.subscribe(BEAT, cb=self._beaten),
        ]
        await settled(self._client)

    async def leave(self) -> None:
        """Nobody is there any more: requests are answered by the bus, "no responders"."""
        for ear in self._ears:
            await ear.unsubscribe()
        await settled(self._client)

    async def hint(self, runner_id: str) -> None:
        await self._client.publish(orders_hint(runner_id), b"")

    @property
    def submissions(self) -> list[Submission]:
        return [submission for request in self.requests for submission in request]

    def _aside(self, handle: Callable[[Msg], Any]) -> Any:
        """nats-py calls one handler after the other; a service answers requests side by side."""

        async def callback(message: Msg) -> None:
            task = asyncio.ensure_future(handle(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return callback

    async def _submitted(self, message: Msg) -> None:
        submissions = msgspec.json.decode(message.data, type=list[Submission])
        self.requests.append(submissions)
        self.deadlines.append(int((message.headers or {})[DEADLINE_HEADER]))
        if self.deaf_to:
            self.deaf_to -= 1
            return
        await self.open.wait()
        answers = [await self._one(submission) for submission in submissions]
        await message.respond(msgspec.json.encode(answers))

    async def _one(self, submission: Submission) -> Answer:
        if (scripted := self.answer(submission)) is not None:
            return scripted
        if (first := self._answers.get(submission.command_id)) is not None:
            return msgspec.structs.replace(first, repeated=True)
        match submission.command:
            case LaunchMission(plan=plan):
                accepted = await self._launch(submission, plan)
            case CancelMission(mission_id=id):
                accepted = Accepted(1, id)
            case _:
                return Refused("invalid", "this orchestrator only launches")
        self._answers[submission.command_id] = accepted
        return accepted

    async def _launch(self, submission: Submission, plan: Plan) -> Accepted:
        number = self._numbers[plan.name] = self._numbers.get(plan.name, 0) + 1
        id, name = new_id(), f"{plan.name}-{number}"
        launched = MissionLaunched(
            id,
            name,
            plan.name,
            plan.type,
            plan.objective,
            plan.repository,
            plan.prerequisites,
            plan.approvals,
            plan.criteria,
        )
        position = await self.chronicle.write(
            launched,
            *(PhaseDefined(id, phase) for phase in plan.phases),
            correlation=id,
            causation=submission.command_id,
            traceparent=submission.traceparent,
        )
        return Accepted(position, id, name)

    async def _beaten(self, message: Msg) -> None:
        match msgspec.json.decode(message.data, type=Heard):
            case Canary() as canary:
                self.canaries.append(canary)
                await message.respond(b"")
            case Beat() as beat:
                self.beats.append(beat)
                orders = self.orders(beat)
                await message.respond(b"" if orders is None else msgspec.json.encode(orders))


class Gateway:
    """A gateway that runs here, and stubs to call it with."""

    def __init__(self, settings: GatewaySettings, shell: Shell, channel: aio.Channel) -> None:
        self.settings = settings
        self.shell = shell
        self.channel = channel
        self.missions = mission_pb2_grpc.MissionServiceStub(channel)
        self.runners = runner_pb2_grpc.RunnerServiceStub(channel)
        self.events = event_pb2_grpc.EventServiceStub(channel)
        self.logs = log_pb2_grpc.LogServiceStub(channel)
        self.operations = operations_pb2_grpc.OperationsServiceStub(channel)

    async def launch(self, name: str = "fix", **plan: str) -> mission_pb2.LaunchResponse:
        return await self.missions.Launch(launch_request(name, **plan), metadata=bearer(ADMIN))

    async def get(self, mission: str, position: int = 0) -> mission_pb2.Mission:
        request = mission_pb2.GetRequest(mission=mission, at_least_position=position)
        return (await self.missions.Get(request, metadata=bearer(ADMIN))).mission


def gateway_settings(
    database: Database, nats_url: str, data: Path, agents: Sequence[str] = ("claude",)
) -> GatewaySettings:
    secrets = data / "secrets"
    if not secrets.exists():
        secrets.mkdir()
        for name, token in (("admin", ADMIN), ("runner", RUNNER)):
            path = secrets / f"{name}.token"
            path.write_text(token)
            path.chmod(0o600)
    return GatewaySettings(
        data=data,
        postgres_url=database.url("gateway"),
        nats_url=nats_url,
        gateway_http_port=free_port(),
        gateway_grpc_port=free_port(),
        beat=BEAT_SECONDS,
        profiles={name: Profile(command=("true",)) for name in agents}
        | {"qa-test-guardian": Profile()},
    )


@contextlib.asynccontextmanager
async def gateway(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    shell = Shell("gateway", new_id())
    address = f"127.0.0.1:{settings.gateway_grpc_port}"
    async with aio.insecure_channel(address) as channel:
        try:
            await start(shell, settings)
            shell.state = "ready"
            yield Gateway(settings, shell, channel)
            assert not shell.failed
        finally:
            await shell.close()


@contextlib.asynccontextmanager
async def scripted(database: Database, nats: NatsAccount) -> AsyncIterator[ScriptedOrchestrator]:
    async with (
        record(database, nats) as store,
        connected(nats.url_of("orchestrator"), "scripted") as client,
    ):
        orchestrator = ScriptedOrchestrator(client, Chronicle(store))
        await orchestrator.listen()
        yield orchestrator
