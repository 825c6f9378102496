"""Who is alive, as far as heartbeats tell. Pure.

heard ──every beat──▶ alive ──3 beats missing, though we could hear──▶ silent ──an hour──▶ gone
                        │
                        └──3 beats missing, and we could not hear──▶ unknown
"""

from typing import Final, Literal

import msgspec

from hive_contracts.health import Member
from hive_contracts.heartbeat import Heartbeat

SERVICES: Final = ("orchestrator", "gateway", "github", "health", "relay")
"""Without one of these a hive is not whole: one never heard is shown as unknown."""
MISSED_BEATS: Final = 3
FORGET_SECONDS: Final = 3600.0

State = Literal["alive", "silent", "unknown"]


class Heard(msgspec.Struct, frozen=True):
    beat: Heartbeat
    at: float
    """Seconds on this process's own clock."""


class Roll:
    """Every instance heard in the last hour. Moments are seconds on one monotonic clock."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, str], Heard] = {}

    def hear(self, beat: Heartbeat, at: float) -> None:
        self._heard[beat.service, beat.instance] = Heard(beat, at)

    def members(self, now: float, listening_since: float | None, service: str = "") -> list[Member]:
        """By service and instance; `listening_since` is None while nothing can be heard."""
        self._forget(now)
        members = [
            Member(
                service=heard.beat.service,
                instance=heard.beat.instance,
                state=_state(heard, now, listening_since),
                heard_s_ago=round(now - heard.at, 3),
                up_s=heard.beat.uptime_s,
            )
            for heard in self._heard.values()
        ]
        present = {member.service for member in members}
        members += [Member(name, "", "unknown") for name in SERVICES if name not in present]
        wanted = [member for member in members if service in ("", member.service)]
        if service and not wanted:
            wanted = [Member(service, "", "unknown")]
        return sorted(wanted, key=lambda member: (member.service, member.instance))

    def _forget(self, now: float) -> None:
        old = [key for key, heard in self._heard.items() if now - heard.at > FORGET_SECONDS]
        for key in old:
            del self._heard[key]


def _state(heard: Heard, now: float, listening_since: float | None) -> State:
    patience = MISSED_BEATS * heard.beat.every_s
    if now - heard.at <= patience:
        return "alive"
    if listening_since is None or now - listening_since <= patience:
        # Whoever was deaf in that time has no right to call anybody silent.
        return "unknown"
    return "silent"
