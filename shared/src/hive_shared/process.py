"""The shell of a service process: settings, logs, signals, and an end in good order.

    main:  run("orchestrator", OrchestratorSettings, start)

    start(shell, settings)     opens what it needs with `shell.enter` and starts its loops with
                               `shell.spawn`; when it returns, the process is ready
    SIGTERM or SIGINT          `shell.stopping` is set, then all is closed in reverse order of its
                               opening, within `settings.drain` seconds; a second one ends it now
    a loop fails, or ends      the same end, with status 1: whoever supervises starts it anew

A loop that was spawned later is stopped earlier, so it never sees what it uses closed.
"""

import asyncio
import contextlib
import importlib.metadata
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, TypeVar

from hive_contracts.heartbeat import State
from hive_contracts.ids import uuid7
from hive_shared import garbage, logs, telemetry
from hive_shared.clock import SystemClock
from hive_shared.settings import Process, SettingsError, load
from hive_shared.vitals import Vitals

S = TypeVar("S", bound=Process)
T = TypeVar("T")

EXIT_FAILED: Final = 1
CANCEL_AGAIN_SECONDS: Final = 0.5
EXIT_SETTINGS: Final = 78
"""EX_CONFIG of sysexits.h: starting it again changes nothing until a setting does."""

_log = logging.getLogger("hive.process")


class Shell:
    """A running process, as its `start` sees it."""

    def __init__(self, service: str, instance: str) -> None:
        self.service = service
        self.instance = instance
        """Another one at each start of the process."""
        self.version = _version(service)
        self.state: State = "starting"
        self.stopping = asyncio.Event()
        """Set when the process was told to end, before anything is closed."""
        self.failed = False
        self.vitals = Vitals()
        """What its heartbeats tell besides."""
        self._began = time.monotonic()
        self._ending = asyncio.Event()
        self._open = AsyncExitStack()

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource; it is closed at the end, before those that were opened earlier."""
        return await self._open.enter_async_context(resource)

    def spawn(self, loop: Coroutine[Any, Any, None], name: str) -> None:
        """Run a loop beside the others. It is cancelled at the end; ending earlier is a failure."""
        task = asyncio.create_task(loop, name=name)
        task.add_done_callback(self._loop_ended)
        self._open.push_async_callback(_cancel, task)

    def uptime(self) -> float:
        """Seconds since the process began."""
        return time.monotonic() - self._began

    async def ended(self) -> None:
        """Wait until a signal came or a loop failed."""
        await self._ending.wait()

    async def close(self) -> None:
        """Close all in reverse order. Raises what closing raises."""
        self.state = "draining"
        self.stopping.set()
        await self._open.aclose()

    def stop(self) -> None:
        """Begin the end, as a signal does."""
        self.stopping.set()
        self._ending.set()

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self.stopping.is_set():
            return
        self.failed = True
        error = task.exception()
        _log.error("%s ended by itself", task.get_name(), exc_info=error)
        self.stop()


Start = Callable[[Shell, S], Awaitable[None]]


def run(service: str, kind: type[S], start: Start[S]) -> int:
    """Run a service until it is told to end. Returns the process's exit status."""
    instance = uuid7(time.time_ns() // 1_000_000, os.urandom(10))
    logs.configure(service, instance, "info")
    try:
        settings = load(kind)
    except SettingsError as error:
        _log.critical("%s", error)
        return EXIT_SETTINGS
    logs.configure(service, instance, settings.log_level)
    with telemetry.configure(service, settings.otlp_endpoint, settings.otlp_traces):
        return asyncio.run(_live(Shell(service, instance), settings, start))


async def _live(shell: Shell, settings: S, start: Start[S]) -> int:
    with _signals(shell):
        starting = asyncio.create_task(_started(shell, settings, start), name="start")
        ending = asyncio.create_task(shell.ended(), name="end")
        # A signal may come before the start is done: what waits for a server is not waited for.
        await asyncio.wait([starting, ending], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            await _cancel(starting)
        elif not shell.failed:
            await ending
        await _cancel(ending)
        return await _closed(shell, settings.drain)


async def _started(shell: Shell, settings: S, start: Start[S]) -> None:
    try:
        await start(shell, settings)
    except SettingsError as error:
        _log.critical("%s", error)
        shell.failed = True
        shell.stop()
    except Exception:  # noqa: BLE001  # whatever stops the start, the log has it and all is closed
        _log.critical("%s could not start", shell.service, exc_info=True)
        shell.failed = True
        shell.stop()
    else:
        garbage.settle()
        shell.spawn(garbage.collect(SystemClock()), "garbage")
        shell.state = "ready"
        _log.info("%s %s is ready", shell.service, shell.version)


async def _closed(shell: Shell, drain: float) -> int:
    try:
        async with asyncio.timeout(drain):
            await shell.close()
    except TimeoutError:
        _log.error("not everything closed within %s s", drain)
        return EXIT_FAILED
    _log.info("%s ended", shell.service)
    return EXIT_FAILED if shell.failed else 0


@contextlib.contextmanager
def _signals(shell: Shell) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def told(sent: signal.Signals) -> None:
        if shell.stopping.is_set():
            sys.stderr.flush()
            os._exit(128 + sent)
        _log.info("%s: ending", sent.name)
        shell.stop()

    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, told, sent)
    try:
        yield
    finally:
        for sent in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(sent)


async def _cancel(task: asyncio.Task[Any]) -> None:
    # Said again until it is heard: before Python 3.12, `wait_for` (which nats-py uses) swallows a
    # cancellation that comes together with the result.
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_SECONDS)


def _version(service: str) -> str:
    for package in (f"hive-{service}", "hive-shared"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(package)
    return "unknown"
