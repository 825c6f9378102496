"""What is handed in: files as artifacts, and a task that was taken."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.plan import ArtifactRef
from hive_contracts.v1 import mission_pb2, plan_pb2, runner_pb2

PIECE: Final = 256 * 1024
"""Bytes of the pieces in which artifacts travel."""
TRANSFER_SECONDS: Final = 3600.0


class Given(msgspec.Struct, frozen=True):
    """What a person hands back of a task."""

    epoch: int = 0
    """Under which it was taken; 0 is whichever it is."""
    commit: str = ""
    """What the work goes on from; empty adds nothing to the tip."""
    bundle: ArtifactRef | None = None
    """The git bundle `tip..commit`, which the hive has."""
    note: str = ""
    """For the attempts that come after."""
    done: bool = False
    """The commit is the result."""
    drop: bool = False
    """As if the task had never been taken."""
    force: bool = False
    """Although another has it."""


def given_request(
    command_id: str, mission: str, task: str, given: Given
) -> mission_pb2.GiveRequest:
    request = mission_pb2.GiveRequest(
        command_id=command_id,
        mission=mission,
        task=task,
        epoch=given.epoch,
        commit=given.commit,
        note=given.note,
        done=given.done,
        drop=given.drop,
        force=given.force,
    )
    if given.bundle is not None:
        request.bundle.CopyFrom(_message(given.bundle))
    return request


def ref_of(path: Path) -> ArtifactRef:
    """Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ArtifactRef(digest, file.tell())


async def pieces(path: Path, ref: ArtifactRef) -> AsyncIterator[runner_pb2.PutArtifactRequest]:
    with path.open("rb") as file:
        yield runner_pb2.PutArtifactRequest(ref=_message(ref), piece=file.read(PIECE))
        while piece := file.read(PIECE):
            yield runner_pb2.PutArtifactRequest(piece=piece)


def _message(ref: ArtifactRef) -> plan_pb2.ArtifactRef:
    return plan_pb2.ArtifactRef(digest=ref.digest, size=ref.size)
