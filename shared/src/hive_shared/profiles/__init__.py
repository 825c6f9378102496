"""Kinds of agents: those that ship, and those that hive.toml adds or changes."""

from hive_shared.profiles.acp import ACP_EVENTS
from hive_shared.profiles.events import at, has
from hive_shared.profiles.fitness import Unfit, check_fitness, tasks_of
from hive_shared.profiles.presence import Presence, login_files, look
from hive_shared.profiles.profile import PARTS, Login, Permission, Profile, Reading, Server, Showing
from hive_shared.profiles.rules import Rules, resolved
from hive_shared.profiles.settings import settings_of
from hive_shared.profiles.shipped import ProfileProblem, profiles_of, shipped
from hive_shared.profiles.showing import Shown, show, showings
from hive_shared.profiles.speech import Inexpressible, Spoken, Wish, spoken
from hive_shared.profiles.using import Using

__all__ = [
    "ACP_EVENTS",
    "PARTS",
    "Inexpressible",
    "Login",
    "Permission",
    "Presence",
    "Profile",
    "ProfileProblem",
    "Reading",
    "Rules",
    "Server",
    "Showing",
    "Shown",
    "Spoken",
    "Unfit",
    "Using",
    "Wish",
    "at",
    "check_fitness",
    "has",
    "login_files",
    "look",
    "profiles_of",
    "resolved",
    "settings_of",
    "shipped",
    "show",
    "showings",
    "spoken",
    "tasks_of",
]
