"""Reports on their way, on disk until the hive has answered them.

A journal: a line for each report added, a line for those answered. Reports that are added at the
same time share one sync. A line that was cut off by a crash was never promised to anybody.
"""

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.link.reports import Report
from hive_runner.unhurried import unhurried

log = logging.getLogger(__name__)

_COMPACT_BYTES: Final = 8 * 1024 * 1024


class _Added(msgspec.Struct, frozen=True, tag="added"):
    report: Report


class _Answered(msgspec.Struct, frozen=True, tag="answered"):
    command_ids: tuple[str, ...]


_DECODER: Final = msgspec.json.Decoder(_Added | _Answered)


class Spool:
    """Open one per folder; only one process may."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: dict[str, Report] = {}
        self._unwritten: list[_Added] = []
        self._writing = asyncio.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._size = self._read()
        os.ftruncate(self._descriptor, self._size)
        _sync_folder(path.parent)

    @property
    def pending(self) -> tuple[Report, ...]:
        """Reports without an answer, in the order in which they were added."""
        return tuple(self._pending.values())

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._pending

    async def add(self, report: Report) -> None:
        """Keep a report; it is on disk when this returns. Raises OSError, and keeps nothing."""
        mine = _Added(report)
        self._unwritten.append(mine)
        try:
            async with self._writing:
                if mine in self._unwritten:
                    lines, self._unwritten = self._unwritten, []
                    await unhurried(self._write_added(lines))
        except OSError:
            # The reports of others that came along are tried again by those who added them.
            self._unwritten = [line for line in lines if line is not mine] + self._unwritten
            raise
        except asyncio.CancelledError:
            self._unwritten = [line for line in self._unwritten if line is not mine]
            raise

    async def answered(self, command_ids: Iterable[str]) -> list[Report]:
        """The hive has answered these; returns those that were pending.

        Not synced, and no failure: a report that is found again is sent again under its id.
        """
        known = tuple(id for id in command_ids if id in self._pending)
        if not known:
            return []
        gone = [self._pending.pop(id) for id in known]
        async with self._writing:
            try:
                await unhurried(self._write_answered(known))
            except OSError as error:
                log.warning("the spool keeps reports that are answered: %s", error)
        return gone

    async def _write_added(self, lines: list[_Added]) -> None:
        await asyncio.to_thread(self._append, lines, sync=True)
        for line in lines:
            self._pending[line.report.command_id] = line.report

    async def _write_answered(self, command_ids: tuple[str, ...]) -> None:
        if not self._pending or self._size > _COMPACT_BYTES:
            await asyncio.to_thread(self._compact, self.pending)
        else:
            await asyncio.to_thread(self._append, [_Answered(command_ids)], sync=False)

    def close(self) -> None:
        os.close(self._descriptor)

    def _append(self, lines: Sequence[_Added | _Answered], *, sync: bool) -> None:
        block = _encoded(lines)
        try:
            written = 0
            while written < len(block):
                written += os.pwrite(self._descriptor, block[written:], self._size + written)
            if sync:
                os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(block)

    def _compact(self, pending: Sequence[Report]) -> None:
        """Write the journal anew, with what is pending only."""
        if not pending:
            os.ftruncate(self._descriptor, 0)
            self._size = 0
            return
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_CREAT | os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        block = _encoded([_Added(report) for report in pending])
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(block)
            os.fsync(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        fresh.replace(self._path)
        os.close(self._descriptor)
        self._descriptor, self._size = descriptor, len(block)

    def _read(self) -> int:
        """Take in what is on disk; returns how many bytes of it are whole lines."""
        whole = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    break
                entry = _DECODER.decode(line)
            except msgspec.DecodeError:
                break
            whole += len(line)
            match entry:
                case _Added(report=report):
                    self._pending[report.command_id] = report
                case _Answered(command_ids=ids):
                    for id in ids:
                        self._pending.pop(id, None)
        return whole


def _encoded(lines: Sequence[_Added | _Answered]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
