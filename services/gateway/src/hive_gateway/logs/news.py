"""Who waits for news of a task, woken by what the projection has committed."""

import contextlib
from collections.abc import Iterator

from hive_shared.clock import Clock
from hive_shared.projection import Committed, Progress
from hive_shared.wake import Wake


class TaskNews:
    def __init__(self, progress: Progress, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, set[Wake]] = {}
        progress.follow(self._committed)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @contextlib.contextmanager
    def of(self, task_id: str) -> Iterator[Wake]:
        """Set whenever something of the task was recorded, as long as this is open."""
        wake = Wake(self._clock)
        self._waiting.setdefault(f"task-{task_id}", set()).add(wake)
        try:
            yield wake
        finally:
            waiting = self._waiting[f"task-{task_id}"]
            waiting.discard(wake)
            if not waiting:
                del self._waiting[f"task-{task_id}"]

    def _committed(self, committed: Committed) -> None:
        if not self._waiting:
            return
        for event in committed.events:
            for wake in self._waiting.get(event.stream, ()):
                wake.set()
