"""`hive up`, `hive down` and `hive status`, as functions."""

import signal
import sys
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from hive_shared.settings import ClientSettings, RunnerSettings, SettingsError, Sources, load
from hive_stack import checks, services
from hive_stack.errors import StackError
from hive_stack.lock import is_held
from hive_stack.logs import put_aside
from hive_stack.paths import Paths
from hive_stack.ports import require_free
from hive_stack.processes import (
    ProcessId,
    alive,
    deadline,
    exit_status,
    identity,
    is_root,
    reap,
    spawn,
    stop,
    tail,
    wait_tick,
)
from hive_stack.state import StackState, read_state, write_state
from hive_stack.supervisor import READY_S, end_left

UP_S: Final = READY_S + 60.0
"""Seconds that `up` waits; the servers' own start and the migrations come before readiness."""
DOWN_S: Final = 90.0
FOLLOWED_S: Final = 0.1
"""Seconds between two looks at a start that takes seconds."""


class Stack:
    """The stack of one data directory.

    `data` and `port` go before what the sources say. Raises SettingsError.
    """

    def __init__(
        self,
        sources: Sources | None = None,
        *,
        data: Path | None = None,
        port: int | None = None,
        runners: str | None = None,
    ) -> None:
        given = sources or Sources()
        over = {"HIVE_DATA": str(data.absolute())} if data else {}
        over |= {"HIVE_PORT": str(port)} if port else {}
        over |= {"HIVE_RUNNERS": runners} if runners else {}
        self._asked_runners = runners
        self.sources = replace(given, env={**given.env, **over})
        self.settings = load(ClientSettings, self.sources)
        self.paths = Paths(self.settings.data)

    def state(self) -> StackState | None:
        """What runs, or ran last; None where nothing ever did. Raises StackError."""
        state = read_state(self.paths.state)
        if state is None or is_held(self.paths.lock):
            return state
        # Nobody keeps it: what the last supervisor wrote before it was killed is history.
        kept = state.phase if state.phase == "failed" else "stopped"
        return replace(state, phase=kept, supervisor=None)

    def up(self) -> StackState:
        """Start the stack, unless it runs, and wait until it is ready. Raises StackError.

        Interrupted by Ctrl-C it ends what it has started.
        """
        if is_held(self.paths.lock):
            return self._as_asked(self._followed(None))
        self._end_left()
        self.check()
        self._make_directories()
        try:
            return self._followed(self._supervisor())
        except KeyboardInterrupt:
            self.down()
            raise

    def down(self) -> bool:
        """End everything of this stack; False where nothing ran. Raises StackError."""
        state = read_state(self.paths.state)
        if state is None or not state.running():
            return False
        if state.supervisor is not None:
            stop(state.supervisor, first=signal.SIGTERM, grace_s=DOWN_S)
        self._end_left()
        return True

    def check(self) -> None:
        """Everything that can be known before anything is made. Raises StackError."""
        path = self.sources.env.get("PATH")
        checks.require_services()
        checks.require_git(path)
        checks.require_data(self.paths)
        checks.require_disk(self.paths.data)
        for number in range(1, self.settings.replicas + 1):
            for port in services.gateway_ports(self.settings, number):
                require_free(port)
        checks.require_runners(self.settings, load(RunnerSettings, self.sources))
        checks.require_servers(self.settings, self.paths, path)
        try:
            for kind in services.SETTINGS:
                load(kind, self.sources)
        except SettingsError as error:
            raise StackError(
                "settings", error.message, where=error.where, remedy=error.remedy
            ) from error

    def _as_asked(self, state: StackState) -> StackState:
        """What runs already does not change its bounds. Raises StackError."""
        if self._asked_runners in (None, state.runners):
            return state
        raise StackError(
            "already-up",
            f"it is up already, with --runners {state.runners}",
            where="--runners",
            remedy="`hive down` first: missions go on when it is up again",
        )

    def _end_left(self) -> None:
        """End what a killed supervisor left, and write down that it is gone."""
        state = read_state(self.paths.state)
        if state is None or not state.running():
            return
        end_left(state)
        ended = replace(state, phase="stopped", supervisor=None, programs=(), failure=None)
        write_state(self.paths.state, ended)

    def _make_directories(self) -> None:
        # PostgreSQL's account passes through the data directory when root starts it.
        mode = 0o755 if is_root() else 0o700
        self.paths.data.mkdir(parents=True, exist_ok=True)
        self.paths.data.chmod(mode)
        self.paths.logs.mkdir(mode=0o700, exist_ok=True)
        put_aside(self.paths.logs)

    def _supervisor(self) -> ProcessId:
        started = spawn(
            [sys.executable, "-m", "hive_stack"],
            log=self.paths.log("stack"),
            env={**self.sources.env, "HOME": str(self.sources.home)},
            cwd=str(self.sources.cwd),
        )
        return identity(started.pid)

    def _followed(self, ours: ProcessId | None) -> StackState:
        """Wait for readiness; `ours` is the supervisor that we started, if we did."""
        until = deadline(UP_S)
        while True:
            state = read_state(self.paths.state)
            kept = state is not None and state.supervisor is not None and alive(state.supervisor)
            if state is not None and kept and state.phase == "ready":
                return state
            # Ours may have met another one that was quicker: then that one is followed.
            ended = ours is None or exit_status(ours) is not None
            if (ended and not is_held(self.paths.lock)) or not wait_tick(until, FOLLOWED_S):
                raise self._failure(ours)

    def _failure(self, ours: ProcessId | None) -> StackError:
        if ours is not None:
            reap(ours)
        state = read_state(self.paths.state)
        if state is not None and state.failure is not None:
            return state.failure.error()
        log = self.paths.log("stack")
        return StackError(
            "supervisor-failed",
            f"the stack's supervisor ended: {tail(log, 3)}",
            where=str(log),
            remedy="read that log; `hive up` again once its cause is gone",
        )
