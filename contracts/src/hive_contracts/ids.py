"""Ids: UUIDv7 (RFC 9562) as 32 lower-case hex digits, time-ordered.

These functions are pure. Only `main` modules and adapters hold a clock and entropy; the rest of the
code is handed a `NewId`, or derives an id from another one.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Final

NewId = Callable[[], str]

SHORT_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ID: Final = re.compile(r"[0-9a-f]{32}")


def uuid7(unix_ms: int, entropy: bytes) -> str:
    """The UUIDv7 of a moment (milliseconds since 1970) and ten bytes of entropy."""
    head = unix_ms.to_bytes(6, "big").hex()
    tail = bytearray(entropy[:10])
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    return head + tail.hex()


def derived_id(parent: str, *parts: str | int) -> str:
    """The same id for the same parent and parts, at the parent's moment.

    Whoever plans the same thing twice names it the same, so a repetition is recognised.
    """
    digest = hashlib.sha256("\x1f".join([parent, *map(str, parts)]).encode()).digest()
    return uuid7(int(parent[:12], 16), digest)


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def is_commit(text: str) -> bool:
    """Whether it is a full object name of git."""
    return _COMMIT.fullmatch(text) is not None


def unix_ms_of(uuid: str) -> int:
    """The moment at which a UUIDv7 was minted, in milliseconds since 1970."""
    return int(uuid[:12], 16)
