"""The profiles that ship, a TOML file each beside this module, and what hive.toml makes of them."""

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

import msgspec

from hive_shared.profiles.profile import PARTS, Profile, merged

_SERVER: Final = re.compile("[a-zA-Z0-9_-]{1,40}")
GROUPS: Final = frozenset({"at", "within", "epoch"})


class ProfileProblem(ValueError):
    """A profile that cannot be used; the text names it, what is wrong and what to do."""


@functools.cache
def shipped() -> dict[str, Profile]:
    """The profiles that ship, by name."""
    return {
        file.name.removesuffix(".toml"): msgspec.convert(tomllib.loads(file.read_text()), Profile)
        for file in resources.files(__package__).iterdir()
        if file.name.endswith(".toml")
    }


def profiles_of(told: Mapping[str, Profile]) -> dict[str, Profile]:
    """All profiles that there are, hive.toml's over those that ship. Raises ProfileProblem."""
    names = [*shipped(), *(name for name in told if name not in shipped())]
    profiles = {name: _resolved(name, told, ()) for name in names}
    for name in told:
        _check(name, profiles[name])
    return profiles


def _resolved(name: str, told: Mapping[str, Profile], seen: tuple[str, ...]) -> Profile:
    if name in seen:
        raise ProfileProblem(
            f"profiles.{seen[0]}: `use` comes back to {name}: {' → '.join((*seen, name))};"
            " let it end at a profile with a command"
        )
    profile = merged(shipped().get(name, Profile()), told.get(name, Profile()))
    if not profile.use:
        return profile
    if profile.use not in told and profile.use not in shipped():
        known = ", ".join(sorted({*told, *shipped()} - {name}))
        raise ProfileProblem(
            f"profiles.{name}: there is no profile {profile.use} to use; there are: {known}"
        )
    return merged(_resolved(profile.use, told, (*seen, name)), profile)


def _check(name: str, profile: Profile) -> None:
    if profile.command and not profile.command[0]:
        raise ProfileProblem(f"profiles.{name}.command: the program's name is empty; write it")
    if profile.protocol == "acp" and profile.prompt != "stdin":
        raise ProfileProblem(
            f'profiles.{name}.prompt: with `protocol = "acp"` the prompt travels in the protocol;'
            " leave it out"
        )
    for variable in profile.set_env:
        if variable.startswith("HIVE_"):
            raise ProfileProblem(
                f"profiles.{name}.set_env: {variable} is the hive's own; name it otherwise"
            )
    for path in profile.home or ():
        if reason := _no_part_of_home(path):
            raise ProfileProblem(
                f"profiles.{name}.home: {path!r} {reason}; name a file or folder relative to HOME,"
                " such as .codex"
            )
    named = set(re.findall(r"{([a-z_]+)}", profile.template))
    if profile.template and ("task" not in named or named - {*PARTS}):
        raise ProfileProblem(
            f"profiles.{name}.template: it has to name {{task}}, and may name"
            f" {', '.join(f'{{{part}}}' for part in PARTS if part != 'task')}"
        )
    for key, server in profile.mcp.items():
        if not _SERVER.fullmatch(key) or not server.command:
            raise ProfileProblem(
                f"profiles.{name}.mcp.{key}: a server has a name of a-z, 0-9, - and _, and a"
                " command; correct it"
            )
    if profile.resume and profile.protocol != "acp":
        raise ProfileProblem(
            f'profiles.{name}.resume: only with `protocol = "acp"` a session can be gone on with;'
            " leave it out"
        )
    for pattern in (*profile.limits, *profile.login.failures):
        try:
            groups = set(re.compile(pattern).groupindex)
        except re.error as error:
            raise ProfileProblem(
                f"profiles.{name}: {pattern!r} is no regular expression: {error}; correct it"
            ) from error
        if groups - GROUPS:
            raise ProfileProblem(
                f"profiles.{name}: {pattern!r} has the group {min(groups - GROUPS)};"
                f" known are {', '.join(sorted(GROUPS))}"
            )


def _no_part_of_home(path: str) -> str:
    """Why a path names no part of HOME; empty where it does."""
    parts = PurePosixPath(path).parts
    if not path:
        return "is empty"
    if path.startswith(("/", "~")):
        return "is not relative to HOME"
    if ".." in parts:
        return "has `..` in it"
    return "" if parts else "is HOME itself"
