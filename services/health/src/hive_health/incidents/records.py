"""What is recorded of incidents, and how more is: load, decide, append.

An incident's id follows from its cause and number, and a next number is opened only under the
condition that the one before is as it was read. So two processes that see the same trouble at the
same moment open one incident.
"""

import hashlib
from typing import Final

import msgspec

from hive_contracts.codec import decode, encode, schema_of, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.ids import NewId
from hive_contracts.incident import (
    AnyIncidentCommand,
    AnyIncidentEvent,
    ObserveAlerts,
    incident_id,
)
from hive_contracts.subjects import stream_name
from hive_health.incidents.decider import INITIAL, Incident, decide, evolve
from hive_shared.eventstore.errors import StoreUnavailable, VersionConflict
from hive_shared.eventstore.port import Append, CommandKey, EventStore, Fence, StreamVersion

ACTOR: Final = "health"
PAGE: Final = 1000
MAX_CONFLICTS: Final = 20


class Loaded(msgspec.Struct, frozen=True):
    version: int
    state: Incident
    at_ms: int
    """Of its last event; 0 without one."""


class Told(msgspec.Struct, frozen=True):
    """Who tells a command, and under which id it takes effect once."""

    actor: str = ACTOR
    command_id: str = ""
    """Empty where the rules alone see to it."""


BY_ITSELF: Final = Told()


class Records:
    def __init__(self, store: EventStore, new_id: NewId) -> None:
        self._store = store
        self._new_id = new_id

    async def load(self, id: str) -> Loaded:
        """Raises StoreError, UnknownEvent."""
        version, state, at_ms = 0, INITIAL, 0
        while page := await self._store.read_stream(stream_name("incident", id), version, PAGE):
            for recorded in page:
                event = decode(recorded)
                state = evolve(state, event)  # type: ignore[arg-type]  # its stream has no others
                at_ms = max(at_ms, event.at_ms)  # type: ignore[union-attr]
            version = page[-1].version
            if len(page) < PAGE:
                break
        return Loaded(version, state, at_ms)

    async def tell(
        self, command: AnyIncidentCommand, told: Told = BY_ITSELF, fence: Fence | None = None
    ) -> int:
        """Let a command take effect; answers the position of its last event, 0 for none.

        It counts as told after the stream's last event, whatever its own time says. Raises
        NotNow, StoreError, UnknownEvent.
        """
        key = _key(command, told)
        if key is not None and (first := await self._store.first_answer(key)) is not None:
            return first.position
        for _ in range(MAX_CONFLICTS):
            loaded = await self.load(command.incident_id)
            expected = [StreamVersion(stream_name("incident", command.incident_id), loaded.version)]
            if isinstance(command, ObserveAlerts) and not loaded.version and command.number > 1:
                before = incident_id(command.cause, command.number - 1)
                previous = await self.load(before)
                if previous.state.status != "resolved":
                    return 0  # somebody opened it again meanwhile; it is seen at the next look
                expected.append(StreamVersion(stream_name("incident", before), previous.version))
            later = msgspec.structs.replace(command, at_ms=max(command.at_ms, loaded.at_ms))
            events = decide(loaded.state, later)
            if not events and key is None:
                return 0
            meta = Meta(command.incident_id, told.command_id or self._new_id(), told.actor)
            new = tuple(self._new_event(event, meta) for event in events)
            try:
                append = Append(tuple(expected), new, key, b"{}", fence)
                return (await self._store.append(append)).position
            except VersionConflict:
                continue
        raise StoreUnavailable("too many others changed this incident at the same time")

    def _new_event(self, event: AnyIncidentEvent, meta: Meta) -> NewEvent:
        type = event.__class__.__name__
        meta = msgspec.structs.replace(meta, schema=schema_of("incident", type))
        return NewEvent(self._new_id(), stream_of(event), type, encode(event), meta)


def _key(command: AnyIncidentCommand, told: Told) -> CommandKey | None:
    if not told.command_id:
        return None
    # Of what was asked, not of when.
    sent = msgspec.json.encode(msgspec.structs.replace(command, at_ms=0))
    return CommandKey(told.actor, told.command_id, hashlib.sha256(sent).digest())
