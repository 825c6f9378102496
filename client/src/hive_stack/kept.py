"""A program that is kept running: started again when it ends, later each time."""

import logging
from collections.abc import Callable
from typing import Final

from hive_stack.errors import StackError
from hive_stack.processes import ProcessId, exit_status, reap
from hive_stack.state import Program

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 10.0
CALM_S: Final = 30.0
"""Who ran for so long has recovered: its next end counts as the first."""

_log = logging.getLogger("hive.stack")


class Kept:
    """One program. Times are of a monotonic clock, in seconds."""

    def __init__(
        self,
        name: str,
        start: Callable[[], ProcessId],
        end: Callable[[ProcessId], None],
        *,
        needed: bool = True,
        tell_to_go: Callable[[ProcessId], None] | None = None,
    ) -> None:
        """`needed`: whether a stack without it is none. `tell_to_go`: how it is retired."""
        self.name = name
        self.needed = needed
        self._start = start
        self._end = end
        self._tell_to_go = tell_to_go
        self._process: ProcessId | None = None
        self.retiring = False
        """Whether it was told to go, and has not ended yet."""
        self.gone = False
        """Whether it went in good order when it was told to: it is not started again."""
        self._restarts = 0
        self._failures = 0
        self._exit_status: int | None = None
        self._began = 0.0
        self._due = 0.0

    def launch(self, now: float) -> None:
        """Raises StackError where it does not start."""
        self._began = now
        self._process = self._start()

    def look(self, now: float) -> bool:
        """Start it again where it is gone and its time has come; True where anything changed."""
        if self.gone:
            return False
        if self._process is None:
            return now >= self._due and self._again(now)
        status = exit_status(self._process)
        if status is None:
            return False
        reap(self._process)
        self._process = None
        self._exit_status = status
        if self.retiring and status == 0:
            self.gone = True
            return True
        self.retiring = False  # it was killed: what it had not told yet it tells once it runs again
        if now - self._began > CALM_S:
            self._failures = 0
        self._later(now)
        _log.warning("%s ended with status %s", self.name, status)
        return True

    def retire(self) -> None:
        """Tell it to end once it has finished what it began, however long that takes."""
        if self._process is not None and self._tell_to_go is not None:
            self._tell_to_go(self._process)
            self.retiring = True

    def end(self) -> None:
        if self._process is not None:
            self._end(self._process)
            self._process = None

    @property
    def failures(self) -> int:
        """Ends in a row, without a calm run between them."""
        return self._failures

    def shown(self) -> Program:
        return Program(self.name, self._process, self._restarts, self._exit_status)

    def _again(self, now: float) -> bool:
        try:
            self.launch(now)
            self._restarts += 1
            _log.info("%s started again", self.name)
        except StackError as error:
            _log.error("%s", error)
            self._later(now)
        return True

    def _later(self, now: float) -> None:
        self._due = now + min(FIRST_DELAY_S * 2**self._failures, LONGEST_DELAY_S)
        self._failures += 1
