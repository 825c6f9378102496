"""Which coding agents this machine has, and whether somebody is logged in to them.

Only files and variables are looked at: asking an agent's own program would start it, and some write
to their user's session when asked. So "logged in" means that a login is there, not that it is good.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec


class Known(msgspec.Struct, frozen=True):
    """A coding agent's command line, and what shows that somebody is logged in to it."""

    name: str
    logins: tuple[str, ...]
    """Files below the home directory; any one is enough."""
    keys: tuple[str, ...]
    """Variables that replace a login."""
    log_in: str
    """What to type."""
    home: str = ""
    """A variable that names another folder for the login's file."""


KNOWN: Final = (
    Known("claude", (".claude/.credentials.json",), ("ANTHROPIC_API_KEY",), "claude /login"),
    Known("codex", (".codex/auth.json",), ("OPENAI_API_KEY",), "codex login", home="CODEX_HOME"),
    Known("gemini", (".gemini/oauth_creds.json",), ("GEMINI_API_KEY",), "gemini"),
)


class Agent(msgspec.Struct, frozen=True):
    name: str
    state: Literal["logged in", "logged out", "missing"]
    log_in: str = ""
    """What to type, where nobody is logged in."""


def look(env: Mapping[str, str], home: Path) -> list[Agent]:
    return [_look(known, env, home) for known in KNOWN]


def _look(known: Known, env: Mapping[str, str], home: Path) -> Agent:
    if shutil.which(known.name, path=env.get("PATH")) is None:
        return Agent(known.name, "missing")
    places = [home / login for login in known.logins]
    if env.get(known.home):
        places = [Path(env[known.home]) / Path(login).name for login in known.logins]
    if any(place.exists() for place in places) or any(env.get(key) for key in known.keys):
        return Agent(known.name, "logged in")
    return Agent(known.name, "logged out", known.log_in)
