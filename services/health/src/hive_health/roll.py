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
        self._took_a_place: set[tuple[str, str]] = set()

    def hear(self, beat: Heartbeat, at: float) -> None:
        self._heard[beat.service, beat.instance] = Heard(beat, at)

    def members(self, now: float, listening_since: float | None, service: str = "") -> list[Member]:
        """By service and instance; `listening_since` is None while nothing can be heard."""
        self._forget(now)
        members = [_member(heard, now, listening_since) for heard in self._heard.values()]
        present = {member.service for member in members}
        members += [Member(name, "", "unknown") for name in SERVICES if name not in present]
        wanted = [member for member in members if service in ("", member.service)]
        if service and not wanted:
            wanted = [Member(service, "", "unknown")]
        return sorted(wanted, key=lambda member: (member.service, member.instance))

    def beats(self, now: float) -> list[Heartbeat]:
        """The last ones of those that are alive."""
        return [heard.beat for heard in self._heard.values() if _is_alive(heard, now)]

    def _forget(self, now: float) -> None:
        old = [key for key, heard in self._heard.items() if now - heard.at > FORGET_SECONDS]
        for key in old:
            del self._heard[key]
        self._took_a_place &= self._heard.keys()
        self._replace(now)

    def _replace(self, now: float) -> None:
        """A process that began after another one of its service and machine was heard last took
        its place: that one is missed by nobody. Each takes one place."""
        gone = [(h.at, key) for key, h in self._heard.items() if not _is_alive(h, now)]
        for at, key in sorted(gone):
            old = self._heard[key].beat
            for new_key, new in self._heard.items():
                began = new.at - new.beat.uptime_s
                same = (new.beat.service, new.beat.host) == (old.service, old.host)
                if same and began >= at and new_key not in self._took_a_place:
                    self._took_a_place.add(new_key)
                    del self._heard[key]
                    break


def _member(heard: Heard, now: float, listening_since: float | None) -> Member:
    beat, state = heard.beat, _state(heard, now, listening_since)
    reason = _reason(beat, state)
    return Member(
        service=beat.service,
        instance=beat.instance,
        state=state,
        heard_s_ago=round(now - heard.at, 3),
        up_s=beat.uptime_s,
        ready=state == "alive" and not reason,
        reason=reason,
        host=beat.host,
        version=beat.version,
        needs=beat.needs,
    )


def _reason(beat: Heartbeat, state: State) -> str:
    """Why it is not ready."""
    match state:
        case "silent":
            return "it ended" if beat.state == "draining" else "no beat comes from it"
        case "unknown":
            return "health could not hear it"
    missing = [f"{need.name}: {need.reason}" for need in beat.needs if need.needed and not need.ok]
    return ", ".join(missing) or ("" if beat.state == "ready" else f"it is {beat.state}")


def _is_alive(heard: Heard, now: float) -> bool:
    return now - heard.at <= MISSED_BEATS * heard.beat.every_s


def _state(heard: Heard, now: float, listening_since: float | None) -> State:
    if _is_alive(heard, now):
        return "alive"
    patience = MISSED_BEATS * heard.beat.every_s
    if listening_since is None or now - listening_since <= patience:
        # Whoever was deaf in that time has no right to call anybody silent.
        return "unknown"
    return "silent"
