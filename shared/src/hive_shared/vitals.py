"""What a process can say of itself: each part that has something to say registers here.

Readers are called when a heartbeat is due, every two seconds, so nothing is counted for their sake
while work is done. A reader must be quick and must not raise.
"""

import shutil
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from hive_contracts.heartbeat import (
    Counted,
    Disk,
    Need,
    PoolUse,
    QueueUse,
    RunnerHeard,
    Wanted,
)
from hive_shared import telemetry
from hive_shared.handling import Handling
from hive_shared.settings.values import MOST_KEPT_FREE

MAX_REASON: Final = 300
"""Characters of a reason that travel."""


class Vitals:
    """The registered parts of one process."""

    def __init__(self) -> None:
        self.host = socket.gethostname()
        self.address = ""
        """Where this process's HTTP listens, as others may reach it."""
        self._needs: list[Callable[[], Iterable[Need]]] = []
        self._handlers: list[Handling] = []
        self._pools: list[Callable[[], PoolUse]] = []
        self._queues: list[Callable[[], Iterable[QueueUse]]] = []
        self._disks: list[Path] = []
        self._runners: list[Callable[[], Iterable[RunnerHeard]]] = []
        self._demand: Callable[[], tuple[Wanted, ...] | None] = lambda: None
        self._counters: Callable[[], tuple[Iterable[Counted], bool]] = lambda: ((), True)

    def needs(self, look: Callable[[], Iterable[Need]]) -> None:
        self._needs.append(look)

    def need(self, name: str, trouble: Callable[[], str], *, needed: bool = True) -> None:
        """One dependency; `trouble` says what is wrong with it, or nothing."""

        def look() -> list[Need]:
            reason = trouble()[:MAX_REASON]
            return [Need(name, not reason, reason, needed)]

        self._needs.append(look)

    def handling(self, handling: Handling) -> None:
        self._handlers.append(handling)

    def pool(self, use: Callable[[], PoolUse]) -> None:
        self._pools.append(use)

    def queues(self, look: Callable[[], Iterable[QueueUse]]) -> None:
        self._queues.append(look)

    def queue(self, name: str, waiting: Callable[[], int]) -> None:
        """One of which only its length is known."""
        self._queues.append(lambda: [QueueUse(name, waiting())])

    def disk(self, folder: Path) -> None:
        """The file system of a folder; one that does not exist is left out."""
        self._disks.append(folder)

    def runners(self, heard: Callable[[], Iterable[RunnerHeard]]) -> None:
        self._runners.append(heard)

    def counters(self, read: Callable[[], tuple[Iterable[Counted], bool]]) -> None:
        """Those that changed since the last time, and whether that is all of them."""
        self._counters = read

    def demand(self, read: Callable[[], tuple[Wanted, ...] | None]) -> None:
        """What runners are wanted for; None while it is not this process that knows."""
        self._demand = read

    def taken(self) -> dict[str, Any]:
        """The fields of a heartbeat that are told of here."""
        counters, whole = self._counters()
        return {
            "host": self.host,
            "address": self.address,
            "needs": tuple(need for look in self._needs for need in look()),
            "handlers": tuple(handling.handled() for handling in self._handlers),
            "pools": tuple(use() for use in self._pools),
            "queues": tuple(queue for look in self._queues for queue in look()),
            "disks": tuple(filter(None, map(_disk, self._disks))),
            "runners": tuple(runner for heard in self._runners for runner in heard()),
            "counters": (*counters, *telemetry.counted()),
            "counters_whole": whole,
            "demand": self._demand(),
        }


def kept_free(total: int) -> int:
    """Bytes of a disk that are to stay free, where the settings do not say."""
    return min(total // 10, MOST_KEPT_FREE)


def _disk(folder: Path) -> Disk | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Disk(str(folder), usage.total, usage.free, kept_free(usage.total))
