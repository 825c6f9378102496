"""One command of an attempt, in a process group of its own, ended as a whole.

The group is on disk before the command begins, so that no crash of the runner leaves one that the
next runner does not know:

    runner                                child
      │ spawn ──────────────────────────▶ /bin/sh in a new session, reads a line from a pipe
      │ write group.json (pid, start time)
      │ "go" ───────────────────────────▶ exec command < stdin file
      ╵ killed before "go": the pipe ends, and the child exits

Output travels through a pipe, because that is how its silence is measured and its size bounded.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import psutil

from hive_runner.processes import processes
from hive_runner.processes.cgroups import Cgroups
from hive_runner.processes.confinement import Confinement
from hive_runner.processes.crowd import Crowd
from hive_runner.processes.guarded import Watch, guarded
from hive_runner.processes.output import Output
from hive_runner.processes.sandbox import View
from hive_runner.unhurried import unhurried

log = logging.getLogger(__name__)

GROUP_FILE: Final = "group.json"
_GATE: Final = 'read -r _ && exec "$@" <"$0"'
_PIECE: Final = 256 * 1024
_DRAINED_PIECES: Final = 64
_POLL_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 1.0
"""Between two looks at a command that waits for a person."""
_BRIEF_SECONDS: Final = 30.0
"""No system hands out all of its process numbers in so short a time."""
_AFTER_KILL_SECONDS: Final = 5.0
"""How long the kernel may take to end what was killed."""


class Pause:
    """Whether a command waits for a person: then none of its time-outs goes on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._over = 0.0
        self.ended = 0.0
        """When the last one ended."""

    @property
    def on(self) -> bool:
        return self._since is not None

    @property
    def seconds(self) -> float:
        """How long it has waited so far."""
        return self._over + (self._clock() - self._since if self._since is not None else 0)

    def begin(self) -> None:
        if self._since is None:
            self._since = self._clock()

    def end(self) -> None:
        if self._since is not None:
            self.ended = self._clock()
            self._over += self.ended - self._since
            self._since = None


class Command(msgspec.Struct, frozen=True):
    argv: tuple[str, ...]
    cwd: Path
    env: dict[str, str]
    """All of its environment; the marker is in it."""
    folder: Path
    """Where its group is written down."""
    stdin: Path = Path(os.devnull)
    run_timeout: float = 1800
    silence_timeout: float = 0
    """Seconds without a byte of output; 0 for as long as it runs."""
    grace: float = 5
    """Seconds between TERM and KILL."""
    confinement: Confinement = msgspec.field(default_factory=Confinement)
    view: View = View()
    """What it sees of the runner's folders, where there is a sandbox."""
    watch: Watch | None = None
    """With one it is killed once the hive was not heard for too long, whatever becomes of us."""
    polite: float = 0
    """Seconds that the leader has to end its group by itself, told by a TERM for it alone."""
    inherited: int | None = None
    """A descriptor that is its standard input, in place of a file."""
    pause: Pause = msgspec.field(default_factory=Pause)

    @property
    def marker(self) -> str:
        return self.env[processes.MARKER]


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    reason: Literal["exit", "run", "silence", "limit"]
    """By itself, by one of the time-outs, or for what it used."""
    exit_code: int
    """Negative: the number of the signal that ended it."""
    seconds: float
    limit: str = ""
    """What it used too much of, as a clause for people."""
    killed: bool = False
    """Whether it went on, told to end, until it was killed."""
    left_over: int = 0
    """How many of its processes were there after it had ended by itself, and were ended. In a
    sandbox they end with it, uncounted."""


class _End(msgspec.Struct, frozen=True):
    """How the last processes of a group ended."""

    killed: bool = False
    left_over: int = 0


class Group(msgspec.Struct, frozen=True):
    """A process group on disk."""

    pid: int
    """Of its leader, and the group's number."""
    started: float
    marker: str


async def run(command: Command, output: Output) -> Ended:
    """Run a command until it ends or is ended; afterwards none of its processes is left.

    Cancelling this ends the command too. Raises OSError where no process can be made.
    """
    reader, writer = os.pipe()
    tap = _Tap(reader, output)
    older, began = processes.pids(), time.monotonic()
    sandbox = command.confinement.sandbox
    argv = sandbox.wrap(command.argv, command.cwd, command.view) if sandbox else command.argv
    try:
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", _GATE, _stdin(command), *argv,
                cwd=command.cwd, env=command.env, start_new_session=True,
                stdin=asyncio.subprocess.PIPE, stdout=writer, stderr=writer,
                pass_fds=() if command.inherited is None else (command.inherited,),
            )  # fmt: skip
        finally:
            os.close(writer)
        crowd = Crowd(process.pid, command.marker, command.confinement)
        try:
            crowd.confine()
            async with guarded(command.watch, process.pid, command.marker, crowd.cgroup):
                try:
                    await _let_go(process, command)
                    ended = await _watch(process, command, tap, crowd)
                finally:
                    end = await _end_in_peace(crowd, command, _older(older, began))
                if ended.reason == "exit" and sandbox is None:
                    ended = msgspec.structs.replace(ended, left_over=end.left_over)
                return ended
        finally:
            await _end_in_peace(crowd, command, _older(older, began))
            await _exit_code(process)
            crowd.close()
    finally:
        tap.close()
        (command.folder / GROUP_FILE).unlink(missing_ok=True)


def _stdin(command: Command) -> str:
    """What its standard input is opened from."""
    if command.inherited is None:
        return str(command.stdin)
    return f"/dev/fd/{command.inherited}"


def _older(pids: frozenset[int], began: float) -> frozenset[int]:
    """Processes that are not the command's, for sure."""
    # After a while the number of an older process may be that of a new one.
    return pids if time.monotonic() - began < _BRIEF_SECONDS else frozenset()


def kill_left(folder: Path, cgroups: Cgroups | None = None) -> None:
    """End the group that a runner which is gone left running in an attempt's folder."""
    try:
        group = msgspec.json.decode((folder / GROUP_FILE).read_bytes(), type=Group)
    except (FileNotFoundError, msgspec.DecodeError):
        return  # without a whole file the command never began
    if processes.started_at(group.pid, group.started):
        processes.send(group.pid, group.marker, signal.SIGKILL)
    processes.signal_marked(group.marker, signal.SIGKILL)
    if cgroups is not None:
        cgroups.kill_left(group.marker)


async def _let_go(process: asyncio.subprocess.Process, command: Command) -> None:
    try:
        group = Group(process.pid, processes.start_time(process.pid), command.marker)
    except psutil.NoSuchProcess:
        return  # ended already, and `_watch` will see it
    (command.folder / GROUP_FILE).write_bytes(msgspec.json.encode(group))
    assert process.stdin is not None
    try:
        process.stdin.write(b"go\n")
        await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        process.stdin.close()


async def _watch(
    process: asyncio.subprocess.Process, command: Command, tap: "_Tap", crowd: Crowd
) -> Ended:
    began = tap.last = time.monotonic()
    waiting = asyncio.ensure_future(process.wait())
    struck = asyncio.ensure_future(crowd.struck(_folders(command)))
    reason: Literal["exit", "run", "silence", "limit"] = "exit"
    both: tuple[asyncio.Future[Any], ...] = (waiting, tap.broken, struck)
    limit, end = "", _End()
    try:
        while not waiting.done():
            reason, left = _next_limit(command, began, tap.last)
            if left <= 0:
                end = await _end_in_peace(crowd, command)
                break
            await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if tap.broken.done():
                tap.broken.result()
            reason = "exit"
            if struck.done():
                reason, limit = "limit", struck.result()
                await asyncio.to_thread(crowd.send, signal.SIGKILL)
                break
        code = await _exit_code(process)
    finally:
        for future in both:
            future.cancel()
    if reason == "exit":
        limit = crowd.told_by_the_kernel(code)
        reason = "limit" if limit else "exit"
    return Ended(reason, code, time.monotonic() - began, limit, end.killed)


def _folders(command: Command) -> tuple[Path, ...]:
    """Where an attempt's files are."""
    inside = command.cwd.is_relative_to(command.folder)
    return (command.folder,) if inside else (command.folder, command.cwd.parent)


def _next_limit(
    command: Command, began: float, last: float
) -> tuple[Literal["run", "silence"], float]:
    """The time-out that comes first, and the seconds until then."""
    now = time.monotonic()
    run = began + command.run_timeout + command.pause.seconds - now
    if command.pause.on:
        return "run", _LOOK_SECONDS
    last = max(last, command.pause.ended)
    silence = last + command.silence_timeout - now if command.silence_timeout else run
    return ("silence", silence) if silence < run else ("run", run)


async def _exit_code(process: asyncio.subprocess.Process) -> int:
    """Of a process that has ended, or is being killed. One that hangs in the kernel is left."""
    try:
        async with asyncio.timeout(_AFTER_KILL_SECONDS):
            return await process.wait()
    except TimeoutError:
        log.error("process %d does not end although it was killed", process.pid)
        return -signal.SIGKILL


async def _end_in_peace(
    crowd: Crowd, command: Command, older: frozenset[int] = frozenset()
) -> _End:
    """End a group to its last process; a cancellation of the caller waits for that."""
    return await unhurried(_end(crowd, command, older))


async def _end(crowd: Crowd, command: Command, older: frozenset[int]) -> _End:
    if not await asyncio.to_thread(crowd.alive, older):
        return _End()
    # What ends by itself in the next moment was on its way.
    await asyncio.sleep(_POLL_SECONDS)
    left_over = len(await asyncio.to_thread(crowd.left, older))
    if command.polite:
        await asyncio.to_thread(crowd.send_leader, signal.SIGTERM)
        await _is_over(crowd.leads, command.polite)
    for number, seconds in (
        (signal.SIGTERM, command.grace),
        (signal.SIGKILL, _AFTER_KILL_SECONDS),
    ):
        await asyncio.to_thread(crowd.send, number)
        if await _is_over(crowd.alive, seconds):
            break
    return _End(number == signal.SIGKILL, left_over)


async def _is_over(lives: Callable[[], bool], seconds: float) -> bool:
    """Whether what lives of a group ends within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not await asyncio.to_thread(lives):
            return True
        await asyncio.sleep(_POLL_SECONDS)
    return False


class _Tap:
    """Moves what comes out of a pipe into an Output, without ever waiting for its end."""

    def __init__(self, descriptor: int, output: Output) -> None:
        self._descriptor = descriptor
        self._output = output
        self._loop = asyncio.get_running_loop()
        self.last = time.monotonic()
        """When the last byte came."""
        self.broken: asyncio.Future[None] = self._loop.create_future()
        """Raises OSError once the output cannot be kept any more."""
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._ready)

    def close(self) -> None:
        """Take what is still in the pipe, and close it."""
        try:
            # Bounded: a process that got away may write for ever.
            for _ in range(_DRAINED_PIECES):
                if not self._take():
                    break
        finally:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def _ready(self) -> None:
        try:
            at_end = self._take() == 0
        except OSError as error:
            at_end = True
            if not self.broken.done():
                self.broken.set_exception(error)
        if at_end:
            self._loop.remove_reader(self._descriptor)

    def _take(self) -> int | None:
        """Bytes taken; 0 at the end of the pipe, None where nothing is there now."""
        try:
            piece = os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return None
        if piece:
            self.last = time.monotonic()
            self._output.write(piece)
        return len(piece)
