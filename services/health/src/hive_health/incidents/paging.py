"""Tells one receiver of incidents: an effect of its own, so that one which does not answer keeps
nobody else waiting. Every try of one notice carries the same `webhook-id`.
"""

import logging
from collections.abc import Iterable
from typing import Final, Protocol

import asyncpg

from hive_contracts.codec import decode, decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.files.incidents import ReceiverEntry
from hive_contracts.incident import IncidentEvent, IncidentOpened
from hive_contracts.subjects import split_stream
from hive_health.incidents.decider import INITIAL, evolve
from hive_health.incidents.inbox import query
from hive_health.incidents.notices import TOLD, body_of, wants
from hive_health.incidents.standard_webhooks import NotNow
from hive_shared.clock import Clock
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.port import EventStore, Head
from hive_shared.subscriptions.effects import PutOff

NAMED: Final = "incidents-"
"""The names of these subscriptions begin so."""
MAX_AGE_MS: Final = 24 * 3600 * 1000
"""What is older is no news any more."""
PATIENT_SECONDS: Final = 3600.0
"""For so long a receiver that is away is tried before tries count: people are to be called."""
PAGE: Final = 1000

_log = logging.getLogger("hive.health.paging")


class Posting(Protocol):
    async def post(self, url: str, body: bytes, message_id: str, secret: bytes, at_s: int) -> None:
        """Raises where nobody took it."""
        ...


async def keep_receivers(pool: asyncpg.Pool, names: Iterable[str], head: Head) -> None:
    """Let new receivers begin at the record's end, and forget those that are not told any more.

    Raises StoreError.
    """
    kept = [NAMED + name for name in names]
    try:
        await pool.execute(query("keep_receivers"), kept, head.log_id, head.position)
    except FAILURES as error:
        raise translated(error) from error


class Receiver:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    def __init__(
        self,
        name: str,
        entry: ReceiverEntry,
        secret: bytes,
        store: EventStore,
        posting: Posting,
        clock: Clock,
    ) -> None:
        self.name: Final = NAMED + name
        self._entry = entry
        self._secret = secret
        self._store = store
        self._posting = posting
        self._clock = clock

    def wants(self, event: Recorded) -> bool:
        if event.type not in TOLD or split_stream(event.stream)[0] != "incident":
            return False
        age = self._clock.now_ms() - int(event.recorded_at.timestamp() * 1000)
        return age < MAX_AGE_MS

    async def perform(self, event: Recorded, effect_id: str) -> None:
        known = decode_known(event)
        if not isinstance(known, IncidentEvent):
            return
        opened, severity = await self._so_far(event)
        if opened is None or not wants(known, opened, self._entry):
            return
        entry = self._entry
        paging = entry.format == "pagerduty"
        key = self._secret.decode("ascii", "replace") if paging else ""
        body = body_of(known, opened, severity, event.position, entry, key)
        if body is None:
            return
        signed = b"" if paging else self._secret
        at_s = self._clock.now_ms() // 1000
        try:
            await self._posting.post(entry.url, body, effect_id, signed, at_s)
        except NotNow as failure:
            age_s = at_s - event.recorded_at.timestamp()
            if age_s < PATIENT_SECONDS:
                raise PutOff(min(max(age_s / 2, 1.0), 300.0), str(failure)) from failure
            raise
        _log.info("told %s of %s: %s", self.name, opened.name, event.type)

    async def _so_far(self, event: Recorded) -> tuple[IncidentOpened | None, str]:
        """How the incident began, and how grave it was with this event."""
        state, version = INITIAL, 0
        while version < event.version:
            page = await self._store.read_stream(event.stream, version, PAGE)
            for recorded in page:
                if recorded.version > event.version:
                    break
                state = evolve(state, decode(recorded))  # type: ignore[arg-type]
            version = page[-1].version if page else event.version
        return state.opened, state.severity
