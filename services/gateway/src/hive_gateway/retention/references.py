"""Which artifacts an event names. Pure."""

import re
from typing import Final

import msgspec

from hive_contracts.envelope import Recorded
from hive_contracts.plan import Link

_DIGEST: Final = re.compile(rb'"([0-9a-f]{64})"')


def digests(recorded: Recorded) -> set[str]:
    """All digests that stand in an event, whatever its type: also of one that a newer writer made.

    A commit of a SHA-256 repository looks the same; to take it for an artifact harms nobody.
    """
    return {found.decode() for found in _DIGEST.findall(recorded.data)}


def linked(manifest: bytes) -> set[str]:
    """What a manifest of a mission's branch names; nothing where the bytes are no manifest."""
    try:
        link = msgspec.json.decode(manifest, type=Link)
    except msgspec.DecodeError:
        return set()
    return {digest for digest in (link.bundle.digest, link.previous) if digest}
