"""The runners of a stack: as many as are wanted, between the fewest and the most."""

import logging
from collections.abc import Callable, Iterator
from typing import Final

from hive_stack.capacity import Follower
from hive_stack.errors import StackError
from hive_stack.kept import Kept
from hive_stack.pool import Running, step

RUNNER: Final = "runner"

_log = logging.getLogger("hive.stack")


def program_name(service: str, number: int) -> str:
    """Of one of several programs of a service, and of its log."""
    return service if number == 1 else f"{service}-{number}"


class Runners:
    def __init__(
        self,
        bounds: tuple[int, int],
        make: Callable[[int], Kept],
        heard_as: Callable[[int], str],
        follower: Follower,
    ) -> None:
        """`heard_as`: the name under which the hive hears a runner."""
        self._fewest, self._most = bounds
        self._make = make
        self._heard_as = heard_as
        self._follower = follower
        self._followed = 0
        self._kept: dict[int, Kept] = {}

    def __iter__(self) -> Iterator[Kept]:
        return iter(list(self._kept.values()))

    @property
    def follows(self) -> bool:
        """Whether their number ever changes."""
        return self._fewest < self._most

    def first(self) -> list[Kept]:
        """Those that there always are."""
        for number in range(1, self._fewest + 1):
            self._kept[number] = self._make(number)
        return list(self._kept.values())

    def look(self, now: float) -> bool:
        """Start and retire; True where anything changed. A retired one that has ended is gone."""
        gone = [number for number, kept in self._kept.items() if kept.gone]
        for number in gone:
            _log.info("%s has gone", self._kept.pop(number).name)
        if not self.follows or self._follower.answers == self._followed:
            return bool(gone)
        self._followed = self._follower.answers
        wanted = self._follower.wanted
        running = [
            Running(number, kept.retiring, wanted.working(self._heard_as(number)))
            for number, kept in self._kept.items()
        ]
        todo = step(wanted.runners_desired, running, self._fewest, self._most)
        for number in todo.start:
            self._start(number, now)
        for number in todo.retire:
            _log.info("%s is to go: %s are wanted", self._kept[number].name, wanted.runners_desired)
            self._kept[number].retire()
        return bool(gone or todo.start or todo.retire)

    def _start(self, number: int, now: float) -> None:
        kept = self._kept[number] = self._make(number)
        _log.info("%s starts: %s are wanted", kept.name, self._follower.wanted.runners_desired)
        try:
            kept.launch(now)
        except StackError as error:
            _log.error("%s", error)  # it is started again like one that has ended
