"""How many runners are wanted: events and the command; the stream is `capacity-runners`."""

from typing import Final

import msgspec

POOL: Final = "runners"
"""All runners of a hive."""


class CapacityEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    pool: str


class AgentRunners(msgspec.Struct, frozen=True):
    agent: str
    """The profile that they are to have."""
    runners: int


class RunnersWanted(CapacityEvent, frozen=True):
    """Another number of runners is wanted than before. Nobody has to follow it."""

    runners: int
    agents: tuple[AgentRunners, ...] = ()
    """Of these, those that are to have a profile; a runner may have several."""
    waiting: int = 0
    """Tasks that waited for a slot at that moment."""
    working: int = 0
    """Tasks that held one."""


AnyCapacityEvent = RunnersWanted


class WantRunners(msgspec.Struct, frozen=True, tag=True, tag_field="type"):
    pool: str
    runners: int
    agents: tuple[AgentRunners, ...] = ()
    waiting: int = 0
    working: int = 0
