"""Artifacts over gRPC, with the door and without anything else of the gateway."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
from grpc import StatusCode, aio
from nats.aio.client import Client

from hive_contracts.v1 import plan_pb2, runner_pb2, runner_pb2_grpc
from hive_gateway.door import Door
from hive_gateway.logs.tails import Tails
from hive_gateway.metrics import Metrics
from hive_gateway.orchestrator import Orchestrator
from hive_gateway.sessions import Runners
from hive_gateway.submitter import Submitter
from hive_gateway.tokens import Tokens
from hive_gateway.transfer import ArtifactTransfer
from hive_gateway.views.reader import ViewsReader
from hive_shared.artifacts import MAX_ARTIFACT, PIECE, Artifacts
from hive_shared.clock import SystemClock
from tests.suites.bus import SOON, eventually
from tests.suites.gateway import ADMIN, RUNNER, bearer
from tests.suites.refusals import refused

AS_RUNNER = bearer(RUNNER)


class Gateway:
    """RunnerService behind the door; sessions would find no orchestrator."""

    def __init__(self, root: Path, channel: aio.Channel) -> None:
        self.root = root
        self.runners = runner_pb2_grpc.RunnerServiceStub(channel)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    tokens = Tokens({"admin": ADMIN, "runner": RUNNER})
    server = aio.server(interceptors=(Door(tokens, Metrics(), SystemClock()),))
    nobody = Orchestrator(Client())
    tails = Tails(None, SystemClock(), lambda _: None)
    views = cast(ViewsReader, None)  # artifacts come and go without them
    artifacts = ArtifactTransfer(Artifacts(tmp_path))
    runners = Runners(nobody, Submitter(nobody), artifacts, tails, views)
    runner_pb2_grpc.add_RunnerServiceServicer_to_server(runners, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Gateway(tmp_path, channel)
    await server.stop(0)


def ref_of(content: bytes) -> plan_pb2.ArtifactRef:
    return plan_pb2.ArtifactRef(digest=hashlib.sha256(content).hexdigest(), size=len(content))


def pieces(
    content: bytes, ref: plan_pb2.ArtifactRef, size: int = PIECE
) -> Iterator[runner_pb2.PutArtifactRequest]:
    yield runner_pb2.PutArtifactRequest(ref=ref, piece=content[:size])
    for start in range(size, len(content), size):
        yield runner_pb2.PutArtifactRequest(piece=content[start : start + size])


async def put(
    gateway: Gateway, content: bytes, ref: plan_pb2.ArtifactRef | None = None
) -> runner_pb2.PutArtifactResponse:
    return await gateway.runners.PutArtifact(
        pieces(content, ref or ref_of(content)), metadata=AS_RUNNER
    )


async def fetch(gateway: Gateway, digest: str) -> tuple[int, bytes]:
    size, content = 0, b""
    request = runner_pb2.GetArtifactRequest(digest=digest)
    async for response in gateway.runners.GetArtifact(request, metadata=bearer(ADMIN)):
        size = size or response.size
        assert len(response.piece) <= PIECE
        content += response.piece
    return size, content


def kept(gateway: Gateway) -> list[Path]:
    return [path for path in gateway.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 1, PIECE, 3 * PIECE + 17])
async def test_what_was_put_can_be_fetched(gateway: Gateway, size: int) -> None:
    content = os.urandom(size)
    assert (await put(gateway, content)).stored
    assert await fetch(gateway, ref_of(content).digest) == (size, content)
    assert not (await put(gateway, content)).stored
    assert len(kept(gateway)) == 1


@pytest.mark.parametrize(
    ("ref", "sent", "where"),
    [
        pytest.param(ref_of(b"right"), b"wrong", "ref", id="another digest"),
        pytest.param(ref_of(b"right"), b"right!", "ref", id="longer than announced"),
        pytest.param(ref_of(b"right"), b"righ", "ref", id="shorter than announced"),
        pytest.param(plan_pb2.ArtifactRef(), b"", "digest", id="no digest"),
        pytest.param(
            plan_pb2.ArtifactRef(digest="../" * 20 + "etc", size=1), b"x", "digest", id="a path"
        ),
        pytest.param(
            plan_pb2.ArtifactRef(digest="0" * 64, size=MAX_ARTIFACT + 1),
            b"x",
            "ref.size",
            id="too large",
        ),
    ],
)
async def test_what_is_not_as_announced_is_refused_and_not_kept(
    gateway: Gateway, ref: plan_pb2.ArtifactRef, sent: bytes, where: str
) -> None:
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await put(gateway, sent, ref)
    assert told.facts["where"] == where
    assert kept(gateway) == []


async def test_an_upload_without_a_piece_is_refused(gateway: Gateway) -> None:
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.runners.PutArtifact(iter(()), metadata=AS_RUNNER)
    assert told.facts["where"] == "ref"


async def test_a_piece_that_is_too_large_is_refused(gateway: Gateway) -> None:
    content = bytes(PIECE + 1)
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.runners.PutArtifact(
            pieces(content, ref_of(content), PIECE + 1), metadata=AS_RUNNER
        )
    assert told.facts["where"] == "piece"
    assert kept(gateway) == []


async def test_an_interrupted_upload_leaves_nothing(gateway: Gateway) -> None:
    content = os.urandom(4 * PIECE)
    begun = asyncio.Event()

    async def breaks_off() -> AsyncIterator[runner_pb2.PutArtifactRequest]:
        yield next(pieces(content, ref_of(content)))
        begun.set()
        await asyncio.Event().wait()

    call = gateway.runners.PutArtifact(breaks_off(), metadata=AS_RUNNER, timeout=SOON)
    await begun.wait()
    await eventually(lambda: kept(gateway))
    call.cancel()
    await eventually(lambda: not kept(gateway))
    assert (await put(gateway, content)).stored


async def test_many_uploads_of_the_same_blob_at_once_keep_one(gateway: Gateway) -> None:
    content = os.urandom(2 * PIECE)
    await asyncio.gather(*(put(gateway, content) for _ in range(6)))
    assert await fetch(gateway, ref_of(content).digest) == (len(content), content)
    assert len(kept(gateway)) == 1


async def test_a_missing_blob_is_not_found(gateway: Gateway) -> None:
    with refused(StatusCode.NOT_FOUND):
        await fetch(gateway, "0" * 64)


async def test_a_damaged_blob_is_data_loss_and_never_a_good_answer(gateway: Gateway) -> None:
    content = os.urandom(2 * PIECE)
    await put(gateway, content)
    [path] = kept(gateway)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with refused(StatusCode.DATA_LOSS) as told:
        await fetch(gateway, ref_of(content).digest)
    assert told.reason == "damaged"
