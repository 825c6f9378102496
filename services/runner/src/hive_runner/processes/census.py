"""Which processes belong to an attempt, and what they use: one look at all processes a second.

A process belongs to an attempt if it is its leader's group or session, carries its marker, or is
the child of one that does, now or when it was last seen. So a daemon that leaves the group and the
session and wipes its environment still belongs, if it was there when somebody looked.

The look is shared by all attempts of the runner, since it costs some 20 µs a process.
"""

import asyncio
import contextlib
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

import msgspec
import psutil

from hive_runner.processes.bounds import Usage
from hive_runner.processes.processes import LINUX, MARKER, environment_of

_FRESH_SECONDS: Final = 0.5
_MARKED: Final = f"{MARKER}=".encode()
_TICKS: Final = os.sysconf("SC_CLK_TCK") if LINUX else 100
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Seen(msgspec.Struct, frozen=True):
    """A process at one moment."""

    pid: int
    parent: int
    group: int
    session: int
    start: float
    """Tells it from another one of its number."""
    memory: int
    """Bytes, those that it shares with others included."""
    cpu: float
    """Seconds, of itself and of the children that it has waited for."""
    marker: str


class Census:
    def __init__(self) -> None:
        self._last: dict[int, Seen] = {}
        self._at = float("-inf")
        self._looking: asyncio.Future[dict[int, Seen]] | None = None
        self._members: defaultdict[str, set[tuple[int, float]]] = defaultdict(set)
        """Of each marker, all that were ever seen and may live."""

    async def usage(self, leader: int, marker: str, *, shared_below: int = 0) -> Usage:
        """What an attempt uses. Beyond `shared_below` bytes, memory that its processes share is
        counted once, which is exact and dear."""
        members = await self.members(leader, marker)
        memory = sum(seen.memory for seen in members)
        if shared_below and memory > shared_below:
            memory = await asyncio.to_thread(_proportional, members)
        return Usage(memory, len(members), sum(seen.cpu for seen in members))

    async def members(self, leader: int, marker: str) -> list[Seen]:
        """The living processes of an attempt."""
        found = await self._look()
        known = self._members[marker]
        children: defaultdict[int, list[Seen]] = defaultdict(list)
        for seen in found.values():
            children[seen.parent].append(seen)
        waiting = [
            seen
            for seen in found.values()
            if seen.marker == marker
            or leader in (seen.pid, seen.group, seen.session)
            or (seen.pid, seen.start) in known
        ]
        members: dict[int, Seen] = {}
        while waiting:
            seen = waiting.pop()
            if seen.pid not in members:
                members[seen.pid] = seen
                waiting += children[seen.pid]
        known.clear()
        known.update((seen.pid, seen.start) for seen in members.values())
        return list(members.values())

    def known(self, marker: str) -> list[int]:
        """Numbers of those that were seen and are still the same processes."""
        alive = []
        for pid, start in self._members[marker]:
            with contextlib.suppress(OSError, ValueError, psutil.Error):
                if _see(pid, {}).start == start:
                    alive.append(pid)
        return alive

    def forget(self, marker: str) -> None:
        self._members.pop(marker, None)

    async def _look(self) -> dict[int, Seen]:
        if time.monotonic() - self._at < _FRESH_SECONDS:
            return self._last
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look_anew())
        # Others wait for the same look: whoever gives up must not end it.
        return await asyncio.shield(self._looking)

    async def _look_anew(self) -> dict[int, Seen]:
        try:
            self._last = await asyncio.to_thread(_everybody, self._last)
            self._at = time.monotonic()
            return self._last
        finally:
            self._looking = None


def _everybody(before: dict[int, Seen]) -> dict[int, Seen]:
    found: dict[int, Seen] = {}
    for pid in psutil.pids():
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
            found[pid] = _see(pid, before)
    return found


def _see(pid: int, before: dict[int, Seen]) -> Seen:
    """Raises OSError or psutil.Error of one that is gone."""
    if not LINUX:
        return _see_elsewhere(pid)
    # The name may have blanks and brackets: what follows it is after the last bracket.
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    if fields[0] in (b"Z", b"X"):
        raise ProcessLookupError(pid)
    start = float(fields[19])
    known = before.get(pid)
    same = known is not None and known.start == start
    return Seen(
        pid, int(fields[1]), int(fields[2]), int(fields[3]), start,
        int(fields[21]) * _PAGE, sum(map(int, fields[11:15])) / _TICKS,
        known.marker if known is not None and same else _marker(pid),
    )  # fmt: skip


def _see_elsewhere(pid: int) -> Seen:
    process = psutil.Process(pid)
    with process.oneshot():
        if process.status() == psutil.STATUS_ZOMBIE:
            raise ProcessLookupError(pid)
        times = process.cpu_times()
        return Seen(
            pid, process.ppid(), os.getpgid(pid), os.getsid(pid), process.create_time(),
            process.memory_info().rss, times.user + times.system, _marker(pid),
        )  # fmt: skip


def _marker(pid: int) -> str:
    with contextlib.suppress(OSError, psutil.Error):
        for variable in environment_of(pid):
            if variable.startswith(_MARKED):
                return variable[len(_MARKED) :].decode("utf-8", "replace")
    return ""


def _proportional(members: list[Seen]) -> int:
    """Memory with each shared page divided among those who share it."""
    total = 0
    for seen in members:
        try:
            text = Path(f"/proc/{seen.pid}/smaps_rollup").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since it was seen
        except OSError:
            total += seen.memory  # the kernel does not say
            continue
        # Of one that has ended and was not waited for yet nothing is said.
        total += sum(
            int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(b"Pss:")
        )
    return total
