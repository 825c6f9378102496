"""Operating-system processes, named by pid *and* start time: a pid alone may be reused."""

import ctypes
import grp
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import psutil

POLL_S: Final = 0.02
"""Seconds between two looks at something that announces nothing."""


_KILLED_S: Final = 5.0
"""Seconds within which a killed process is gone, unless the kernel holds it."""

_PR_SET_CHILD_SUBREAPER: Final = 36

_CHILDREN: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""Programs that this process started and has not reaped yet."""


class ProcessId(msgspec.Struct, frozen=True):
    pid: int
    started: float
    """Seconds since 1970, as the kernel tells it."""


def identity(pid: int) -> ProcessId:
    """Raises psutil.NoSuchProcess when it is gone already."""
    return ProcessId(pid, psutil.Process(pid).create_time())


def find(process: ProcessId) -> psutil.Process | None:
    """The process, if it still runs and is the one that was meant; a zombie is gone."""
    try:
        found = psutil.Process(process.pid)
        # The kernel counts in ticks of 10 ms since boot; the boot time itself may be adjusted.
        same = abs(found.create_time() - process.started) < 1.0
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def alive(process: ProcessId) -> bool:
    return find(process) is not None


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: str = "/",
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (no terminal's Ctrl-C reaches it), output to `log`.

    `user` is the account to change to, its own group only; None keeps the caller's.
    """
    as_user: dict[str, str | list[str]] = {}
    if user is not None:
        as_user = {"user": user, "group": primary_group(user), "extra_groups": []}
    with log.open("ab") as output:
        child: subprocess.Popen[bytes] = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
            **as_user,  # type: ignore[call-overload]  # one dict for three kinds of options
        )
    _CHILDREN[child.pid] = child
    return child


def primary_group(user: str) -> str:
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def exit_status(process: ProcessId) -> int | None:
    """Of a child of ours that ended (negative is a signal); None while it runs."""
    child = _CHILDREN.get(process.pid)
    if child is None:
        return None if alive(process) else 0
    return child.poll()


def reap(process: ProcessId) -> None:
    """Forget a child that ended."""
    child = _CHILDREN.pop(process.pid, None)
    if child is not None:
        child.wait()


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that none gets lost (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans() -> None:
    """Reap adopted children that ended; children of our own are left to `exit_status`."""
    if sys.platform != "linux":
        return
    with suppress(ChildProcessError):
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid in _CHILDREN:
                return
            os.waitpid(ended.si_pid, 0)


def end_descendants() -> None:
    """Kill whatever this process or its children started and that still runs."""
    left = psutil.Process().children(recursive=True)
    _kill_all(left)
    until = deadline(_KILLED_S)
    while any(process.is_running() for process in left) and wait_tick(until):
        reap_orphans()


def stop(process: ProcessId, *, first: signal.Signals, grace_s: float) -> None:
    """Ask it to end, and after `grace_s` seconds kill it. Returns when it is gone.

    A child of ours is reaped; of others, a zombie counts as gone.
    """
    for sent in (first, signal.SIGKILL):
        running = find(process)
        if running is None:
            break
        with suppress(psutil.NoSuchProcess):
            running.send_signal(sent)
        until = deadline(grace_s)
        while alive(process) and wait_tick(until):
            pass
    child = _CHILDREN.pop(process.pid, None)
    if child is not None:
        child.wait(grace_s)


def tell(process: ProcessId, sent: signal.Signals) -> None:
    """Send a signal, if the process is still there."""
    running = find(process)
    if running is not None:
        with suppress(psutil.NoSuchProcess):
            running.send_signal(sent)


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return "(no output)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def is_root() -> bool:
    return os.geteuid() == 0


def deadline(seconds: float) -> float:
    return time.monotonic() + seconds


def wait_tick(until: float, every: float = POLL_S) -> bool:
    """Sleep one tick; False once the deadline has passed."""
    if time.monotonic() >= until:
        return False
    time.sleep(every)
    return True


def end_with_descendants(process: ProcessId, *, grace_s: float) -> None:
    """End a process in order, then kill what it had started and left behind."""
    running = find(process)
    if running is None:
        return
    with suppress(psutil.NoSuchProcess):
        descendants = running.children(recursive=True)
        stop(process, first=signal.SIGTERM, grace_s=grace_s)
        _kill_all(descendants)


def _kill_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
