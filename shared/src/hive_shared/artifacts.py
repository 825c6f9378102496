"""Artifacts: blobs named by their SHA-256, in a folder.

    <root>/ab/abcdef…     complete, verified, on disk
    <root>/part/<random>  being written
    <root>/gone/abcdef…   on its way out

A blob is written under a temporary name, hashed on the way, synced, and renamed to its digest only
if it is what it said it would be: whoever finds a digest's file finds the whole blob, whatever
crashed. Two writers of the same blob rename the same bytes over each other.

All calls block: on an event loop, run them in a thread.

    ArtifactError
    ├── InvalidDigest     not 64 lower-case hex digits
    ├── ArtifactTooLarge  more than MAX_ARTIFACT bytes
    ├── ArtifactMismatch  the bytes are not what was announced
    ├── ArtifactMissing   no such blob here
    └── ArtifactCorrupt   the bytes on disk are not those of the digest
"""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from hive_contracts.plan import ArtifactRef

MAX_ARTIFACT: Final = 2 * 1024**3
"""Bytes of one artifact."""
PIECE: Final = 256 * 1024
"""Bytes of the pieces in which artifacts travel."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class ArtifactError(Exception):
    """An artifact could not be stored or read."""


class InvalidDigest(ArtifactError):
    """Not 64 lower-case hex digits."""


class ArtifactTooLarge(ArtifactError):
    """More than MAX_ARTIFACT bytes."""


class ArtifactMismatch(ArtifactError):
    """The bytes are not what was announced; nothing was stored."""


class ArtifactMissing(ArtifactError):
    """No such blob here."""


class ArtifactCorrupt(ArtifactError):
    """The bytes on disk are not those of the digest."""


class ArtifactWriter:
    """One blob on its way in: nothing is kept unless `commit` returned."""

    def __init__(self, folder: Path, parts: Path, ref: ArtifactRef) -> None:
        self._target = folder / ref.digest[:2] / ref.digest
        self._ref = ref
        self._hash = hashlib.sha256()
        self._written = 0
        descriptor, self._part = tempfile.mkstemp(dir=parts)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def write(self, piece: bytes) -> None:
        """Raises ArtifactMismatch as soon as there is more than was announced."""
        self._written += len(piece)
        if self._written > self._ref.size:
            raise ArtifactMismatch(f"more than the {self._ref.size} bytes that were announced")
        self._hash.update(piece)
        self._file.write(piece)

    def commit(self) -> None:
        """Keep the blob, durably. Raises ArtifactMismatch."""
        if self._written != self._ref.size:
            raise ArtifactMismatch(f"{self._written} bytes, {self._ref.size} were announced")
        digest = self._hash.hexdigest()
        if digest != self._ref.digest:
            raise ArtifactMismatch(f"the bytes are those of {digest}, not of {self._ref.digest}")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._target.parent.mkdir(exist_ok=True)
        os.replace(self._part, self._target)
        _sync_folder(self._target.parent)
        _sync_folder(self._target.parent.parent)

    def discard(self) -> None:
        """Forget what was written and not committed."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._part)


class ArtifactReader:
    """One blob on its way out; the pieces are checked against the digest as they are read."""

    def __init__(self, file: IO[bytes], ref: ArtifactRef) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._read = 0
        self.ref = ref

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self) -> bytes:
        """The next piece, empty at the end. Raises ArtifactCorrupt in place of the last piece."""
        piece = self._file.read(PIECE)
        self._hash.update(piece)
        self._read += len(piece)
        at_end = self._read >= self.ref.size or not piece
        if at_end and self._hash.hexdigest() != self.ref.digest:
            raise ArtifactCorrupt(f"artifact {self.ref.digest} is damaged on disk")
        return piece


class Artifacts:
    """The artifacts in one folder, which any number of processes may share."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._parts = root / "part"
        self._parts.mkdir(parents=True, exist_ok=True)
        self._gone = root / "gone"

    def has(self, digest: str) -> bool:
        return self._path(digest).exists()

    def touch(self, digest: str) -> bool:
        """Whether a blob is here; if so, it was handed in now, once more."""
        try:
            os.utime(self._path(digest))
        except FileNotFoundError:
            return False
        return True

    def delete(self, digest: str, before: float) -> bool:
        """Delete a blob that nobody handed in since a moment (seconds since 1970).

        Answers whether it is gone now. A `touch` at the same time is either seen here, and the
        blob stays, or finds no blob, and it is handed in anew: the file is looked at where no
        `touch` finds it any more.
        """
        path, aside = self._path(digest), self._gone / digest
        self._gone.mkdir(exist_ok=True)
        try:
            if path.stat().st_mtime >= before:
                return False
            path.rename(aside)
        except FileNotFoundError:
            return True
        try:
            if aside.stat().st_mtime < before:
                aside.unlink()
                return True
            aside.rename(path)
        except FileNotFoundError:
            pass  # another process that started has put it back
        return False

    def put_back(self) -> None:
        """Undo deletions that were cut short: whether they may go is judged again."""
        for aside in self._gone.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                aside.rename(self._path(aside.name))

    def path(self, digest: str) -> Path:
        """The file of a blob, for reading only. Raises ArtifactMissing."""
        path = self._path(digest)
        if not path.exists():
            raise ArtifactMissing(f"artifact {digest} is not here")
        return path

    def writer(self, ref: ArtifactRef) -> ArtifactWriter:
        """Raises InvalidDigest, ArtifactTooLarge."""
        _check_digest(ref.digest)
        if not 0 <= ref.size <= MAX_ARTIFACT:
            raise ArtifactTooLarge(f"{ref.size} bytes; an artifact has at most {MAX_ARTIFACT}")
        return ArtifactWriter(self._root, self._parts, ref)

    def reader(self, digest: str) -> ArtifactReader:
        """Raises ArtifactMissing, InvalidDigest."""
        try:
            file = self._path(digest).open("rb")
        except FileNotFoundError:
            raise ArtifactMissing(f"artifact {digest} is not here") from None
        return ArtifactReader(file, ArtifactRef(digest, os.fstat(file.fileno()).st_size))

    def put(self, content: bytes) -> ArtifactRef:
        """Store a blob that is in memory. Raises ArtifactTooLarge."""
        ref = ArtifactRef(hashlib.sha256(content).hexdigest(), len(content))
        if not self.has(ref.digest):
            with self.writer(ref) as writer:
                writer.write(content)
                writer.commit()
        return ref

    def get(self, digest: str, limit: int) -> bytes:
        """A whole blob. Raises ArtifactMissing, ArtifactCorrupt; ArtifactTooLarge over `limit`."""
        with self.reader(digest) as reader:
            if reader.ref.size > limit:
                raise ArtifactTooLarge(f"{reader.ref.size} bytes; at most {limit} were expected")
            return b"".join(pieces(reader))

    def discard_leftovers(self, before: float) -> int:
        """Delete parts last written before a moment (seconds since 1970); returns how many."""
        stale = [part for part in self._parts.iterdir() if part.stat().st_mtime < before]
        for part in stale:
            part.unlink(missing_ok=True)
        return len(stale)

    def _path(self, digest: str) -> Path:
        _check_digest(digest)
        return self._root / digest[:2] / digest


def pieces(reader: ArtifactReader) -> Iterator[bytes]:
    """All pieces of a blob, in order. Raises ArtifactCorrupt."""
    while piece := reader.read():
        yield piece


def _check_digest(digest: str) -> None:
    # Also what keeps a path from leaving the folder.
    if _DIGEST.fullmatch(digest) is None:
        raise InvalidDigest(f"{digest[:80]!r} is no digest: expected 64 lower-case hex digits")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
