"""An event as a message on the bus.

The payload is the event's exact JSON; all else is in headers, by CloudEvents' binding for NATS
(https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md,
binary mode) with three attributes of ours: position, version and history. `hive-meta` is the
event's metadata as JSON, so that a reader of the bus gets what a reader of the record gets.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from hive_contracts.envelope import Meta, Recorded
from hive_contracts.subjects import event_subject
from hive_shared.bus.errors import BrokenFeed

SOURCE: Final = "/agent-hive"
POSITION: Final = "hive-position"
LOG_ID: Final = "hive-log-id"
VERSION: Final = "hive-stream-version"
META: Final = "hive-meta"
EXPECTED_STREAM: Final = "Nats-Expected-Stream"
EXPECTED_LAST: Final = "Nats-Expected-Last-Sequence"

_ENCODER: Final = msgspec.json.Encoder()
_META: Final = msgspec.json.Decoder(Meta)


def subject_of(event: Recorded) -> str:
    return event_subject(event.stream, event.type)


def headers_of(event: Recorded, log_id: str) -> dict[str, str]:
    """The headers of an event's message, without those that guard its publication."""
    headers = {
        "ce-specversion": "1.0",
        "ce-id": event.id,
        "ce-source": SOURCE,
        "ce-type": event.type,
        "ce-time": event.recorded_at.isoformat(),
        "ce-subject": event.stream,
        "content-type": "application/json",
        POSITION: str(event.position),
        LOG_ID: log_id,
        VERSION: str(event.version),
        META: _ENCODER.encode(event.meta).decode(),
    }
    if event.meta.traceparent:
        headers["traceparent"] = event.meta.traceparent
    return headers


def guarded(headers: dict[str, str], stream: str, position: int) -> dict[str, str]:
    """Headers that let a message be stored only as that position of that stream."""
    return headers | {EXPECTED_STREAM: stream, EXPECTED_LAST: str(position - 1)}


def recorded_of(data: bytes, headers: Mapping[str, str] | None) -> Recorded:
    """The event in a message. Raises BrokenFeed where it is none of the relay's."""
    try:
        fields = headers or {}
        return Recorded(
            position=int(fields[POSITION]),
            stream=fields["ce-subject"],
            version=int(fields[VERSION]),
            id=fields["ce-id"],
            type=fields["ce-type"],
            data=data,
            meta=_META.decode(fields[META]),
            recorded_at=datetime.fromisoformat(fields["ce-time"]),
        )
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        raise BrokenFeed(f"a message that no relay wrote: {error!r}") from error
