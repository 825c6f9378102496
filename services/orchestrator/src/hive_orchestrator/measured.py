"""What is measured of scheduling: its turns, and the waits of tasks for a runner."""

from collections.abc import Callable

from hive_contracts.heartbeat import QueueUse
from hive_orchestrator.board import Board
from hive_orchestrator.cards import Card
from hive_shared.handling import Handling


class Scheduling:
    """Of one process; kept while it is active, and while it is not."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.turns = Handling("turn", monotonic, "job")
        self.waits = Handling("scheduling", monotonic, "wait")
        """From when a task could be worked on until a runner got it, by the record's clock."""

    def leased(self, card: Card | None, at_ms: float) -> None:
        """A task got its runner."""
        if card is not None and card.since_ms:
            self.waits.took(max(0.0, at_ms - card.since_ms) / 1000, card.traceparent)


def queue_of(board: Board, now: float) -> QueueUse:
    """Tasks that wait for a runner; `now` is the record's time, in seconds since 1970."""
    waiting, oldest = board.cards.waiting()
    return QueueUse("scheduling", waiting, round(max(0.0, now - oldest), 3) if waiting else 0)
