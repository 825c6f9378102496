"""Questions that services answer about themselves and others, as NATS requests.

hive.commands.health.alive     AliveQuery -> Alive               who is alive, seen from outside
hive.commands.github.status    GithubStatusQuery -> GithubStatus  configured or not
hive.commands.relay.rebuild    RebuildBus -> BusRebuilt           the event stream made anew
"""

from typing import Final, Literal

import msgspec

from hive_contracts.subjects import command_subject

ALIVE: Final = command_subject("health", "alive")
GITHUB_STATUS: Final = command_subject("github", "status")
REBUILD_BUS: Final = command_subject("relay", "rebuild")


class AliveQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    service: str = ""
    """Only this one; empty asks for all."""


class Member(msgspec.Struct, frozen=True):
    service: str
    instance: str
    """Empty where no instance of a service was ever heard."""
    state: Literal["alive", "silent", "unknown"]
    """`silent`: heard before, several beats are missing. `unknown`: nothing can be said."""
    heard_s_ago: float | None = None
    up_s: float | None = None


class BusSeen(msgspec.Struct, frozen=True):
    """The bus as one sees it who only looks."""

    state: Literal["alive", "silent", "unknown"]
    """`silent`: connected, but nothing comes through. `unknown`: health itself is cut off."""
    stream: str = ""
    last_position: int | None = None
    """Of the newest event on the bus; None where there is no event stream."""
    moved_s_ago: float | None = None
    """Since `last_position` last changed, as far as health has seen."""
    holes: int = 0


class Alive(msgspec.Struct, frozen=True):
    members: tuple[Member, ...]
    bus: BusSeen
    listening_s: float
    """For how long health has been able to hear; short means that silence says little."""


class GithubStatusQuery(msgspec.Struct, frozen=True):
    pass


class GithubStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    configured: bool
    reason: str = ""
    """Why not, and what to do about it."""


class RebuildBus(msgspec.Struct, frozen=True):
    """Make the event stream anew from the record."""


class BusRebuilt(msgspec.Struct, frozen=True):
    first: int
    """The position that the new stream starts at."""
    last: int
    """The record's head at that moment; the relay publishes up to it and on."""
