"""Finding the processes of an attempt, also those that left its group.

Every process of an attempt carries its marker in the environment (`HIVE_ATTEMPT_ID`), which
children inherit. A daemon that made a session of its own is found by that; one that also wiped its
environment is not.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

MARKER: Final = "HIVE_ATTEMPT_ID"
LINUX: Final = sys.platform == "linux"
_SAME_START: Final = 2.0
"""Seconds: start times are computed from a clock that may be corrected meanwhile."""


def start_time(pid: int) -> float:
    """When a process started, in seconds since 1970. Raises psutil.NoSuchProcess."""
    return psutil.Process(pid).create_time()


def started_at(pid: int, start: float) -> bool:
    """Whether this is still the process that started then, and not another one of that number."""
    try:
        return abs(start_time(pid) - start) < _SAME_START
    except psutil.NoSuchProcess:
        return False


def pids() -> frozenset[int]:
    """The processes that there are now."""
    return frozenset(psutil.pids())


def marked(marker: str, but: frozenset[int] = frozenset()) -> list[psutil.Process]:
    """The living processes that carry a marker; those in `but` are not looked at."""
    wanted = f"{MARKER}={marker}".encode()
    found: list[psutil.Process] = []
    for pid in psutil.pids():
        try:
            if pid not in but and wanted in environment_of(pid):
                found.append(psutil.Process(pid))
        except (psutil.Error, OSError):
            continue  # it ended, or belongs to somebody else
    return found


def in_group(group: int) -> Iterator[int]:
    """The living processes of a group; zombies have ended."""
    for pid in psutil.pids():
        try:
            if os.getpgid(pid) == group and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                yield pid
        except (psutil.Error, OSError):
            continue


def alive(group: int, marker: str, but: frozenset[int] = frozenset()) -> bool:
    """Whether anything of a group, or of what carries its marker outside of it, is left.

    To look at all processes costs 50 µs each, so those that are older than the group are left out.
    """
    return any(in_group(group)) or bool(marked(marker, but))


def send(
    group: int, marker: str, number: signal.Signals, but: frozenset[int] = frozenset()
) -> None:
    """Signal a group, and whoever carries its marker outside of it, but for those in `but`."""
    # macOS says PermissionError of a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if not but:
            os.killpg(group, number)
        for pid in in_group(group) if but else ():
            if pid not in but:
                os.kill(pid, number)
    signal_marked(marker, number, but)


def signal_marked(marker: str, number: signal.Signals, but: frozenset[int] = frozenset()) -> None:
    for process in marked(marker, but):
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def leads(group: int, marker: str) -> bool:
    """Whether a group's leader is still at work."""
    return any(process.pid == group for process in marked(marker))


def send_leader(group: int, marker: str, number: signal.Signals) -> None:
    """Signal a group's leader alone, if it still is the attempt's."""
    for process in marked(marker):
        if process.pid == group:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)


def commands_within(sandbox: int) -> list[int]:
    """The processes that a sandbox has begun: the children of the first one in it."""
    try:
        return [
            inner.pid for first in psutil.Process(sandbox).children() for inner in first.children()
        ]
    except psutil.Error:
        return []


def environment_of(pid: int) -> list[bytes]:
    if LINUX:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return [f"{name}={value}".encode() for name, value in psutil.Process(pid).environ().items()]
