"""A kind of agent: how it is started, what it gets, and how what it prints is read."""

from typing import Any, Final, Literal

import msgspec

Cost = Literal["unknown", "billed", "estimated"]
Permission = Literal["allow", "deny", "ask"]


PARTS: Final = ("guide", "objective", "task", "left", "answers", "feedback", "hints", "rules")
"""Of a prompt, as a template names them; the guide is what the repository tells agents."""


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
    ends: bool = False
    """Whether what it says next is another message."""
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
    once: str = ""
    """The id of a step: its figures may come more than once, the last ones count, and those of all
    steps add up, until figures of the whole come."""


class Showing(_Part, frozen=True):
    """How an event of an agent is shown to people; of several that fit the first one counts."""

    text: str = ""
    """With paths of keys in braces: `$ {item.command}`. It fits only an event that has them all.
    Empty: the event is not shown."""
    when: dict[str, str | bool | int] = {}
    """Values that the event has at these paths."""
    each: str = ""
    """A path to a list: each of its entries is shown, with paths from there."""
    where: dict[str, str | bool | int] = {}
    """Values that an entry has."""
    join: bool = False
    """Whether it comes in pieces of one text."""
    cut: bool = False
    """Whether its beginning is enough."""
    usage: bool = False
    """Whether it only tells what was used: a row of a mission's screen has a place for that."""


class Server(_Part, frozen=True):
    """An MCP server that an agent may use: a program that it starts."""

    command: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    """Variables of the runner's environment that it gets, by name: their values stand in no file.
    The agent that starts it gets them, too."""


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
    takeover: tuple[str, ...] = ()
    """Program and arguments by which a person goes on with a session of it, `{session}`, from
    another folder; empty where it cannot do that."""
    speaks: Literal["", "claude", "codex", "gemini", "opencode"] = ""
    """Whose ways its command has to be told permissions and MCP servers."""
    model: tuple[str, ...] = ()
    """Arguments that name a model to it; `{model}` is the model."""
    usual: tuple[str, ...] = ()
    """Arguments that say what it may do, where a mission does not say it."""
    mcp: dict[str, Server] = {}
    """MCP servers that it is told of, by name; in no configuration of its person's."""
    template: str = ""
    """How its prompt is made: text with `{task}` and other parts of it in braces."""
    set_env: dict[str, str] = {}
    """Variables with their values."""
    home: tuple[str, ...] | None = None
    """Files and folders of its person's HOME that it gets, relative to it, and no more of it.
    Unsaid: all of HOME."""
    install: str = ""
    """What a person types to install it."""
    login: Login = Login()
    events: tuple[Reading, ...] = ()
    """How its output is read; without any it is text."""
    shows: tuple[Showing, ...] = ()
    """How its output is shown by `hive logs`; an event that none fits is shown as it came."""
    cost: Cost = "unknown"
    """What its figures of cost are: a bill, or list prices."""
    tokens: Literal["", "all", "some", "none"] = ""
    """Which of the tokens that it uses it tells of. Unsaid: all, where `events` read them from the
    output of a command; else none."""
    limits: tuple[str, ...] = ()
    """Regular expressions for what it says at a limit of its provider. A group `at` is the time of
    day or date of its end, `within` the duration until then, `epoch` the seconds since 1970."""
    limit_wait: float = 900
    """Seconds to wait where it does not say how long."""
    waits_at_limit: bool = False
    """Whether it would wait for the end of a limit by itself: then it is ended at once."""

    @property
    def tells_all_tokens(self) -> bool:
        """Whether a cap on tokens can be kept."""
        if self.tokens:
            return self.tokens == "all"
        return self.protocol == "command" and any(event.input for event in self.events)

    @property
    def keys(self) -> frozenset[str]:
        """Variables that would pay for it, and that nobody named for it."""
        return frozenset(self.login.keys) - {*self.pass_env, *self.set_env}

    @property
    def passed(self) -> tuple[str, ...]:
        """Variables that it gets from the runner's environment besides the usual ones."""
        moved = (self.login.folder_env,) if self.login.folder_env else ()
        served = (name for server in self.mcp.values() for name in server.env)
        return (*self.pass_env, *moved, *served)


def merged(below: Profile, above: Profile) -> Profile:
    """A profile in which `above` has said what it says, and `below` the rest."""
    under: dict[str, Any] = msgspec.to_builtins(below)
    over: dict[str, Any] = msgspec.to_builtins(above)
    if above.command and above.command != below.command:
        # Nothing is known of another command.
        for name in {"speaks", "model", "usual", "tokens"} - over.keys():
            under.pop(name, None)
    for name in ("login", "set_env", "permissions", "mcp"):
        if name in under and name in over:
            over[name] = {**under[name], **over[name]}
    if "pass_env" in under and "pass_env" in over:
        over["pass_env"] = [*under["pass_env"], *over["pass_env"]]
    return msgspec.convert(under | over, Profile)
