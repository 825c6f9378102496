"""What an append must look like before a store looks at it: the same for every store."""

import re
from typing import Final

import msgspec

from hive_contracts.envelope import NewEvent
from hive_contracts.ids import is_id
from hive_shared.eventstore.errors import (
    EventTooLarge,
    InvalidAppend,
    NulCharacter,
    TooManyEvents,
)
from hive_shared.eventstore.port import MAX_EVENT_BYTES, MAX_EVENTS, Append, CommandKey

MAX_ANSWER_BYTES: Final = 8_192
MAX_STREAM_LENGTH: Final = 200

# Streams and types become NATS subjects: a dot, a blank or a wildcard in one would stop the relay.
_STREAM: Final = re.compile(r"[a-z][a-z0-9_]*-[a-z0-9-]+")
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# An even number of backslashes before u0000 is text about a NUL, not a NUL.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_encode: Final = msgspec.json.Encoder().encode
_scan: Final = msgspec.json.Decoder(msgspec.Raw).decode


class Admitted(msgspec.Struct, frozen=True):
    """An append that may be judged."""

    append: Append
    metas: list[bytes]
    """The events' metadata as JSON, in order."""
    size: int
    """Bytes of its events."""


def admit(append: Append) -> Admitted:
    """Check an append. Raises InvalidAppend and its children."""
    if len(append.events) > MAX_EVENTS:
        raise TooManyEvents(f"{len(append.events)} events in one append, {MAX_EVENTS} at most")
    streams = {expected.stream for expected in append.expected}
    if len(streams) < len(append.expected):
        raise InvalidAppend("a stream is expected twice")
    for stream in streams:
        if len(stream) > MAX_STREAM_LENGTH or _STREAM.fullmatch(stream) is None:
            raise InvalidAppend(f"{stream[:MAX_STREAM_LENGTH]!r} is no stream name")
    if append.command is not None:
        check_command(append.command)
    if len(append.answer) > MAX_ANSWER_BYTES:
        raise InvalidAppend(f"an answer of {len(append.answer)} bytes, {MAX_ANSWER_BYTES} at most")
    metas = []
    size = 0
    for event in append.events:
        if event.stream not in streams:
            raise InvalidAppend(f"an event of {event.stream}, of which no version is expected")
        metas.append(_check_event(event))
        size += len(event.data)
    return Admitted(append, metas, size)


def check_command(command: CommandKey) -> None:
    """Raises InvalidAppend for a command key that is none."""
    if not is_id(command.id):
        raise InvalidAppend(f"{command.id!r} is no command id: expected 32 hex digits")
    if len(command.fingerprint) != 32:
        raise InvalidAppend(f"a fingerprint of {len(command.fingerprint)} bytes, not 32")
    if "\x00" in command.caller:
        raise NulCharacter("in the caller")


def _check_event(event: NewEvent) -> bytes:
    if len(event.data) > MAX_EVENT_BYTES:
        raise EventTooLarge(
            f"{event.type} of {event.stream}: {len(event.data)} bytes, {MAX_EVENT_BYTES} at most"
        )
    if _TYPE.fullmatch(event.type) is None:
        raise InvalidAppend(f"{event.type!r} is no event type")
    meta = _encode(event.meta)
    if (
        b"\x00" in event.data
        or (b"\\u0000" in event.data and _NUL.search(event.data))
        or b"\\u0000" in meta
        or "\x00" in event.id
    ):
        raise NulCharacter(f"{event.type} of {event.stream}")
    try:
        _scan(event.data)
        event.data.isascii() or event.data.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidAppend(f"{event.type} of {event.stream} is no JSON: {error}") from error
    return meta
