"""Artifacts on their way in and out, in pieces. Files are touched in threads."""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Final

from hive_contracts.plan import ArtifactRef
from hive_contracts.v1 import runner_pb2
from hive_contracts.wire import from_proto
from hive_gateway.refusals import Refusal
from hive_gateway.retention.sweep import deleted_on
from hive_shared.artifacts import (
    PIECE,
    ArtifactCorrupt,
    ArtifactMismatch,
    ArtifactMissing,
    ArtifactReader,
    Artifacts,
    ArtifactTooLarge,
    ArtifactWriter,
    InvalidDigest,
)

When = Callable[[str], Awaitable[datetime | None]]
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)


class ArtifactTransfer:
    def __init__(self, artifacts: Artifacts, deleted: When | None = None) -> None:
        """`deleted` says when an artifact was deleted that is not here, if it was."""
        self._artifacts = artifacts
        self._deleted = deleted

    async def put(
        self, requests: AsyncIterator[runner_pb2.PutArtifactRequest]
    ) -> runner_pb2.PutArtifactResponse:
        """Raises Refusal; then, or where the caller goes away, nothing is kept."""
        with _refusing():
            async for first in requests:
                ref = from_proto(first.ref, ArtifactRef)
                if await asyncio.to_thread(self._artifacts.touch, ref.digest):
                    return runner_pb2.PutArtifactResponse(stored=False)
                with await asyncio.to_thread(self._artifacts.writer, ref) as writer:
                    await _write(writer, first.piece)
                    async for request in requests:
                        await _write(writer, request.piece)
                    await asyncio.to_thread(writer.commit)
                return runner_pb2.PutArtifactResponse(stored=True)
        raise Refusal("invalid", "the first piece names digest and size", "ref")

    async def get(self, digest: str) -> AsyncIterator[runner_pb2.GetArtifactResponse]:
        """Raises Refusal, also in the middle, where the blob turns out to be damaged."""
        with _refusing(), await self._reader(digest) as reader:
            size = reader.ref.size
            piece = await asyncio.to_thread(reader.read)
            yield runner_pb2.GetArtifactResponse(size=size, piece=piece)
            while piece := await asyncio.to_thread(reader.read):
                yield runner_pb2.GetArtifactResponse(piece=piece)

    async def _reader(self, digest: str) -> ArtifactReader:
        """Raises ArtifactError; Refusal where it was deleted."""
        try:
            return await asyncio.to_thread(self._artifacts.reader, digest)
        except ArtifactMissing:
            moment = None if self._deleted is None else await self._deleted(digest)
            if moment is None:
                raise
            raise Refusal(
                "deleted",
                f"this was {deleted_on(moment)}",
                "",
                "artifacts_retention says how long such is kept",
            ) from None


async def _write(writer: ArtifactWriter, piece: bytes) -> None:
    if len(piece) > PIECE:
        raise Refusal("invalid", f"a piece of {len(piece)} bytes, {PIECE} at most", "piece")
    if piece:
        await asyncio.to_thread(writer.write, piece)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """What goes wrong with a file, as a refusal."""
    try:
        yield
    except ArtifactTooLarge as error:
        raise Refusal("too-large", str(error), "ref.size") from None
    except InvalidDigest as error:
        raise Refusal("invalid", str(error), "digest") from None
    except ArtifactMismatch as error:
        raise Refusal("invalid", str(error), "ref", "send the bytes that were announced") from None
    except ArtifactMissing as error:
        raise Refusal("not-found", str(error), "digest") from None
    except ArtifactCorrupt as error:
        raise Refusal("damaged", str(error), "digest", "put it back from a backup") from None
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise Refusal("full", "no space is left for artifacts on the hive") from error
        raise Refusal("unavailable", f"artifacts cannot be reached: {error}") from error
