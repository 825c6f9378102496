"""What surrounds an event: who caused it, where it stands in the log."""

from datetime import datetime

import msgspec


class Meta(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an event came from. Stored beside its data, never inside it."""

    correlation: str
    """The id of the mission (or runner) that this belongs to."""
    causation: str
    """The id of the command that caused it."""
    actor: str
    """An opaque id of the person, service or runner that asked for it."""
    traceparent: str = ""
    """W3C trace context of the step that caused it, or empty."""
    schema: int = 1
    """The version of the event's schema, for upcasters."""


class NewEvent(msgspec.Struct, frozen=True):
    """An event that is not recorded yet: its exact bytes, and the stream that it belongs to."""

    id: str
    stream: str
    type: str
    data: bytes
    meta: Meta


class Recorded(msgspec.Struct, frozen=True):
    """A recorded fact, as the log holds it."""

    position: int
    """Dense, global, in commit order; the first is 1."""
    stream: str
    version: int
    """Dense within the stream; the first is 1."""
    id: str
    type: str
    data: bytes
    """The exact bytes that were appended."""
    meta: Meta
    recorded_at: datetime
    """Database time, never earlier than that of the position before."""
