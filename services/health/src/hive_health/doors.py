"""Whether gateways answer at their doors, as health itself has found. Pure.

a beat names an address ──▶ nobody can say ──asked──▶ answers ──fails for 10 s, thrice──▶ deaf
                                  ▲                      ▲─────────────answers───────────┘
                                  └── its name means nothing here
"""

import ipaddress
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from hive_contracts.health import Member
from hive_contracts.heartbeat import Heartbeat

DEAF_SECONDS: Final = 10.0
DEAF_TRIES: Final = 3
"""Failures in a row, at least: one that was asked while this machine stood still proves nothing."""


class Door(msgspec.Struct, frozen=True):
    instance: str
    address: str
    """`http://host:port`."""


class Deaf(Door, frozen=True):
    seconds: float
    """Since it failed to answer for the first time."""
    reason: str


class _Found(msgspec.Struct):
    address: str
    reason: str = ""
    failures: int = 0
    since: float = 0
    """When the first of these failures was seen."""
    deaf: bool = False


def to_ask(beats: Iterable[Heartbeat], machine: str) -> list[Door]:
    """Those that can be reached from this machine: an own address of another one is not."""
    return [
        Door(beat.instance, beat.address)
        for beat in beats
        if beat.service == "gateway"
        and beat.address
        and (beat.host == machine or not _is_loopback(beat.address))
    ]


class Doors:
    """What was found. Moments are seconds on one monotonic clock."""

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}
        """By instance."""

    def saw(self, door: Door, reason: str | None, now: float) -> None:
        """Why it did not answer, nothing where it did, None where it could not be asked."""
        if reason is None:
            self._found.pop(door.instance, None)
        elif not reason:
            self._found[door.instance] = _Found(door.address)
        else:
            found = self._found.setdefault(door.instance, _Found(door.address))
            found.since = found.since if found.failures else now
            found.failures, found.reason = found.failures + 1, reason
            found.deaf = found.failures >= DEAF_TRIES and now - found.since >= DEAF_SECONDS

    def forget(self, alive: Collection[str]) -> None:
        """Whoever is not alive any more."""
        for instance in self._found.keys() - alive:
            del self._found[instance]

    def deaf(self, now: float) -> list[Deaf]:
        return [
            Deaf(instance, found.address, now - found.since, found.reason)
            for instance, found in self._found.items()
            if found.deaf
        ]

    def seen(self, member: Member) -> Member:
        """A member, with what was found of it."""
        found = self._found.get(member.instance)
        if found is None or member.state != "alive":
            return member
        if not found.deaf:
            return replace(member, answers=True)
        reason = f"it does not answer at {found.address}: {found.reason}"
        reasons = ", ".join(filter(None, (member.reason, reason)))
        return replace(member, answers=False, ready=False, reason=reasons)


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
