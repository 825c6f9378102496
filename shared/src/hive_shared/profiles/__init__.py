"""Kinds of agents: those that ship, and those that hive.toml adds or changes."""

from hive_shared.profiles.presence import Presence, login_files, look
from hive_shared.profiles.profile import Login, Permission, Profile, Reading
from hive_shared.profiles.shipped import ProfileProblem, profiles_of, shipped

__all__ = [
    "Login",
    "Permission",
    "Presence",
    "Profile",
    "ProfileProblem",
    "Reading",
    "login_files",
    "look",
    "profiles_of",
    "shipped",
]
