"""What a scripted model says: a scenario file, in TOML.

    [[conversation]]
    match = "did not pass its gates"      # found in what the agent was asked; the first that fits

    [[conversation.turn]]                 # one answer of the model, in their order
    say = "I look at the test first."
    run = "sed -i s/1/2/ src/a.py"        # a shell command, by the tool that the agent has for it

    [[conversation.turn]]
    fault = {kind = "limit", resets_in = 3600, times = 1}   # before it answers: once
    say = "Fixed."
    usage = {input = 1200, cached = 1000, output = 40}

Which turn is due is counted from the conversation that the agent sends, so any number of agents may
talk to one model at once, and each begins at the first turn.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec


class ScenarioProblem(ValueError):
    """A scenario that cannot be played. Its text names the file and the place."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parent of the values here."""


class Tokens(_Part, frozen=True):
    """What a turn is said to have used."""

    input: int
    """All that was read, what came from a cache included."""
    output: int
    cached: int = 0


class Fault(_Part, frozen=True):
    """What goes wrong before a turn is answered."""

    kind: Literal["error", "limit", "stall", "cut"]
    """An HTTP error; a limit of the provider; no byte for as long as the agent waits; an answer
    that ends in its middle."""
    times: int = 1
    """How often, over the life of the server; then the turn is answered."""
    status: int = 500
    """Of an `error`."""
    message: str = ""
    """Default: what a provider would say."""
    resets_in: int = 0
    """Seconds until a `limit` is lifted; 0 does not say."""

    @property
    def said(self) -> str:
        if self.message:
            return self.message
        if self.kind != "limit":
            return "The scripted model fails here."
        minutes, seconds = divmod(self.resets_in, 60)
        hours, minutes = divmod(minutes, 60)
        when = f" Please try again in {hours}h{minutes}m{seconds}s." if self.resets_in else ""
        return f"Rate limit reached for the scripted model.{when}"


class Call(_Part, frozen=True):
    """A call of one of the agent's tools, by name."""

    tool: str
    arguments: dict[str, Any] = {}


class Turn(_Part, frozen=True):
    say: str = ""
    run: str = ""
    calls: tuple[Call, ...] = ()
    usage: Tokens | None = None
    """Default: a token for four characters."""
    fault: Fault | None = None
    wait: float = 0
    """Seconds before the answer begins."""


class Conversation(_Part, frozen=True):
    turns: tuple[Turn, ...] = msgspec.field(name="turn")
    match: str = ""
    """A regular expression."""


class Scenario(_Part, frozen=True):
    conversations: tuple[Conversation, ...] = msgspec.field(name="conversation")

    def find(self, asked: str) -> int | None:
        """The conversation that fits what the agent was asked."""
        for number, conversation in enumerate(self.conversations):
            if re.search(conversation.match, asked):
                return number
        return None


def read_scenario(path: Path) -> Scenario:
    """Raises ScenarioProblem."""
    try:
        return parse_scenario(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioProblem(f"{path}: it cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ScenarioProblem(f"{path}: {error}") from error


def parse_scenario(text: str) -> Scenario:
    """Raises ScenarioProblem."""
    try:
        scenario = msgspec.convert(tomllib.loads(text), Scenario)
        for conversation in scenario.conversations:
            re.compile(conversation.match)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ScenarioProblem(str(error)) from error
    except re.error as error:
        raise ScenarioProblem(
            f"match {error.pattern!r} is no regular expression: {error}"
        ) from error
    return scenario
