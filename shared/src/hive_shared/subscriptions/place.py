"""Where a subscription stands: its row in the service's schema."""

import functools
import re
from importlib.resources import files
from typing import Final

import msgspec

from hive_contracts.envelope import Recorded
from hive_shared.projection import Connection
from hive_shared.subscriptions.feed import HistoryChanged

_SCHEMA: Final = re.compile(r"[a-z_]+")


@functools.cache
def query(name: str, schema: str) -> str:
    """The text of `queries/<name>.sql` for the tables of that schema. Raises ValueError."""
    if not _SCHEMA.fullmatch(schema):
        raise ValueError(f"{schema!r} is no schema")
    text = files(__package__).joinpath("queries", f"{name}.sql").read_text()
    return text.replace("{schema}", schema)


class Standing(msgspec.Struct, frozen=True):
    position: int
    log_id: str
    """The history in force."""


class Place:
    """The row of one subscription."""

    def __init__(self, schema: str, name: str) -> None:
        self.name = name
        self._begin = query("begin", schema)
        self._place = query("place", schema)
        self._lock = query("lock", schema)
        self._move = query("move", schema)
        self._stop = query("stop", schema)

    async def begin(self, connection: Connection) -> Standing:
        """Make the row where it is missing, at position 0."""
        await connection.execute(self._begin, self.name)
        return await self.read(connection)

    async def read(self, connection: Connection) -> Standing:
        row = await connection.fetchrow(self._place, self.name)
        return Standing(row["position"], row["log_id"])

    async def lock(self, connection: Connection, log_id: str, last: Recorded) -> int:
        """Lock the row until the transaction ends; answers the position.

        The log itself is asked whether the batch that ends with `last` is part of it: what came
        from the bus, or was held in memory while the database was restored, may not be. Raises
        HistoryChanged.
        """
        row = await connection.fetchrow(self._lock, self.name, last.position)
        if row["log_id"] != log_id or row["event_id"] != last.id:
            raise HistoryChanged(f"{last.id} is not at position {last.position} of this log")
        return int(row["position"])

    async def lock_alone(self, connection: Connection) -> None:
        await connection.fetchrow(self._lock, self.name, 0)

    async def move(self, connection: Connection, position: int, log_id: str) -> None:
        await connection.execute(self._move, self.name, position, log_id)

    async def stop(self, connection: Connection, position: int, why: str) -> None:
        """Note why it stands still, if it still stands at `position`."""
        await connection.execute(self._stop, self.name, position, why)
