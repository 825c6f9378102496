"""What attempts hand in and take out: artifacts wait here on disk until the hive has them."""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from hive_contracts.plan import ArtifactRef
from hive_runner.errors import failed
from hive_shared.artifacts import MAX_ARTIFACT, PIECE, ArtifactMissing, Artifacts


class ArtifactSource(Protocol):
    """Where artifacts come from that are not here."""

    async def get(self, digest: str, into: Path) -> None:
        """Write an artifact to a file. Raises ArtifactUnavailable."""
        ...


class Depot:
    def __init__(self, folder: Path, source: ArtifactSource) -> None:
        self._folder = folder / "outgoing"
        self._shelf = Artifacts(self._folder)
        self._incoming = folder / "incoming"
        self._incoming.mkdir(exist_ok=True)
        self._source = source

    async def keep_file(self, path: Path) -> ArtifactRef:
        """Keep a copy of a file, durably. Raises StepFailed where the hive would refuse it."""
        return await asyncio.to_thread(self._copy, path)

    async def keep_bytes(self, content: bytes) -> ArtifactRef:
        return await asyncio.to_thread(self._shelf.put, content)

    def waiting(self, digest: str) -> Path | None:
        """The file of an artifact that the hive may not have yet."""
        try:
            return self._shelf.path(digest)
        except ArtifactMissing:
            return None

    def discard(self, digest: str) -> None:
        """The hive has it."""
        path = self.waiting(digest)
        if path is not None:
            path.unlink(missing_ok=True)

    def discard_all_but(self, digests: set[str]) -> None:
        """Drop what no report names: its attempt did not come so far."""
        self._shelf.discard_leftovers(float("inf"))
        for left in self._incoming.iterdir():
            shutil.rmtree(left)
        for path in self._folder.glob("??/*"):
            if path.name not in digests:
                path.unlink(missing_ok=True)

    @asynccontextmanager
    async def fetched(self, digest: str) -> AsyncIterator[Path]:
        """An artifact as a file, for reading. Raises ArtifactUnavailable."""
        with tempfile.TemporaryDirectory(dir=self._incoming) as folder:
            target = Path(folder) / "artifact"
            waiting = self.waiting(digest)
            if waiting is not None:
                # A link stays when the original is discarded meanwhile.
                target.hardlink_to(waiting)
            else:
                await self._source.get(digest, target)
            yield target

    def _copy(self, path: Path) -> ArtifactRef:
        size = path.stat().st_size
        if size > MAX_ARTIFACT:
            raise failed(
                "permanent",
                f"the result has {size} bytes, an artifact at most {MAX_ARTIFACT}:"
                " ignore or remove large files that need not be in the repository",
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            ref = ArtifactRef(digest, file.tell())
            if not self._shelf.has(digest):
                file.seek(0)
                with self._shelf.writer(ref) as writer:
                    while piece := file.read(PIECE):
                        writer.write(piece)
                    writer.commit()
        return ref
