"""A process beside an exclusive attempt's command: kills it when nobody lets it live any more.

    python -m hive_runner.processes.guard PID STARTED MARKER CGROUP UNTIL

    runner                                guard
      │ spawn, with the first deadline ──▶ says `ready`, before the command begins
      │ a later deadline, a line each ───▶
      │ `done` ──────────────────────────▶ ends: the runner has ended the command itself
      │ reads its status ◀──────────────── 3: it has killed the command itself
      ╵ killed: the pipe ends ───────────▶ kills, as at a deadline

So neither a runner that is frozen nor one that is gone leaves an attempt at work that the hive has
given to another. `CGROUP` is the folder of the command's control group, or `-`.
"""

import contextlib
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final

from hive_runner.processes import processes
from hive_runner.processes.vigil import now

STRUCK: Final = 3
"""Its exit status where it has killed the command."""
_KILL_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 0.05
_LONGEST_WAIT: Final = 1.0
"""Between two looks at the clock: a machine may have slept."""


def main(arguments: list[str]) -> int:
    pid, started, marker, cgroup, until = arguments
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if keep_watch(sys.stdin.fileno(), float(until)):
        end(int(pid), float(started), marker, None if cgroup == "-" else Path(cgroup))
        return STRUCK
    return 0


def keep_watch(descriptor: int, until: float) -> bool:
    """Wait for what the runner says; True where the command is to be killed."""
    rest = b""
    while (left := until - now()) > 0:
        ready, _, _ = select.select([descriptor], [], [], min(left, _LONGEST_WAIT))
        if not ready:
            continue
        piece = os.read(descriptor, 4096)
        if not piece:
            return True
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line == b"done":
                return False
            with contextlib.suppress(ValueError):
                until = max(until, float(line))
    return True


def end(pid: int, started: float, marker: str, cgroup: Path | None) -> None:
    """Kill all of the command's processes, again until none is left."""
    deadline = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < deadline:
        if processes.started_at(pid, started):
            processes.send(pid, marker, signal.SIGKILL)
        processes.signal_marked(marker, signal.SIGKILL)
        if cgroup is not None:
            with contextlib.suppress(OSError):
                (cgroup / "cgroup.kill").write_text("1")
        time.sleep(_AGAIN_SECONDS)
        if not processes.alive(pid, marker):
            return


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
