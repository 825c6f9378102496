"""What the record has of an incident's time, besides the incident. Adapter.

Positions stand in the order of time, so the first one of a moment is found by halving.
"""

from datetime import UTC, datetime
from typing import Final

import asyncpg
import msgspec

from hive_contracts.incident_report import Happened
from hive_health.incidents.inbox import query
from hive_health.incidents.report import ms_of
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.subscriptions.parking import list_parked

BEFORE_MS: Final = 5 * 60_000
"""What comes before an alert may have brought it about."""
MOST_POSITIONS: Final = 200_000
MOST_MISSIONS: Final = 20

WORTH_TELLING: Final = (
    "AttemptFailed",
    "LeaseLost",
    "TaskFailed",
    "MissionFailed",
    "MissionPaused",
    "MissionResumed",
    "MissionRefused",
    "SessionOpened",
    "SessionClosed",
    "RepositoryConnected",
    "RepositoryDisconnected",
    "PullRequestFailed",
    "PolicyTightened",
    "PolicyRelaxed",
    "PolicyConfigured",
    "PolicyOverridden",
    "PolicyOverrideEnded",
)
"""Types of events: failures, restarts of runners, what was configured or decided otherwise."""

_AT: Final = "select recorded_at from hive.events where position = $1"
_HEAD: Final = "select coalesce(max(position), 0) from hive.events"
_HAPPENED: Final = query("happened")
_MISSIONS: Final = query("touched_missions")


class Around(msgspec.Struct, frozen=True):
    happened: tuple[Happened, ...]
    missions: tuple[str, ...]
    missions_more: int
    left_out: str


class Surroundings:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def between(self, since_ms: int, until_ms: int) -> Around:
        """Raises StoreError."""
        try:
            async with self._pool.acquire() as connection:
                return await self._between(connection, since_ms - BEFORE_MS, until_ms)
        except FAILURES as error:
            raise translated(error) from error

    async def _between(
        self, connection: asyncpg.Connection, since_ms: int, until_ms: int
    ) -> Around:
        first = await self._before(connection, since_ms)
        last = await self._before(connection, until_ms + 1)
        left_out = ""
        if last - first > MOST_POSITIONS:
            last = first + MOST_POSITIONS
            left_out = f"only the first {MOST_POSITIONS:,} events of its time were looked at"
        rows = await connection.fetch(_HAPPENED, first, last, list(WORTH_TELLING))
        happened = [
            Happened(row["type"], row["many"], ms_of(row["first"]), ms_of(row["last"]), row["at"])
            for row in rows
        ]
        for parked in await list_parked(connection):
            at = 0 if parked.parked_at is None else ms_of(parked.parked_at)
            if since_ms <= at <= until_ms:
                what = f"parked {parked.subscription} {parked.stream}"
                happened.append(Happened(what, 1, at, at, parked.position))
        failing = [type for type in WORTH_TELLING if type.startswith(("A", "L", "T", "Mission"))]
        names = [row["name"] for row in await connection.fetch(_MISSIONS, first, last, failing)]
        shown = tuple(names[:MOST_MISSIONS])
        return Around(tuple(happened), shown, len(names) - len(shown), left_out)

    async def _before(self, connection: asyncpg.Connection, at_ms: int) -> int:
        """The last position that was recorded before a moment."""
        moment = datetime.fromtimestamp(at_ms / 1000, UTC)
        low, high = 0, await connection.fetchval(_HEAD)
        while low < high:
            middle = (low + high + 1) // 2
            if await connection.fetchval(_AT, middle) < moment:
                low = middle
            else:
                high = middle - 1
        return int(low)
