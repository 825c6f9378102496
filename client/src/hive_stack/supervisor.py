"""The process that keeps a stack running: `python -m hive_stack`, one for each data directory.

    hive up ──starts──▶ supervisor ──▶ PostgreSQL, NATS ──▶ migrations ──▶ relay, services, runner
                                   └─▶ Redis, which nothing waits for
       └──── waits for "ready" in stack.json ◀── writes

It holds the directory's lock as long as it lives. A program that ends is started again, later each
time; told to end, it ends all in reverse order. Where it was killed itself, the next one (or
`hive down`) finds in stack.json what it left, and ends that first.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from msgspec.structs import replace

from hive_shared.settings import ClientSettings, SettingsError, Sources
from hive_stack import capacity, readiness, services
from hive_stack.capacity import Follower
from hive_stack.errors import StackError
from hive_stack.kept import Kept
from hive_stack.logs import put_aside
from hive_stack.paths import Paths
from hive_stack.postgres import stop_server
from hive_stack.processes import (
    ProcessId,
    end_descendants,
    end_with_descendants,
    identity,
    reap_orphans,
    spawn,
    tail,
    tell,
)
from hive_stack.runners import RUNNER, Runners, program_name
from hive_stack.servers import Chosen, prepare_record
from hive_stack.services import Servers
from hive_stack.state import Failure, Phase, StackState, read_state, write_state
from hive_stack.vault import Vault

TICK_S: Final = 0.1
READY_S: Final = 60.0
"""Seconds that the first readiness may take."""
CRASHES: Final = 4
"""Ends in a row before the first readiness, after which starting is given up."""
LOGS_S: Final = 60.0
"""Between two looks at how long the logs are."""
GRACE_S: Final = 15.0
"""Seconds between TERM and KILL for a service; it ends by itself after `drain` (10)."""

_log = logging.getLogger("hive.stack")


class Supervisor:
    def __init__(self, settings: ClientSettings, sources: Sources) -> None:
        self._settings = settings
        self._sources = sources
        self._paths = Paths(settings.data)
        self._vault = Vault(self._paths.secrets)
        self._told_to_end = threading.Event()
        self._kept: list[Kept] = []
        self._runners: Runners | None = None
        self._follower = Follower(lambda: capacity.ask(settings.port, self._vault.admin_token()))
        self._logs_seen = float("-inf")
        self._began = time.monotonic()
        self._state = StackState(
            phase="starting",
            supervisor=identity(os.getpid()),
            http_port=settings.port,
            grpc_port=settings.port + 1,
            postgres_port=0,
            nats_port=0,
            second_grpc_port=services.gateway_ports(settings, 2)[1] if settings.replicas > 1 else 0,
            runners=settings.runners,
        )

    def run(self) -> int:
        """Start all, keep it running until a signal comes, end all. Returns the exit status."""
        for sent in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sent, lambda *_: self._told_to_end.set())
        failure: Failure | None = None
        try:
            self._start()
            self._keep()
        except StackError as error:
            _log.error("%s", error)
            failure = Failure(error.code, error.message, error.where, error.remedy)
        finally:
            self._end(failure)
        return 1 if failure else 0

    def _start(self) -> None:
        before = read_state(self._paths.state)
        if before is not None:
            end_left(before)
        self._write("starting")
        self._vault.fill()
        chosen = Chosen(
            self._settings, self._paths, self._vault, before, self._sources.env.get("PATH")
        )
        self._state = replace(
            self._state,
            postgres_port=chosen.postgres_port,
            nats_port=chosen.nats_port,
            postgres=chosen.postgres_name,
            nats=chosen.nats_name,
            redis_port=chosen.redis_port,
            redis=chosen.redis_name,
            redis_missing=chosen.redis_missing,
        )
        for server in chosen.kept:
            self._launch(server)
        asyncio.run(prepare_record(chosen.places, self._vault))
        for service in services.MODULES:
            for number in range(1, services.replicas_of(service, self._settings) + 1):
                if service != RUNNER:
                    self._launch(self._service(service, chosen.places, number))
        self._launch_runners(chosen.places)
        self._await_readiness()

    def _launch_runners(self, places: Servers) -> None:
        self._runners = Runners(
            self._settings.runner_bounds,
            lambda number: self._service(RUNNER, places, number),
            lambda number: services.runner_name(number, self._sources),
            self._follower,
        )
        for runner in self._runners.first():
            self._launch(runner)

    def _service(self, service: str, places: Servers, number: int = 1) -> Kept:
        """`number`: which of them it is."""
        name = program_name(service, number)
        try:
            env = services.told(service, self._settings, places, self._vault, self._sources, number)
        except SettingsError as error:
            raise StackError(
                "settings", error.message, where=error.where, remedy=error.remedy
            ) from error

        def start() -> ProcessId:
            started = spawn(
                services.argv(service),
                log=self._paths.log(name),
                env=env,
                cwd=str(self._paths.data),
            )
            return identity(started.pid)

        return Kept(
            name,
            start,
            lambda process: end_with_descendants(process, grace_s=GRACE_S),
            tell_to_go=lambda process: tell(process, signal.SIGUSR1),
        )

    def _launch(self, program: Kept) -> None:
        if self._told_to_end.is_set():
            raise StackError(
                "interrupted", "told to end", where="hive up", remedy="`hive up` starts it again"
            )
        self._kept.append(program)
        try:
            program.launch(time.monotonic())
        except StackError as error:
            if program.needed:
                raise
            _log.error("%s", error)  # it is started again like one that has ended
        self._write("starting")

    def _await_readiness(self) -> None:
        until = time.monotonic() + READY_S
        token = self._vault.admin_token()
        while not self._told_to_end.is_set():
            now = readiness.ask(self._settings.port, token)
            if now.ready:
                took = round(time.monotonic() - self._began, 2)
                self._state = replace(self._state, up_in_s=took)
                self._write("ready")
                return
            self._look()
            needed = (kept for kept in self._kept if kept.needed)
            crashed = next((kept for kept in needed if kept.failures >= CRASHES), None)
            if crashed is not None or time.monotonic() > until:
                raise self._not_ready(crashed, now.reasons())
            self._told_to_end.wait(TICK_S)

    def _not_ready(self, crashed: Kept | None, reasons: str) -> StackError:
        name = crashed.name if crashed else "gateway"
        log = self._paths.log(name)
        why = f"ends again and again: {tail(log, 3)}" if crashed else f"is not ready: {reasons}"
        return StackError(
            "service-failed",
            f"{name} {why}",
            where=str(log),
            remedy="read that log; `hive up` again once its cause is gone",
        )

    def _keep(self) -> None:
        if self._runners is not None and self._runners.follows:
            self._follower.start()
        while not self._told_to_end.wait(TICK_S):
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        changed = [program.look(now) for program in self._kept]
        if self._runners is not None and self._runners.look(now):
            servers = [kept for kept in self._kept if not kept.name.startswith(RUNNER)]
            self._kept = [*servers, *self._runners]
            changed.append(True)
        if any(changed):
            self._write(self._state.phase)
        reap_orphans()
        if now - self._logs_seen > LOGS_S:
            self._logs_seen = now
            try:
                put_aside(self._paths.logs)
            except OSError as error:
                _log.warning("logs cannot be put aside: %s", error)

    def _end(self, failure: Failure | None) -> None:
        self._follower.end()
        self._write("stopping", failure)
        runners = [program for program in self._kept if program.name.startswith(RUNNER)]
        with ThreadPoolExecutor(max(1, len(runners))) as together:
            # Each waits some seconds for what is at work: not one after the other.
            list(together.map(Kept.end, runners))
        for program in reversed(self._kept):
            program.end()
        end_descendants()
        self._kept.clear()
        self._write("failed" if failure else "stopped", failure)

    def _write(self, phase: Phase, failure: Failure | None = None) -> None:
        programs = tuple(program.shown() for program in self._kept)
        self._state = replace(self._state, phase=phase, programs=programs, failure=failure)
        write_state(self._paths.state, self._state)


def end_left(state: StackState) -> None:
    """End what a supervisor that was killed left running."""
    for program in reversed(state.programs):
        if program.process is not None:
            if program.name == "postgres":
                stop_server(program.process)
            else:
                end_with_descendants(program.process, grace_s=GRACE_S)
