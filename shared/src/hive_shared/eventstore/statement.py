"""The one statement that writes: a batch of appends as arrays, its verdicts as answers."""

from importlib.resources import files
from typing import Any, Final, TypeAlias

import asyncpg

from hive_shared.eventstore.admission import Admitted
from hive_shared.eventstore.errors import (
    CommandReused,
    CommandTooOld,
    Fenced,
    NotAllowed,
    StoreError,
    VersionConflict,
)
from hive_shared.eventstore.port import Appended

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

Outcome = Appended | StoreError | None
"""What became of an append; None where it hangs on one before it and must be sent again."""

_APPEND: Final = files(__package__).joinpath("queries", "append.sql").read_text()

_REFUSALS: Final[dict[str, type[StoreError]]] = {
    "reused": CommandReused,
    "old": CommandTooOld,
    "forbidden": NotAllowed,
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


def _columns(batch: list[Admitted]) -> list[list[Any]]:
    appends = [admitted.append for admitted in batch]
    expected = [(n, e) for n, append in enumerate(appends, 1) for e in append.expected]
    events = [(n, e) for n, append in enumerate(appends, 1) for e in append.events]
    return [
        [append.command and append.command.caller for append in appends],
        [append.command and append.command.id for append in appends],
        [append.command and append.command.fingerprint for append in appends],
        [append.answer for append in appends],
        [append.fence and append.fence.name for append in appends],
        [append.fence and append.fence.token for append in appends],
        [n for n, _ in expected],
        [e.stream for _, e in expected],
        [e.version for _, e in expected],
        [n for n, _ in events],
        [e.stream for _, e in events],
        [e.id for _, e in events],
        [e.type for _, e in events],
        [e.data for _, e in events],
        [meta for admitted in batch for meta in admitted.metas],
    ]


def _outcome(admitted: Admitted, row: asyncpg.Record) -> Outcome:
    match row["verdict"]:
        case "written":
            return Appended(row["position"], admitted.append.answer)
        case "repeated":
            return Appended(row["position"], row["first_answer"], repeated=True)
        case "later":
            return None
        case verdict:
            return _REFUSALS[verdict](row["detail"] or "")
