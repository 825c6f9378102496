"""Alerts that others sent, kept until they are over. Adapter.

They are stored before Alertmanager is answered; whatever is not stored, it sends again.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from hive_health.incidents.alert import Alert, Coming, stored
from hive_shared.eventstore.pool import FAILURES, translated


def query(name: str) -> str:
    return files("hive_health").joinpath("queries", f"{name}.sql").read_text()


_TAKE: Final = query("take_alerts")
_FIRING: Final = query("firing_alerts")
_MARK: Final = query("alerts_mark")
_FORGET: Final = query("forget_alerts")


class Inbox:
    """Each method raises StoreError."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._mark = ""
        self._firing: list[Alert] = []

    async def take(self, coming: Sequence[Coming]) -> None:
        """One statement, whatever their number. The same twice is the same once."""
        if not coming:
            return
        # In one order, so that two who take the same alerts do not wait for each other.
        rows = sorted(coming, key=lambda each: each.fingerprint)
        try:
            await self._pool.execute(
                _TAKE,
                [each.fingerprint for each in rows],
                [each.name for each in rows],
                [msgspec.json.encode(each.labels).decode() for each in rows],
                [each.text for each in rows],
                [each.severity for each in rows],
                [each.since_ms for each in rows],
                [each.is_over for each in rows],
            )
        except FAILURES as error:
            raise translated(error) from error

    async def firing(self, forget_after: float, *, anew: bool = False) -> list[Alert]:
        """Those that are not over; read only where something was told since, or `anew`."""
        try:
            mark: str = await self._pool.fetchval(_MARK)
            if anew or mark != self._mark:
                rows = await self._pool.fetch(_FIRING, forget_after)
                self._firing, self._mark = [stored(row) for row in rows], mark
        except FAILURES as error:
            raise translated(error) from error
        return self._firing

    async def forget(self, forget_after: float) -> None:
        try:
            await self._pool.execute(_FORGET, forget_after)
        except FAILURES as error:
            raise translated(error) from error
