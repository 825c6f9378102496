"""What one attempt may use of its machine, and what people are told when that is too much.

    memory, processes, processor time, disk    of all processes of a command together: measured
                                               once a second, and ended when they are beyond
    the size of one file, open files, core     of each process: the kernel's limits (setrlimit),
                                               from the first instruction on

A second is long: what grows faster meets the kernel first, which is told to take an attempt's
processes before anybody else's. Where the runner may make control groups (`cgroups`), the kernel
also keeps memory and processes of an attempt within their limit at every moment.
"""

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec

_FIRST_TO_DIE: Final = b"500"
"""For the kernel that must end something for lack of memory: before the hive and the desktop."""
_LINUX: Final = sys.platform == "linux"


class Limits(msgspec.Struct, frozen=True):
    """Of one attempt; 0 is no limit. Sizes are bytes, times seconds."""

    memory: int = 0
    processes: int = 0
    cpu: float = 0
    disk: int = 0
    file_size: int = 0
    open_files: int = 0

    def exceeded(self, usage: "Usage") -> str:
        """What a person is told of a usage beyond; empty where it is within."""
        if self.memory and usage.memory > self.memory:
            return f"it used more than {shown(self.memory)} of memory"
        if self.processes and usage.processes > self.processes:
            return f"it had more than {self.processes} processes"
        if self.cpu and usage.cpu > self.cpu:
            return f"it used more than {self.cpu:.0f} s of processor time"
        return ""

    def of_signal(self, number: int) -> str:
        """What a signal of the kernel's says of a limit; empty for any other."""
        if number == signal.SIGXFSZ and self.file_size:
            return f"it wrote a file of more than {shown(self.file_size)}"
        if number == signal.SIGXCPU and self.cpu:
            return f"it used more than {self.cpu:.0f} s of processor time"
        return ""


class Usage(msgspec.Struct, frozen=True):
    """Of all processes of an attempt together, at one moment."""

    memory: int = 0
    processes: int = 0
    cpu: float = 0


def shown(size: int) -> str:
    """A size as people read it."""
    for unit, exponent in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << exponent:
            return f"{size / (1 << exponent):.4g} {unit}"
    return f"{size} bytes"


def confine(pid: int, limits: Limits) -> None:
    """Set the kernel's limits of a process that has not begun, and of its children with it."""
    if not _LINUX:
        return  # macOS sets no limits of another process
    _lower(pid, resource.RLIMIT_CORE, 0)
    if limits.file_size:
        _lower(pid, resource.RLIMIT_FSIZE, limits.file_size)
    if limits.open_files:
        _lower(pid, resource.RLIMIT_NOFILE, limits.open_files)
    if limits.cpu:
        _lower(pid, resource.RLIMIT_CPU, int(limits.cpu))
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_bytes(_FIRST_TO_DIE)


def _lower(pid: int, kind: int, value: int) -> None:
    """A limit is never raised: the machine's own may be lower."""
    # One that ended already, and systems that let nobody do this: the looks at it remain.
    with contextlib.suppress(OSError, ValueError):
        soft, hard = resource.prlimit(pid, kind)
        top = value if hard == resource.RLIM_INFINITY else min(value, hard)
        low = top if soft == resource.RLIM_INFINITY else min(top, max(soft, 0))
        if kind == resource.RLIMIT_NOFILE:
            low = top  # its soft limit is often far too low for a build
        if kind == resource.RLIMIT_CPU:
            top = top + 5 if hard == resource.RLIM_INFINITY else top  # first a signal with a name
        resource.prlimit(pid, kind, (low, top))


def used_on_disk(folders: "tuple[Path, ...]") -> int:
    """Bytes that folders take; what vanishes meanwhile is not counted, and no link is followed."""
    total = 0
    waiting = [str(folder) for folder in folders]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    # A file with many names is counted once: the others share it with a cache.
                    total += (
                        found.st_blocks * 512 // max(1, found.st_nlink if _is_file(entry) else 1)
                    )
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total


def _is_file(entry: "os.DirEntry[str]") -> bool:
    return entry.is_file(follow_symlinks=False)
