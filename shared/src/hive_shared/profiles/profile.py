"""A kind of agent: how it is started, what it gets, and how what it prints is read."""

from typing import Any, Literal

import msgspec

Cost = Literal["unknown", "billed", "estimated"]
Permission = Literal["allow", "deny", "ask"]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Parent of the values here. What is at its default was not said."""


class Login(_Part, frozen=True):
    """What shows that somebody is logged in to an agent. Only files and variables are looked at."""

    needed: bool = True
    """Set it to false for an agent that has its model by another way."""
    folder: str = ""
    """Where its own files are, such as `~/.codex`."""
    folder_env: str = ""
    """The variable that moves this folder; it is given to the agent."""
    files: tuple[str, ...] = ()
    """Any one is enough: in the folder, or from `~/`. `#key` asks for a key of a JSON object."""
    keys: tuple[str, ...] = ()
    """Variables that replace a login. The agent gets one only if `pass_env` or `set_env` names it:
    a key that came along unseen would be billed."""
    command: str = ""
    """What a person types to log in."""
    failures: tuple[str, ...] = ()
    """Regular expressions for what it says when its login is refused."""


class Reading(_Part, frozen=True):
    """What is to be taken from an event of an agent, a JSON object on a line of its own.

    The others are paths of keys with dots between them; several numbers are added up.
    """

    when: dict[str, str | bool] = {}
    """Values that the event has at these paths."""
    session: str = ""
    """Its session's id."""
    message: str = ""
    """What it says to the person: the last one counts."""
    join: bool = False
    """Whether the message comes in pieces."""
    error: str = ""
    """What went wrong, unless it says something else after it."""
    resets: str = ""
    """When a limit is lifted, in seconds since 1970; it also says that there is one."""
    input: tuple[str, ...] = ()
    """Tokens read, those from a cache included."""
    cached: tuple[str, ...] = ()
    """Of these, tokens from a cache."""
    output: tuple[str, ...] = ()
    """Tokens written."""
    cost: str = ""
    """US dollars."""
    add: bool = False
    """Whether these figures are for this event alone, so that those of all events add up."""


class Profile(_Part, frozen=True):
    """`[profiles.NAME]` in hive.toml, and what ships for some names. What hive.toml does not say is
    as it ships."""

    command: tuple[str, ...] = ()
    """Program and arguments; empty where it is not to be run. `{prompt}` is the prompt,
    `{prompt_file}` the file that has it, `{notes}` a folder that the agent may write to."""
    pass_env: tuple[str, ...] = ()
    """Variables of the runner's environment that this agent gets besides the usual ones."""
    use: str = ""
    """Another profile, from which what is not said here is taken."""
    args: tuple[str, ...] = ()
    """More arguments, such as the model."""
    prompt: Literal["stdin", "argument", "file"] = "stdin"
    """How it is asked. The file `$HIVE_PROMPT_FILE` always has the prompt too."""
    protocol: Literal["command", "acp"] = "command"
    """`acp` speaks the Agent Client Protocol with the command over its stdin and stdout."""
    permissions: dict[str, Permission] = {}
    """With `acp`: what is answered when it asks, by the kind of tool (`edit`, `execute`, …); `*` is
    any other. Default: allow."""
    resume: bool = False
    """With `acp`: whether the next attempt goes on with the session of the one before, where the
    agent still knows it."""
    set_env: dict[str, str] = {}
    """Variables with their values."""
    install: str = ""
    """What a person types to install it."""
    login: Login = Login()
    events: tuple[Reading, ...] = ()
    """How its output is read; without any it is text."""
    cost: Cost = "unknown"
    """What its figures of cost are: a bill, or list prices."""
    limits: tuple[str, ...] = ()
    """Regular expressions for what it says at a limit of its provider. A group `at` is the time of
    day or date of its end, `within` the duration until then, `epoch` the seconds since 1970."""
    limit_wait: float = 900
    """Seconds to wait where it does not say how long."""
    waits_at_limit: bool = False
    """Whether it would wait for the end of a limit by itself: then it is ended at once."""

    @property
    def keys(self) -> frozenset[str]:
        """Variables that would pay for it, and that nobody named for it."""
        return frozenset(self.login.keys) - {*self.pass_env, *self.set_env}

    @property
    def passed(self) -> tuple[str, ...]:
        """Variables that it gets from the runner's environment besides the usual ones."""
        moved = (self.login.folder_env,) if self.login.folder_env else ()
        return (*self.pass_env, *moved)


def merged(below: Profile, above: Profile) -> Profile:
    """A profile in which `above` has said what it says, and `below` the rest."""
    under: dict[str, Any] = msgspec.to_builtins(below)
    over: dict[str, Any] = msgspec.to_builtins(above)
    for name in ("login", "set_env", "permissions"):
        if name in under and name in over:
            over[name] = {**under[name], **over[name]}
    if "pass_env" in under and "pass_env" in over:
        over["pass_env"] = [*under["pass_env"], *over["pass_env"]]
    return msgspec.convert(under | over, Profile)
