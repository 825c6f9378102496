"""All processes of one command: found, measured, signalled and ended together.

Four nets, each with other holes: the process group, the marker in the environment, what the census
has seen, and a control group where there is one, which has none.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Final

from hive_runner.processes import processes
from hive_runner.processes.bounds import confine, shown, used_on_disk
from hive_runner.processes.cgroups import Cgroup
from hive_runner.processes.confinement import Confinement

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0
_DISK_LOOKS: Final = 30
"""A look at the disk for so many at the processes, or as soon as much was written."""
_SHELL_SAYS: Final = 128
"""A shell and a sandbox add this to the number of the signal that ended their command."""


class Crowd:
    def __init__(self, leader: int, marker: str, confinement: Confinement) -> None:
        self._leader = leader
        self._marker = marker
        self._limits = confinement.limits
        self._census = confinement.census
        self._cgroups = confinement.cgroups
        self._sandboxed = confinement.sandbox is not None
        self._group: Cgroup | None = None

    @property
    def cgroup(self) -> Path | None:
        """Its control group's folder, if it has one."""
        return self._group.folder if self._group is not None else None

    def confine(self) -> None:
        """Before the leader begins: what it starts will be within the same limits."""
        if self._cgroups is not None:
            try:
                self._group = self._cgroups.open(self._marker, self._limits)
                self._group.take(self._leader)
            except OSError as error:
                log.warning("an attempt has no control group: %s", error)
        confine(self._leader, self._limits)

    async def struck(self, folders: tuple[Path, ...]) -> str:
        """Wait until a limit is passed; answers which, as a clause for people."""
        looks, free = 0, self._free(folders)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            usage = await self._census.usage(
                self._leader, self._marker, shared_below=self._limits.memory
            )
            told = self._limits.exceeded(usage)
            if told:
                return told
            looks += 1
            now = self._free(folders)
            if self._limits.disk and (looks >= _DISK_LOOKS or free - now > self._limits.disk // 4):
                looks, free = 0, now
                if await asyncio.to_thread(used_on_disk, folders) > self._limits.disk:
                    return f"its files took more than {shown(self._limits.disk)}"

    def told_by_the_kernel(self, exit_code: int) -> str:
        """The limit that a command met by itself, if its end tells of one."""
        number = -exit_code if exit_code < 0 else exit_code - _SHELL_SAYS
        told = self._group.struck() if self._group is not None and exit_code else ""
        return told or self._limits.of_signal(number)

    def alive(self, but: frozenset[int] = frozenset()) -> bool:
        """Whether any is left; those in `but` are known to be older."""
        if self._group is not None and self._group.alive():
            return True
        return processes.alive(self._leader, self._marker, but) or bool(self._strays())

    def left(self, but: frozenset[int] = frozenset()) -> frozenset[int]:
        """All that are left; those in `but` are known to be older."""
        group = self._group.members() if self._group is not None else []
        marked = (process.pid for process in processes.marked(self._marker, but))
        return frozenset((*group, *processes.in_group(self._leader), *marked, *self._strays()))

    def send(self, number: signal.Signals) -> None:
        """Signal all of them. A sandbox is only killed: what is in it would have no time to end."""
        spared = frozenset({self._leader}) if self._spares(number) else frozenset()
        processes.send(self._leader, self._marker, number, spared)
        for pid in self._strays():
            if pid not in spared:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        if self._group is not None and number == signal.SIGKILL:
            self._group.kill()

    def leads(self) -> bool:
        """Whether the leader is still at work."""
        return processes.leads(self._leader, self._marker)

    def send_leader(self, number: signal.Signals) -> None:
        """Signal the leader alone. In a sandbox that is the first process within."""
        if not self._sandboxed:
            processes.send_leader(self._leader, self._marker, number)
            return
        for pid in processes.commands_within(self._leader):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def close(self) -> None:
        self._census.forget(self._marker)
        if self._group is not None:
            self._group.close()

    def _spares(self, number: signal.Signals) -> bool:
        return self._sandboxed and number != signal.SIGKILL

    def _strays(self) -> list[int]:
        return self._census.known(self._marker)

    def _free(self, folders: tuple[Path, ...]) -> int:
        try:
            return shutil.disk_usage(folders[0]).free
        except OSError:
            return 0
