"""The agents of this runner: which can run now, which wait for their provider or for a login.

What one attempt learns serves all: at a provider's limit nobody else is started until it is lifted,
and an agent whose login was refused is not offered to the hive until somebody has logged in.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.agents.login import stamp
from hive_shared.profiles import Profile, login_files, look

REFUSED_SECONDS: Final = 600.0
"""A refused login is tried again after this, though nobody logged in: it may be good again."""

Account = tuple[str, ...]
"""Program and variables: profiles that share both share a login and its limits."""


class _Refused(msgspec.Struct, frozen=True):
    at: float
    stamp: tuple[tuple[str, int, int], ...]


class Roster:
    def __init__(
        self,
        profiles: Mapping[str, Profile],
        person: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`person` is the runner's own environment."""
        self._profiles = profiles
        self._person = person
        self._clock = clock
        self._limits: dict[Account, float] = {}
        self._refused: dict[Account, _Refused] = {}

    def able(self) -> tuple[str, ...]:
        """Those that are installed and logged in, as the hive is told."""
        return tuple(
            sorted(
                name
                for name, profile in self._profiles.items()
                if look(profile, self._person, self.home).runs and not self.is_refused(profile)
            )
        )

    @property
    def home(self) -> Path:
        return Path(self._person.get("HOME", "/nonexistent"))

    def login_places(self, profile: Profile) -> list[Path]:
        """Where its login may be."""
        variable = profile.login.folder_env
        moved = profile.set_env.get(variable) or self._person.get(variable, "")
        home = Path(profile.set_env.get("HOME", self.home))
        return [place for place, _ in login_files(profile.login, moved, home)]

    def logged_out(self, profile: Profile) -> str:
        """What to type to log in; empty where somebody is logged in."""
        presence = look(profile, self._person, self.home)
        return presence.remedy if presence.state == "logged out" else ""

    def limited(self, profile: Profile, seconds: float) -> None:
        """Its provider gives nothing more for so long."""
        until = self._clock() + seconds
        account = _account(profile)
        self._limits[account] = max(until, self._limits.get(account, 0))

    def rests(self, profile: Profile) -> float:
        """Seconds until its provider's limit is lifted; 0 where there is none."""
        return max(0.0, self._limits.get(_account(profile), 0) - self._clock())

    def refused(self, profile: Profile) -> None:
        """Its login was refused."""
        known = _Refused(self._clock(), stamp(self.login_places(profile)))
        self._refused[_account(profile)] = known

    def is_refused(self, profile: Profile) -> bool:
        """Whether its login was refused, and nobody has logged in since."""
        known = self._refused.get(_account(profile))
        if known is None:
            return False
        over = self._clock() - known.at > REFUSED_SECONDS
        if over or known.stamp != stamp(self.login_places(profile)):
            del self._refused[_account(profile)]
            return False
        return True


def _account(profile: Profile) -> Account:
    values: Iterable[str] = (f"{key}={value}" for key, value in sorted(profile.set_env.items()))
    return (*profile.command[:1], *values)
