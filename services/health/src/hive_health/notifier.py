"""Tells people of missions: an effect for each event that somebody wants to hear of."""

import logging
from collections import OrderedDict
from typing import Final, Protocol

import msgspec

from hive_contracts.codec import decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.mission import MissionLaunched
from hive_contracts.subjects import stream_name
from hive_contracts.task import ApprovalRequested, QuestionAsked
from hive_health.notices import TOLD, mission_of, notice
from hive_shared.clock import Clock
from hive_shared.eventstore.port import EventStore

REMEMBERED: Final = 10_000
"""Missions; of another one the launch is looked up."""
MAX_AGE_MS: Final = 24 * 3600 * 1000
"""What is older is no news: after a long outage nobody is told of it any more."""
_OF_TASKS: Final = frozenset({ApprovalRequested.__name__, QuestionAsked.__name__})
"""Told events that stand in the stream of a task."""

_log = logging.getLogger("hive.health.notify")


class Posting(Protocol):
    async def post(self, url: str, body: bytes, effect_id: str) -> None:
        """Raises where nobody took it."""
        ...


class Notifier:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    name: Final = "notify"

    def __init__(self, store: EventStore, webhooks: Posting, clock: Clock) -> None:
        self._store = store
        self._webhooks = webhooks
        self._clock = clock
        self._asked_for: OrderedDict[str, bool] = OrderedDict()
        """Streams of missions whose launch has come by: whether anybody is to be told."""

    def wants(self, event: Recorded) -> bool:
        """No more than it must: each event that is wanted costs two commits."""
        if event.type == MissionLaunched.__name__:
            self._remember(event.stream, b'"notify":' in event.data)
            return False
        if event.type not in TOLD:
            return False
        age = self._clock.now_ms() - int(event.recorded_at.timestamp() * 1000)
        return age < MAX_AGE_MS and self._may_tell(event)

    def _may_tell(self, event: Recorded) -> bool:
        """Whether somebody asked to hear of its mission, as far as is remembered."""
        stream = event.stream
        if event.type in _OF_TASKS:
            known = decode_known(event)
            stream = "" if known is None else stream_name("mission", mission_of(known))
        return self._asked_for.get(stream, True)

    def _remember(self, stream: str, asks: bool) -> None:
        self._asked_for[stream] = asks
        if len(self._asked_for) > REMEMBERED:
            self._asked_for.popitem(last=False)

    async def perform(self, event: Recorded, effect_id: str) -> None:
        known = decode_known(event)
        launched = None if known is None else await self._launched(mission_of(known))
        if known is None or launched is None or launched.notify is None:
            return
        if (told := notice(known, event, launched)) is None:
            return
        await self._webhooks.post(launched.notify.webhook, msgspec.json.encode(told), effect_id)
        _log.info("told of %s: %s", told.mission, told.event)

    async def _launched(self, mission_id: str) -> MissionLaunched | None:
        first = await self._store.read_stream(stream_name("mission", mission_id), limit=1)
        event = decode_known(first[0]) if first else None
        return event if isinstance(event, MissionLaunched) else None
