"""What the log holds of a delivery. Pure."""

import hashlib
import re
from typing import Final

import msgspec

from hive_contracts.github.delivery import ReceiveDelivery

MAX_NAME: Final = 200

_GUID: Final = re.compile(r"[0-9a-f][0-9a-f-]{7,63}")
_EVENT: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class NoDelivery(Exception):
    """Signed, and yet no delivery of GitHub's; the text says why."""


class _Repository(msgspec.Struct):
    full_name: str | None = None


class _Installation(msgspec.Struct):
    id: int | None = None


class _Payload(msgspec.Struct):
    """The few fields that every kind of delivery may have."""

    action: str | None = None
    repository: _Repository | None = None
    installation: _Installation | None = None


_PAYLOAD: Final = msgspec.json.Decoder(_Payload)


def facts_of(guid: str, event: str, body: bytes) -> ReceiveDelivery:
    """Raises NoDelivery."""
    guid = guid.lower()
    if _GUID.fullmatch(guid) is None:
        raise NoDelivery(f"X-GitHub-Delivery {guid[:80]!r} is no GUID")
    if _EVENT.fullmatch(event) is None:
        raise NoDelivery(f"X-GitHub-Event {event[:80]!r} is no kind of event")
    try:
        payload = _PAYLOAD.decode(body)
    except msgspec.DecodeError as error:
        raise NoDelivery(f"the body is not what GitHub sends as JSON: {error}") from error
    return ReceiveDelivery(
        guid,
        event,
        hashlib.sha256(body).hexdigest(),
        len(body),
        _plain(payload.action),
        (payload.installation.id if payload.installation else 0) or 0,
        _plain(payload.repository.full_name if payload.repository else None),
    )


def _plain(text: str | None) -> str:
    # A NUL would be refused by the log.
    return (text or "").replace("\0", "")[:MAX_NAME]
