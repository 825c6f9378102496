"""The way to the hive: one gRPC channel, the session's stream, artifacts up and down."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import aio

from hive_contracts.orders import TaskRelease
from hive_contracts.plan import ArtifactRef
from hive_contracts.v1 import plan_pb2, runner_pb2
from hive_contracts.v1.runner_pb2_grpc import RunnerServiceStub
from hive_contracts.wire import from_proto
from hive_runner.errors import ArtifactUnavailable, HiveAway
from hive_shared.artifacts import PIECE
from hive_shared.settings.gateways import target

log = logging.getLogger(__name__)

MAX_MESSAGE: Final = 16 * 1024 * 1024
GET_SECONDS: Final = 120.0
"""How long an attempt waits for an artifact while the hive cannot be reached."""
_TRANSFER_SECONDS: Final = 3600.0
_ASK_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 1.0
_CHANNEL: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    # The gateway is named in the settings: no proxy of the person's environment is in between.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
_LASTING: Final = (
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.DATA_LOSS,
)

SessionCall = aio.StreamStreamCall[Any, Any]


class Gateway:
    """Open it inside a running event loop; close it at the end."""

    def __init__(self, addresses: str, token_file: Path) -> None:
        """Raises OSError where one of several names is not known."""
        self._token_file = token_file
        where, options = target(addresses)
        self._channel = aio.insecure_channel(where, options=(*_CHANNEL, *options))
        self._stub = RunnerServiceStub(self._channel)

    def session(self) -> SessionCall:
        """Begin a session's stream. Raises OSError where the token cannot be read."""
        return self._stub.Session(metadata=self._metadata())

    async def put(self, path: Path, ref: ArtifactRef) -> None:
        """Hand an artifact to the hive. Raises AioRpcError, OSError."""
        await self._stub.PutArtifact(
            _pieces(path, ref), metadata=self._metadata(), timeout=_TRANSFER_SECONDS
        )

    async def get(self, digest: str, into: Path) -> None:
        """Write an artifact of the hive to a file. Raises ArtifactUnavailable, OSError."""
        deadline = time.monotonic() + GET_SECONDS
        while True:
            try:
                return await self._get(digest, into)
            except aio.AioRpcError as error:
                if error.code() in _LASTING or time.monotonic() > deadline:
                    raise ArtifactUnavailable(
                        f"artifact {digest} cannot be had: {error.details()}"
                    ) from error
                log.info("artifact %s cannot be had yet: %s", digest, error.details())
                await asyncio.sleep(_RETRY_SECONDS)

    async def releases(self, task_ids: Sequence[str]) -> list[TaskRelease]:
        """What of these tasks' work may go. Raises HiveAway."""
        request = runner_pb2.AskReleasesRequest(task_ids=task_ids)
        try:
            answer = await self._stub.AskReleases(
                request, metadata=self._metadata(), timeout=_ASK_SECONDS
            )
        except (aio.AioRpcError, OSError) as error:
            raise HiveAway(str(error)) from error
        return [from_proto(task, TaskRelease) for task in answer.tasks]

    async def close(self) -> None:
        await self._channel.close()

    async def _get(self, digest: str, into: Path) -> None:
        call = self._stub.GetArtifact(
            runner_pb2.GetArtifactRequest(digest=digest),
            metadata=self._metadata(),
            timeout=_TRANSFER_SECONDS,
        )
        seen = hashlib.sha256()
        with into.open("wb") as file:
            async for response in call:
                seen.update(response.piece)
                file.write(response.piece)
        if seen.hexdigest() != digest:
            raise ArtifactUnavailable(f"artifact {digest} arrived as {seen.hexdigest()}")

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        """Read anew each time, so that a token can be exchanged."""
        return (("authorization", f"Bearer {self._token_file.read_text().strip()}"),)


async def _pieces(path: Path, ref: ArtifactRef) -> AsyncIterator[runner_pb2.PutArtifactRequest]:
    with path.open("rb") as file:
        first = plan_pb2.ArtifactRef(digest=ref.digest, size=ref.size)
        yield runner_pb2.PutArtifactRequest(ref=first, piece=file.read(PIECE))
        while piece := file.read(PIECE):
            yield runner_pb2.PutArtifactRequest(piece=piece)
