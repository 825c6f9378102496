"""A task's output as callers get it: live over Redis, whole whatever becomes of Redis."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from grpc import StatusCode

from hive_client.hive import Hive
from hive_contracts.orders import Beat
from hive_contracts.outcome import Failure, WorkDone
from hive_contracts.plan import (
    ArtifactRef,
    Phase,
    Plan,
    TaskSpec,
)
from hive_contracts.task import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    RetryScheduled,
    TaskLeased,
    TaskSucceeded,
)
from hive_contracts.v1 import log_pb2, runner_pb2
from hive_contracts.wire import to_proto
from hive_shared.artifacts import Artifacts
from tests.conftest import Database, NatsAccount
from tests.service.gateway.test_with_orchestrator import orchestrator as real_orchestrator
from tests.service.runner.process import RunnerProcess
from tests.suites.bus import SOON, pool_of
from tests.suites.gateway import (
    ADMIN,
    AUTHORIZED,
    RUNNER,
    Gateway,
    ScriptedOrchestrator,
    bearer,
    gateway_settings,
    http_get,
    new_id,
    planned_task,
)
from tests.suites.gateway import gateway as running_gateway
from tests.suites.redis import RedisServer, redis_server
from tests.suites.refusals import refused

AS_ADMIN = bearer(ADMIN)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@contextlib.asynccontextmanager
async def gateway_at(
    redis: RedisServer, database: Database, nats: NatsAccount, data: Path
) -> AsyncIterator[Gateway]:
    settings = gateway_settings(database, nats.url_of("gateway"), data)
    with_redis = msgspec.structs.replace(settings, redis_url=redis.url)
    async with running_gateway(with_redis) as started:
        await tails_are(started, ok=True)
        yield started


async def tails_are(gateway: Gateway, *, ok: bool) -> str:
    """Until `/health/ready` says so of live output; answers why. The gateway is ready meanwhile."""
    async with asyncio.timeout(SOON):
        while True:
            answer = await http_get(gateway, "/health/ready", AUTHORIZED)
            check = {row["name"]: row for row in answer.json["checks"]}["tails"]
            if check["ok"] == ok and answer.status == 200:
                return str(check["reason"])
            await asyncio.sleep(0.05)


async def dropped(gateway: Gateway) -> float:
    """Bytes of live output that this gateway did not pass on, as its metrics say."""
    text = (await http_get(gateway, "/metrics", AUTHORIZED)).body.decode()
    found = re.search(r"^hive_gateway_tails_dropped_bytes_total (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


class Reader:
    """What one caller is told, put together."""

    def __init__(self) -> None:
        self.outputs: dict[tuple[int, str], bytearray] = {}
        self.told: list[log_pb2.LogsResponse] = []

    def take(self, response: log_pb2.LogsResponse) -> None:
        self.told.append(response)
        if response.HasField("piece"):
            piece = response.piece
            output = self.outputs.setdefault((response.epoch, piece.output), bytearray())
            end = piece.offset + len(piece.piece)
            output.extend(bytes(max(0, end - len(output))))
            assert not any(output[piece.offset : end]), "these bytes came before"
            output[piece.offset : end] = piece.piece

    def kinds(self) -> list[str]:
        return [response.WhichOneof("said") or "" for response in self.told]

    async def until(
        self,
        stream: AsyncIterable[log_pb2.LogsResponse],
        wanted: Callable[[log_pb2.LogsResponse], bool],
    ) -> log_pb2.LogsResponse:
        async with asyncio.timeout(SOON):
            async for response in stream:
                self.take(response)
                if wanted(response):
                    return response
        raise AssertionError(f"it ended before: {self.kinds()}")

    async def rest(self, stream: AsyncIterable[log_pb2.LogsResponse]) -> None:
        async with asyncio.timeout(SOON):
            async for response in stream:
                self.take(response)


def is_piece(content: bytes) -> Callable[[log_pb2.LogsResponse], bool]:
    return lambda response: content in response.piece.piece


async def test_a_log_is_whole_though_redis_is_killed_and_comes_back_empty(
    redis: RedisServer, database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    def go_on(step: int) -> None:
        (tmp_path / f"go-on-{step}").touch()

    marker = tmp_path / "go-on"
    script = (
        "for i in 1 2 3 4 5 6 7 8; do echo before $i; sleep 0.05; done; "
        f"while ! test -e {marker}-1; do sleep 0.05; done; echo while it is away; "
        f"while ! test -e {marker}-2; do sleep 0.05; done; echo it is back; "
        f"while ! test -e {marker}-3; do sleep 0.05; done; printf 'the last words'"
    )
    plan = Plan("long", (Phase("main", tasks=(TaskSpec("talk", run=script),)),))
    async with (
        real_orchestrator(database, nats),
        gateway_at(redis, database, nats, tmp_path) as gateway,
        Hive(f"127.0.0.1:{gateway.settings.gateway_grpc_port}", ADMIN) as hive,
    ):
        runner = RunnerProcess(tmp_path, gateway.settings.gateway_grpc_port)
        await runner.start()
        try:
            launched = await hive.launch(plan)
            view = await hive.get(launched.mission_id, at_least_position=launched.position)
            while not view.tasks:
                view = await hive.get(launched.mission_id)
            reader, task = Reader(), view.tasks[0].task_id
            stream = hive.logs(task, follow=True)
            await reader.until(stream, is_piece(b"before 8"))
            redis.kill()
            assert "Redis does not answer" in await tails_are(gateway, ok=False)
            await reader.until(stream, lambda said: "no live output" in said.note)
            before = await dropped(gateway)
            go_on(1)
            while await dropped(gateway) == before:
                await asyncio.sleep(0.05)
            redis.start()
            await tails_are(gateway, ok=True)
            go_on(2)
            await reader.until(stream, is_piece(b"it is back"))
            go_on(3)
            await reader.rest(stream)
            *_, last = [change async for change in hive.watch(launched.mission_id)]
            assert last.mission.summary.status == "succeeded"
        finally:
            await runner.kill()
    words = "".join(f"before {n}\n" for n in range(1, 9))
    whole = f"{words}while it is away\nit is back\nthe last words".encode()
    assert reader.outputs == {(1, "output"): whole}
    assert reader.told[-1].ended.outcome == "succeeded"


def output(task_id: str, epoch: int, offset: int, content: bytes) -> runner_pb2.OutputPiece:
    return runner_pb2.OutputPiece(
        task_id=task_id, epoch=epoch, name="output", offset=offset, piece=content
    )


async def test_attempts_are_followed_in_turn_at_another_gateway_than_the_runners(
    redis: RedisServer,
    orchestrator: ScriptedOrchestrator,
    database: Database,
    nats: NatsAccount,
    tmp_path: Path,
) -> None:
    write = orchestrator.chronicle.write
    artifacts = Artifacts(tmp_path / "artifacts")
    async with (
        gateway_at(redis, database, nats, tmp_path) as here,
        gateway_at(redis, database, nats, tmp_path) as there,
    ):
        mission, task = (await here.launch()).mission_id, new_id()
        await write(planned_task(mission, task), correlation=mission)
        await _lease(orchestrator, mission, task, 1)
        session = here.runners.Session(metadata=bearer(RUNNER))
        beat = to_proto(Beat(new_id(), new_id(), "anvil", 4), runner_pb2.Beat)
        await session.write(runner_pb2.SessionRequest(beat=beat))

        async def print_(epoch: int, offset: int, content: bytes) -> None:
            piece = output(task, epoch, offset, content)
            await session.write(runner_pb2.SessionRequest(output=[piece]))

        reader = Reader()
        request = log_pb2.LogsRequest(task_id=task, follow=True)
        stream = there.logs.Logs(request, metadata=AS_ADMIN)
        await print_(1, 0, b"one ")
        await reader.until(stream, is_piece(b"one "))
        # "two " is lost on the way: what follows it is shown, and the gap named.
        await print_(1, 8, b"three ")
        await reader.until(stream, is_piece(b"three "))
        assert [(gap.gap.offset, gap.gap.size) for gap in reader.told if gap.HasField("gap")] == [
            (4, 4)
        ]
        first = artifacts.put(b"one two three four")
        failure = Failure("agent", "it is not done", output=first)
        failed, retry = AttemptFailed(task, 1, failure), RetryScheduled(task, 0, True)
        await write(failed, retry, correlation=mission)
        ended = await reader.until(stream, lambda said: said.HasField("ended"))
        assert (ended.ended.outcome, ended.ended.detail) == ("failed", "agent: it is not done")
        assert bytes(reader.outputs[1, "output"]) == b"one two three four"
        assert [said.piece.piece for said in reader.told if said.piece.late] == [b"two "]

        await _lease(orchestrator, mission, task, 2)
        await print_(2, 0, b"again")
        await reader.until(stream, is_piece(b"again"))
        second = artifacts.put(b"again")
        await _succeed(orchestrator, mission, task, 2, second)
        await reader.rest(stream)
        assert bytes(reader.outputs[2, "output"]) == b"again"

        # Asked afterwards, it is the same without Redis, each attempt by itself, too.
        redis.kill()
        for attempt, content in ((1, b"one two three four"), (2, b"again")):
            later = Reader()
            asked = log_pb2.LogsRequest(task_id=task, attempt=attempt)
            await later.rest(there.logs.Logs(asked, metadata=AS_ADMIN))
            assert later.outputs == {(attempt, "output"): content}
            assert later.kinds() == ["begun", "piece", "ended"]
        session.cancel()


async def _lease(orchestrator: ScriptedOrchestrator, mission: str, task: str, epoch: int) -> None:
    leased = TaskLeased(task, epoch, "work", new_id(), new_id(), 60)
    await orchestrator.chronicle.write(leased, AttemptStarted(task, epoch), correlation=mission)


async def _succeed(
    orchestrator: ScriptedOrchestrator, mission: str, task: str, epoch: int, ref: ArtifactRef
) -> None:
    done = WorkDone(no_change="nothing", output=ref)
    events = AttemptSucceeded(task, epoch, done), TaskSucceeded(task, mission, epoch, done)
    await orchestrator.chronicle.write(*events, correlation=mission)


async def test_a_log_is_for_those_who_may_read(gateway: Gateway) -> None:
    for request, token, code in (
        (log_pb2.LogsRequest(task_id=new_id()), RUNNER, StatusCode.PERMISSION_DENIED),
        (log_pb2.LogsRequest(task_id=new_id()), ADMIN, StatusCode.NOT_FOUND),
        (log_pb2.LogsRequest(task_id="../etc"), ADMIN, StatusCode.INVALID_ARGUMENT),
        (log_pb2.LogsRequest(task_id=new_id(), attempt=-1), ADMIN, StatusCode.INVALID_ARGUMENT),
    ):
        with refused(code):
            await Reader().rest(gateway.logs.Logs(request, metadata=bearer(token)))


async def test_an_artifact_that_is_gone_is_said_and_the_rest_is_told(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    mission, task = (await gateway.launch()).mission_id, new_id()
    await orchestrator.chronicle.write(planned_task(mission, task), correlation=mission)
    await _lease(orchestrator, mission, task, 1)
    await _succeed(orchestrator, mission, task, 1, ArtifactRef("a" * 64, 5))
    reader = Reader()
    request = log_pb2.LogsRequest(task_id=task, follow=True)
    await reader.rest(gateway.logs.Logs(request, metadata=AS_ADMIN))
    assert reader.kinds() == ["begun", "note", "ended"]
    assert "cannot be read" in reader.told[1].note


async def test_of_what_retention_deleted_the_day_is_said(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, database: Database
) -> None:
    mission, task, digest = (await gateway.launch()).mission_id, new_id(), "b" * 64
    await orchestrator.chronicle.write(planned_task(mission, task), correlation=mission)
    await _lease(orchestrator, mission, task, 1)
    await _succeed(orchestrator, mission, task, 1, ArtifactRef(digest, 5))
    async with pool_of(database.url("gateway")) as pool:
        await pool.execute(
            "insert into gateway.deleted_artifacts values ($1, timestamptz '2026-01-31 12:00Z')",
            digest,
        )
    reader = Reader()
    request = log_pb2.LogsRequest(task_id=task, follow=True)
    await reader.rest(gateway.logs.Logs(request, metadata=AS_ADMIN))
    assert reader.told[1].note == "output was deleted by retention on 2026-01-31"
    with refused(StatusCode.NOT_FOUND) as told:
        asked = runner_pb2.GetArtifactRequest(digest=digest)
        async for _ in gateway.runners.GetArtifact(asked, metadata=AS_ADMIN):
            pass
    assert (told.message, told.reason) == ("this was deleted by retention on 2026-01-31", "deleted")
