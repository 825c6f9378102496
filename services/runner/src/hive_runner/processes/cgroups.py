"""Control groups (version 2) for attempts, where the runner may make them.

    <the runner's own group>/
        hive-runner/       the runner itself: a group with limits for its children has no processes
        hive-<marker>/     one command of an attempt, with all that it starts

What a process starts is in its group, whatever it does to its session or environment, and
`cgroup.kill` ends all of a group at once. A group of a user's service (`systemd-run --user
--property=Delegate=yes`) and root may make them; most logins may not.
"""

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hive_runner.processes.bounds import Limits, shown

log = logging.getLogger(__name__)

_MOUNTS: Final = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
_OWN: Final = Path("/proc/self/cgroup")
_WANTED: Final = ("memory", "pids")
_PREFIX: Final = "hive-"
LEFT_SECONDS: Final = 60.0
"""An empty group that is older was left by a runner that is gone."""


class Cgroups:
    """A group that the runner may make groups in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.controllers: tuple[str, ...] = ()
        """Of the resources that groups here can limit."""

    def prepare(self) -> None:
        """Clear up what is left, and hand as many controllers down as can be. Raises OSError."""
        for left in self.folder.glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                # A younger one may be another runner's, made for a command that it is starting.
                if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                    left.rmdir()
        probe = self.folder / f"{_PREFIX}probe-{os.getpid()}"
        probe.mkdir()
        try:
            if not (probe / "cgroup.kill").exists():
                raise FileNotFoundError("this kernel cannot end a group at once")
        finally:
            probe.rmdir()
        offered = (self.folder / "cgroup.controllers").read_text().split()
        wanted = [name for name in _WANTED if name in offered]
        if wanted and self._hand_down(wanted):
            self.controllers = tuple(wanted)

    def _hand_down(self, wanted: Sequence[str]) -> bool:
        """A group with processes of its own cannot: the runner goes into one below, if alone."""
        own = self.folder / f"{_PREFIX}runner"
        try:
            own.mkdir(exist_ok=True)
            (own / "cgroup.procs").write_text(str(os.getpid()))
            (self.folder / "cgroup.subtree_control").write_text(
                " ".join(f"+{name}" for name in wanted)
            )
        except OSError:
            with contextlib.suppress(OSError):
                (self.folder / "cgroup.procs").write_text(str(os.getpid()))
                own.rmdir()
            return False
        return True

    def open(self, marker: str, limits: Limits) -> "Cgroup":
        """A group for one command. Raises OSError."""
        group = Cgroup(self.folder / f"{_PREFIX}{marker}", limits)
        group.folder.mkdir(exist_ok=True)
        if "memory" in self.controllers and limits.memory:
            (group.folder / "memory.max").write_text(str(limits.memory))
            with contextlib.suppress(OSError):
                (group.folder / "memory.swap.max").write_text("0")
        if "pids" in self.controllers and limits.processes:
            (group.folder / "pids.max").write_text(str(limits.processes))
        return group

    def kill_left(self, marker: str) -> None:
        """End what a runner that is gone left in a command's group."""
        if "/" not in marker:
            Cgroup(self.folder / f"{_PREFIX}{marker}", Limits()).kill()


class Cgroup:
    """One command's group."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self._limits = limits

    def take(self, pid: int) -> None:
        """Put a process in that has not begun. Raises OSError."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def alive(self) -> bool:
        return bool(self.members())

    def members(self) -> list[int]:
        """Its processes, those in groups that it made below included."""
        found: list[int] = []
        for procs in self.folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found += map(int, procs.read_text().split())
        return found

    def kill(self) -> None:
        """End all of its processes at once."""
        with contextlib.suppress(OSError):
            (self.folder / "cgroup.kill").write_text("1")

    def struck(self) -> str:
        """What a person is told where the kernel kept it within a limit; empty if it did not."""
        if self._count("memory.events", "oom_kill"):
            return f"it used more than {shown(self._limits.memory)} of memory"
        if self._count("pids.events", "max"):
            return f"it had more than {self._limits.processes} processes"
        return ""

    def close(self) -> None:
        """The group goes; one that still has processes stays, and the next runner tries again."""
        for folder in sorted(self.folder.rglob("*/"), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        try:
            self.folder.rmdir()
        except OSError as error:
            log.warning("the control group %s stays: %s", self.folder, error)

    def _count(self, file: str, name: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            for line in (self.folder / file).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == name:
                    return int(value)
        return 0


def find() -> Cgroups | str:
    """The runner's own group, ready for use; else why there is none."""
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        return "this system has none"
    own = next((line[3:] for line in lines if line.startswith("0::")), "")
    mounted = [mount for mount in _MOUNTS if (mount / "cgroup.procs").exists()]
    if not own or not mounted:
        return "version 2 is not mounted"
    groups = Cgroups(mounted[0] / own.lstrip("/"))
    try:
        groups.prepare()
    except OSError as error:
        return f"{groups.folder} cannot be used: {error.strerror or error}"
    return groups
