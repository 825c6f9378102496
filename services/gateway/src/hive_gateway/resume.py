"""Resume tokens: where a subscriber is, in which history, with which filter.

base64url of `v1.<log_id>.<position>.<filter digest>.<HMAC>`. Opaque to whoever holds it: the HMAC
keeps people from writing their own, and a position of another history from being believed.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

import msgspec

from hive_gateway.refusals import Refusal

_VERSION: Final = "v1"
_SEAL_DIGITS: Final = 32


class Place(msgspec.Struct, frozen=True):
    log_id: str
    position: int
    """All up to here was delivered."""
    filter: str
    """The filter's digest."""


class ResumeTokens:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, place: Place) -> str:
        body = f"{_VERSION}.{place.log_id}.{place.position}.{place.filter}"
        return base64.urlsafe_b64encode(f"{body}.{self._mark(body)}".encode()).decode()

    def open(self, token: str) -> Place:
        """Raises Refusal for what is no token of this hive."""
        try:
            text = base64.urlsafe_b64decode(token.encode()).decode()
            body, _, mark = text.rpartition(".")
            version, log_id, position, filter = body.split(".")
            if version != _VERSION or not hmac.compare_digest(mark, self._mark(body)):
                raise ValueError("sealed with another key")
            return Place(log_id, int(position), filter)
        except (ValueError, TypeError, binascii.Error):
            raise Refusal(
                "invalid",
                "the resume token is none of this hive's",
                "resume_token",
                "subscribe without it; `after` starts at a position",
            ) from None

    def _mark(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()[:_SEAL_DIGITS]
