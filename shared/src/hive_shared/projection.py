"""Projections: events folded into rows that can be queried.

    feed ──batch──▶ begin; lock the checkpoint; apply; move it; commit ──▶ followers

Rows and checkpoint move in one transaction, so a projection is always the fold of exactly the
events up to its position. Every replica of a service runs the whole loop: the row's lock lets one
apply at a time, and the others find the batch done and go on. A replica that dies or freezes is
therefore replaced at once, and each replica sees every event, so each can serve live followers.

On an event that cannot be applied the projection stops there and says so: to skip it would make
every later read wrong. `rebuild` empties it and starts again at position 0.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from hive_contracts.envelope import Recorded


class Connection(Protocol):
    """What a projection needs of asyncpg's connection."""

    async def execute(self, query: str, *args: Any) -> str: ...

    async def executemany(self, command: str, args: Any) -> None: ...

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...

    async def fetchrow(self, query: str, *args: Any) -> Any: ...

    async def fetchval(self, query: str, *args: Any) -> Any: ...


class Projection(Protocol):
    """Read models that share one checkpoint."""

    @property
    def name(self) -> str:
        """The checkpoint's name, unique in the service's schema."""
        ...

    async def apply(self, connection: Connection, events: Sequence[Recorded]) -> None:
        """Fold events of all categories, in order and without gaps, into rows.

        Runs inside the transaction that moves the checkpoint: write through `connection` only,
        begin no transaction, keep nothing in memory that a roll-back would have to undo. Must
        tolerate what it does not know (`codec.decode_known`). Whatever it raises, other than a
        failure of the database itself, stops the projection at that event.
        """
        ...

    async def clear(self, connection: Connection) -> None:
        """Delete all rows, to be built again from position 0."""
        ...


class Committed(msgspec.Struct, frozen=True):
    """What a live follower is told: these events are in the rows now."""

    log_id: str
    """The history that they belong to. After a restore it differs, and positions start lower."""
    position: int
    """The checkpoint: of the last event of the batch."""
    events: tuple[Recorded, ...]
    """In order; each is told once, in a rebuild too. Empty where only the history changed."""


Follower = Callable[[Committed], None]
"""Called in the event loop after each commit, here or in another replica. Must not block."""


class Status(msgspec.Struct, frozen=True):
    name: str
    log_id: str
    position: int
    """Of the last event in the rows, as this replica knows it."""
    head: int
    """The record's last position, as this replica knows it (at most a second old)."""
    stopped: str = ""
    """Why it stands still; empty while it goes."""


class Behind(Exception):
    """The projection did not reach the position in time."""


class BeyondHead(Exception):
    """The position does not exist: the record ends before it."""


class Stopped(Exception):
    """The projection stands still at an event that it cannot apply."""


class Progress(Protocol):
    """A running projection, as its readers see it."""

    async def wait_for(self, position: int, seconds: float) -> None:
        """Return once the rows hold every event up to `position`; for at most so long.

        Raises Behind (not in time), BeyondHead (refused at once), Stopped (it will not come).
        """
        ...

    def status(self) -> Status: ...

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Tell `follower` of each batch from now on; call the answer to end that.

        To catch up without a hole: follow first, keep what comes, then read the record up to the
        position of the first batch told, and drop what is told twice (by position).
        """
        ...

    async def rebuild(self) -> None:
        """Empty the rows and start again at position 0; returns once they are empty."""
        ...
