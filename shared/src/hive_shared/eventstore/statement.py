"""The one statement that writes: a batch of appends as arrays, its verdicts as answers."""

from importlib.resources import files
from typing import Any, Final, TypeAlias

import asyncpg

from hive_shared.eventstore.admission import Admitted
from hive_shared.eventstore.errors import (
    CommandReused,
    CommandTooOld,
    Fenced,
    StoreError,
    VersionConflict,
)
from hive_shared.eventstore.port import Appended

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

Outcome = Appended | StoreError
"""What became of an append."""

_APPEND: Final = files(__package__).joinpath("queries", "append.sql").read_text()

_REFUSALS: Final[dict[str, type[StoreError]]] = {
    "reused": CommandReused,
    "old": CommandTooOld,
    "fenced": Fenced,
    "conflict": VersionConflict,
}


async def send(connection: Connection, batch: list[Admitted]) -> list[Outcome]:
    """Have a batch judged and written; one outcome for each append, in order.

    Raises what asyncpg raises where the batch fails as a whole: then nothing of it was written,
    or, where the connection was lost, nothing is known.
    """
    rows = await connection.fetch(_APPEND, *_columns(batch))
    return [_outcome(admitted, row) for admitted, row in zip(batch, rows, strict=True)]


def _columns(batch: list[Admitted]) -> list[list[Any] | None]:
    appends = [admitted.append for admitted in batch]
    commands = [append.command for append in appends]
    expected = [version for append in appends for version in append.expected]
    events = [event for append in appends for event in append.events]
    # Each stream once, in the order of their first mention; every event's stream is expected.
    streams = {
        stream: nth for nth, stream in enumerate(dict.fromkeys(x.stream for x in expected), 1)
    }
    fenced = any(append.fence for append in appends)
    return [
        [command and command.caller for command in commands],
        [command and command.id for command in commands],
        [command and command.fingerprint for command in commands],
        [append.answer for append in appends],
        [append.fence and append.fence.name for append in appends] if fenced else None,
        [append.fence and append.fence.token for append in appends] if fenced else None,
        [len(append.expected) for append in appends],
        [len(append.events) for append in appends],
        list(streams),
        [streams[x.stream] for x in expected],
        [x.version for x in expected],
        [streams[event.stream] for event in events],
        [event.id for event in events],
        [event.type for event in events],
        [event.data for event in events],
        [meta for admitted in batch for meta in admitted.metas],
    ]


def _outcome(admitted: Admitted, row: asyncpg.Record) -> Outcome:
    match row["verdict"]:
        case "written":
            return Appended(row["position"], admitted.append.answer)
        case "repeated":
            return Appended(row["position"], row["first_answer"], repeated=True)
        case verdict:
            return _REFUSALS[verdict](row["detail"] or "")
