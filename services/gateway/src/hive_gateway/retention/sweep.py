"""Deletes artifacts that are old and that nobody needs, and remembers which.

    record ──digests──▶ artifact_refs ──all missions done with it?──▶ file goes ─▶ deleted_artifacts

Several missions may name one artifact, since it is named by its content. So the sweep first reads
on in the record to its end, and then deletes what every mission that names it is done with: the
mission has ended, its work was landed or released (or it made none), both `days` ago or more. An
artifact that was handed in later than that stays in any case: a report that names it may be on its
way.

Every step is a transaction of its own that holds one lock: of many replicas one sweeps at a time,
and one that dies in the middle loses a step. A file goes before it is noted; where the note was
lost, the next sweep finds the file gone and writes it.
"""

import asyncio
import functools
import logging
from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from typing import Any, Final

import asyncpg

from hive_contracts.envelope import Recorded
from hive_gateway.retention.references import digests, linked
from hive_shared.artifacts import ArtifactError, Artifacts
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.port import EventStore

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 60.0
"""After a sweep that did not come to its end."""
DAY: Final = 24 * 3600.0
EVENTS: Final = 1000
"""Of the record, in one step."""
FILES: Final = 200
"""Deleted in one step."""
MAX_MANIFEST: Final = 64 * 1024
"""Bytes; what is larger is no manifest."""
_LOCK: Final = 0x48495645_52455445


class Sweep:
    def __init__(
        self, pool: asyncpg.Pool, store: EventStore, artifacts: Artifacts, days: float, clock: Clock
    ) -> None:
        """`days`: how long artifacts are kept after the end; 0 keeps them for ever."""
        self._pool = pool
        self._store = store
        self._artifacts = artifacts
        self._days = days
        self._clock = clock

    async def run(self) -> None:
        """Sweep every hour, until cancelled."""
        while True:
            try:
                await self.sweep()
                wait = EVERY_SECONDS
            except (StoreError, ArtifactError, OSError) as error:
                log.warning("old artifacts cannot be swept, trying again: %s", error)
                wait = AGAIN_SECONDS
            await self._clock.sleep(wait)

    async def sweep(self) -> int:
        """One sweep, as far as no other replica does it; answers how many were deleted.

        Raises StoreError, OSError.
        """
        if not self._days:
            return 0
        try:
            while await self._step(self._index):
                pass
            deleted, after = 0, ""
            while batch := await self._step(self._delete, after):
                gone, after = batch
                deleted += gone
        except FAILURES as error:
            raise translated(error) from error
        if deleted:
            log.info("%d artifacts were deleted: older than %g days", deleted, self._days)
        return deleted

    async def _step(self, step: Any, *arguments: Any) -> Any:
        """One step under the lock; nothing where another replica has it."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
                return None
            return await step(connection, *arguments)

    async def _index(self, connection: Any) -> bool:
        """Read on in the record; answers whether there is more."""
        head = await self._store.head()
        row = await connection.fetchrow(_query("index"))
        if row is None or row["log_id"] != head.log_id or row["position"] > head.position:
            await connection.execute(_query("begin"), head.log_id)
            return True
        page = await self._store.read_all(row["position"], EVENTS)
        if not page:
            return False
        named = await asyncio.to_thread(self._named, page)
        await connection.execute(
            _query("add"),
            [digest for digest, _ in named],
            [mission for _, mission in named],
            page[-1].position,
        )
        return True

    def _named(self, page: Sequence[Recorded]) -> list[tuple[str, str]]:
        """Digests with the missions that name them, bundles of their branches included."""
        found = {(digest, r.meta.correlation) for r in page for digest in digests(r)}
        waiting = list(found)
        while waiting:
            digest, mission = waiting.pop()
            # Of a base that the hive has itself only the last link of its chain is in an event.
            news = {(inner, mission) for inner in linked(self._small(digest))} - found
            found |= news
            waiting += news
        return sorted(found)

    def _small(self, digest: str) -> bytes:
        try:
            return self._artifacts.get(digest, MAX_MANIFEST)
        except (ArtifactError, OSError):
            return b""

    async def _delete(self, connection: Any, after: str) -> tuple[int, str] | None:
        """The next few that are due: how many were deleted, and the last that was looked at."""
        rows = await connection.fetch(_query("due"), self._days, after, FILES)
        if not rows:
            return None
        due = [row["digest"] for row in rows]
        before = self._clock.now_ms() / 1000 - self._days * DAY
        gone = await asyncio.to_thread(
            lambda: [digest for digest in due if self._artifacts.delete(digest, before)]
        )
        await connection.execute(_query("deleted"), gone)
        return len(gone), due[-1]


class Deleted:
    """What the sweep has deleted, for those who ask for it in vain."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def at(self, digest: str) -> datetime | None:
        """When an artifact was deleted; None where it was not. Raises StoreError."""
        try:
            moment: datetime | None = await self._pool.fetchval(_query("deleted_at"), digest)
        except FAILURES as error:
            raise translated(error) from error
        return moment


def deleted_on(moment: datetime) -> str:
    """`deleted by retention on 2026-01-31`."""
    return f"deleted by retention on {moment:%Y-%m-%d}"


@functools.cache
def _query(name: str) -> str:
    return (resources.files(__package__) / "queries" / f"{name}.sql").read_text()
