"""Which turn of a scenario answers a request, whatever API the request came by."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from hive_runner.testing.scenario import Call, Fault, Scenario, Tokens, Turn

SHELLS: Final[Mapping[str, str]] = {
    "exec_command": "cmd",
    "shell_command": "command",
    "bash": "command",
    "Bash": "command",
    "run_shell_command": "command",
}
"""The tools that run a shell command, and the argument that takes it."""

TITLE: Final = "A scripted conversation"
_CHARACTERS_OF_A_TOKEN: Final = 4


class Asked(msgspec.Struct, frozen=True):
    """What a request says, in terms of the scenario."""

    text: str
    """All that the agent's user said."""
    answered: int
    """Answers of the model that are in it already."""
    tools: tuple[str, ...]
    size: int
    """Bytes."""


class Answer(msgspec.Struct, frozen=True):
    say: str
    calls: tuple[Call, ...]
    usage: Tokens
    wait: float = 0


class NoTurn(Exception):
    """The scenario has no turn for a request. The text says which one is missing."""


class Script:
    """A scenario as it is played. Safe to be asked from several threads."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._faults: Counter[tuple[int, int]] = Counter()
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer | Fault:
        """Raises NoTurn."""
        if not asked.tools:
            # An agent that names its conversation: no part of any scenario.
            return _answer(Turn(say=TITLE), asked)
        number = self._scenario.find(asked.text)
        if number is None:
            raise NoTurn("no conversation of the scenario matches what the agent was asked")
        turns = self._scenario.conversations[number].turns
        if asked.answered >= len(turns):
            raise NoTurn(
                f"conversation {number + 1} of the scenario has {len(turns)} turns, and the agent"
                " goes on: let the last one call no tool"
            )
        turn = turns[asked.answered]
        if turn.fault is not None and self._strikes((number, asked.answered), turn.fault):
            return turn.fault
        return _answer(turn, asked)

    def _strikes(self, turn: tuple[int, int], fault: Fault) -> bool:
        with self._lock:
            self._faults[turn] += 1
            return self._faults[turn] <= fault.times


def _answer(turn: Turn, asked: Asked) -> Answer:
    calls = turn.calls
    if turn.run:
        calls = (_shell(turn.run, asked.tools), *calls)
    usage = turn.usage or Tokens(
        asked.size // _CHARACTERS_OF_A_TOKEN + 1, len(turn.say + turn.run) // 4 + 1
    )
    return Answer(turn.say, calls, usage, turn.wait)


def _shell(command: str, tools: Iterable[str]) -> Call:
    for tool in tools:
        if tool in SHELLS:
            arguments: dict[str, Any] = {SHELLS[tool]: command}
            if tool.lower() == "bash":
                arguments["description"] = "Run a command of the scenario"
            return Call(tool, arguments)
    raise NoTurn(f"the agent has no tool that runs a command; it has: {', '.join(tools)}")
