"""Which coding agents this machine has, and whether somebody is logged in to them."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from hive_shared.profiles import Presence, Profile, look, profiles_of


class Agent(msgspec.Struct, frozen=True):
    name: str
    presence: Presence


def agents(told: Mapping[str, Profile], env: Mapping[str, str], home: Path) -> list[Agent]:
    """Those that could work here: that ship, or that hive.toml gives a command of their own."""
    found = [
        Agent(name, look(profile, env, home))
        for name, profile in profiles_of(told).items()
        if not profile.use
    ]
    return sorted(
        (agent for agent in found if agent.presence.state != "no command"),
        key=lambda agent: agent.name,
    )
