"""What the orchestrator keeps beside the log: a port, with PostgreSQL behind it or memory.

All of it follows from the log, but for what is heard of runners and the numbers of runs. So nobody
waits for it to be on disk: after a crash of the server it stands where it stood a moment before, in
one piece, and the log is read on from there. A number that is lost this way was not used, as the
launch that would use it is written later to the same log of the server.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from hive_orchestrator.board import Board, Changes
from hive_orchestrator.cards import Card


class Superseded(Exception):
    """Another orchestrator has moved the checkpoint: this one is not the active one any more."""


class Pulse(Struct, frozen=True):
    """What is known of an open session besides the log."""

    session_id: str
    runner_id: str
    silent_ms: int
    """How long nothing was heard of it while the hive could hear."""
    draining: bool


class HeldLease(Struct, frozen=True):
    task_id: str
    epoch: int
    traceparent: str
    taken: bool = False
    """Whether it is to be handed over to a person."""


def held_lease(card: Card) -> HeldLease:
    return HeldLease(card.task_id, card.epoch, card.traceparent, card.status == "taken")


class Desk(Protocol):
    async def load(self) -> Board:
        """The board as it was kept."""
        ...

    async def keep(self, before: int, after: int, changes: Changes) -> None:
        """Keep changes and move the checkpoint, all or nothing.

        Raises Superseded where the checkpoint is not at `before`.
        """
        ...

    async def now(self) -> datetime:
        """Database time."""
        ...

    async def pulses(self) -> Sequence[Pulse]:
        """Of all open sessions."""
        ...

    async def heard(self, session_id: str, draining: bool) -> Sequence[HeldLease] | None:
        """A session's beat arrived; None where no such session is open.

        Answers what the session should be working on, as far as the board was kept.
        """
        ...

    async def heard_ourselves(self, most_ms: int) -> None:
        """A canary's beat arrived: the hearing clock goes on by what passed, at most `most_ms`."""
        ...

    async def take_numbers(self, series: Collection[str]) -> list[int]:
        """The next number of a run for each name, in order; a name may come more than once.

        Numbers are never given twice; one that is not used leaves a gap.
        """
        ...
