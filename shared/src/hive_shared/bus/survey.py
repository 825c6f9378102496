"""Bus against record: is the bus a true copy?

The bus must be looked at first and the record afterwards: the record only grows, so what the bus
holds then and the record lacks never was in this history.
"""

from typing import Final, Literal

import msgspec

from hive_contracts.envelope import Recorded
from hive_contracts.subjects import event_stream_name
from hive_shared.eventstore.port import EventStore, Head

Verdict = Literal["ok", "behind", "ahead", "different", "holes", "missing", "unreachable"]

RETENTION_MARGIN_MS: Final = 3_600_000
"""A message may go this much before its time (milliseconds)."""


class Held(msgspec.Struct, frozen=True):
    """What the bus holds."""

    stream: str
    began: int
    """The position that the stream was made to start at."""
    first: int
    """Of the oldest message; one past `last` where there is none."""
    last: int
    """Of the newest message that was ever stored; `began - 1` before the first one."""
    messages: int
    last_id: str
    """The event id of the newest message; empty where it is gone."""
    max_age_ms: int
    full: bool = False
    """Near its limit of bytes: old messages go before their time."""

    @property
    def holes(self) -> int:
        return self.last - self.first + 1 - self.messages


class Survey(msgspec.Struct, frozen=True):
    head: Head
    held: Held | None
    verdict: Verdict


async def survey(store: EventStore, held: Held | None, now_ms: int) -> Survey:
    """Compare what the bus held a moment ago with the record as it is now."""
    head = await store.head()
    if held is None:
        return Survey(head, None, "missing")
    at_last = await _at(store, held.last)
    lost = await _at(store, held.first - 1) if held.first > held.began else None
    return Survey(head, held, judge(held, head, at_last, lost, now_ms))


def judge(
    held: Held, head: Head, at_last: Recorded | None, lost: Recorded | None, now_ms: int
) -> Verdict:
    """`at_last` is the recorded event at the bus's last position, `lost` the newest that the bus
    has let go."""
    if held.stream != event_stream_name(head.log_id):
        return "different"
    if held.last > head.position:
        return "ahead"
    if held.last_id and (at_last is None or at_last.id != held.last_id):
        return "different"
    if held.holes or (lost is not None and not held.full and _too_young(lost, held, now_ms)):
        return "holes"
    return "ok" if held.last == head.position else "behind"


def _too_young(lost: Recorded, held: Held, now_ms: int) -> bool:
    """Is it gone though retention would have kept it, as after a purge?"""
    age_ms = now_ms - int(lost.recorded_at.timestamp() * 1000)
    return age_ms < held.max_age_ms - RETENTION_MARGIN_MS


async def _at(store: EventStore, position: int) -> Recorded | None:
    found = await store.read_all(position - 1, 1) if position > 0 else []
    return found[0] if found and found[0].position == position else None
