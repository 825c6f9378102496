"""Whether an agent can run here: installed, and somebody logged in to it.

Only files and variables are looked at: asking an agent's own program would start it, and some write
to their user's session when asked. So "logged in" means that a login is there, not that it is good.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from hive_shared.profiles.profile import Login, Profile


class Presence(msgspec.Struct, frozen=True):
    state: Literal["no command", "missing", "logged out", "logged in", "ready"]
    """`ready` is an agent that needs no login."""
    remedy: str = ""
    """What to type, where it cannot run."""

    @property
    def runs(self) -> bool:
        return self.state in ("logged in", "ready")


def look(profile: Profile, env: Mapping[str, str], home: Path) -> Presence:
    """`env` is the environment from which the agent's is made."""
    if not profile.command:
        return Presence("no command")
    path = profile.set_env.get("PATH") or env.get("PATH")
    if shutil.which(profile.command[0], path=path) is None:
        return Presence("missing", profile.install)
    login, home = profile.login, Path(profile.set_env.get("HOME", home))
    if not login.needed or not (login.files or login.keys):
        return Presence("ready")
    if any(profile.set_env.get(key) for key in login.keys):
        return Presence("logged in")
    if any(env.get(key) for key in login.keys if key in profile.pass_env):
        return Presence("logged in")
    moved = profile.set_env.get(login.folder_env) or env.get(login.folder_env, "")
    if any(_is_there(place, key) for place, key in login_files(login, moved, home)):
        return Presence("logged in")
    return Presence("logged out", login.command)


def login_files(login: Login, moved: str, home: Path) -> Iterator[tuple[Path, str]]:
    """The places of a login, each with the key that it must have; `moved` is its folder, if it is
    another one than usual."""
    folder = Path(moved) if moved else _at_home(login.folder, home)
    for file in login.files:
        place, _, key = file.partition("#")
        yield (_at_home(place, home) if place.startswith("~/") else folder / place), key


def _at_home(place: str, home: Path) -> Path:
    return home / place.removeprefix("~/")


def _is_there(place: Path, key: str) -> bool:
    if not key:
        return place.exists()
    try:
        held = msgspec.json.decode(place.read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    return isinstance(held, dict) and bool(held.get(key))
