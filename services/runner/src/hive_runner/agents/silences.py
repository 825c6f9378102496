"""For how long the agents and commands at work have printed nothing, as beats tell it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from hive_contracts.heartbeat import MAX_SILENT, SilentAttempt
from hive_runner.link.slots import Key
from hive_runner.link.tails import Heard
from hive_runner.processes.process_group import Pause

TOLD_SECONDS: Final = 1.0
"""Whoever printed something since is not silent."""


class _AtWork(msgspec.Struct):
    task: str
    agent: str
    limit: float
    pause: Pause
    last: float
    """When it printed something, or began."""


class Silences:
    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = monotonic
        self._at_work: dict[Key, _AtWork] = {}

    @contextmanager
    def of(self, key: Key, task: str, agent: str, limit: float, pause: Pause) -> Iterator[None]:
        """A turn, which ends after `limit` seconds of silence; 0 is never."""
        if limit:
            self._at_work[key] = _AtWork(task, agent, limit, pause, self._clock())
        try:
            yield
        finally:
            self._at_work.pop(key, None)

    def heard(self, key: Key, then: Heard) -> Heard:
        """Each piece that an attempt prints ends its silence."""

        def printed(offset: int, piece: bytes) -> None:
            if (at_work := self._at_work.get(key)) is not None:
                at_work.last = self._clock()
            then(offset, piece)

        return printed

    def told(self) -> tuple[SilentAttempt, ...]:
        """Those nearest to their end first."""
        now = self._clock()
        silent = [
            SilentAttempt(*key, each.task, round(seconds, 1), each.limit, each.agent)
            for key, each in self._at_work.items()
            if not each.pause.on
            and (seconds := now - max(each.last, each.pause.ended)) >= TOLD_SECONDS
        ]
        return tuple(sorted(silent, key=lambda each: -each.share)[:MAX_SILENT])
