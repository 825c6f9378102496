"""Which settings a profile has, as a few characters: other ones are other settings. Pure."""

import hashlib
from typing import Final

import msgspec

from hive_shared.profiles.profile import Profile

LENGTH: Final = 8
_NOTHING: Final = Profile()


def settings_of(profile: Profile) -> str:
    """Of what it runs and may do, and how it is asked; not of how its output is read, nor of how
    a person installs it. Values of variables are left out: they may be secret, and a digest so
    short of a known rest tells something of them."""
    said = msgspec.structs.replace(
        profile,
        set_env=dict.fromkeys(sorted(profile.set_env), ""),
        install=_NOTHING.install,
        login=_NOTHING.login,
        events=_NOTHING.events,
        shows=_NOTHING.shows,
        cost=_NOTHING.cost,
        tokens=_NOTHING.tokens,
        limits=_NOTHING.limits,
        limit_wait=_NOTHING.limit_wait,
        waits_at_limit=_NOTHING.waits_at_limit,
        takeover=_NOTHING.takeover,
    )
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:LENGTH]
