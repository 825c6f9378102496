"""Attempts that wait at work for a person's answer.

    agent ─asks─▶ its client ─line─▶ Asking ─▶ Questions ─report─▶ the hive
      ◀─────────── its client ◀─line─ Asking ◀─ Questions ◀─reply─ orders, as long as a beat asks

The client's answers come on its standard input, a pipe that the agent does not have. While a person
is asked no time-out of the attempt goes on.
"""

import os
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from hive_contracts.dialogue import DENY, Question, Reply
from hive_runner.link.reports import Asks
from hive_runner.processes.process_group import Pause

Key = tuple[str, int]
"""Task id and epoch."""

_ID: Final = 64
"""Characters of a question's id, at most."""


class _Line(msgspec.Struct, frozen=True):
    """What the client prints when its agent asks."""

    id: str
    text: str
    options: tuple[str, ...] = ()


class Asking:
    """One attempt's questions, and the pipe by which it is answered."""

    def __init__(self, questions: "Questions", key: Key, clock: Callable[[], float]) -> None:
        """Raises OSError."""
        self.stdin, self._answers = os.pipe()
        self.pause = Pause(clock)
        self._questions = questions
        self._key = key

    def hear(self, line: dict[str, Any]) -> None:
        """A question, as the client printed it; what is none is nothing."""
        try:
            asked = msgspec.convert(line, _Line)
        except msgspec.ValidationError:
            return
        if not asked.id or len(asked.id) > _ID or not asked.text.strip():
            return
        id = f"{self._key[1]}-{asked.id}"
        if self._questions.ask(self._key, id, Question(asked.text, asked.options), self._answer):
            self.pause.begin()

    def _answer(self, id: str, text: str) -> None:
        self.pause.end()
        said = {"id": id.partition("-")[2], "text": text}
        try:
            os.write(self._answers, msgspec.json.encode(said) + b"\n")
        except OSError:
            return  # its client is gone, and the attempt with it

    def close(self) -> None:
        self._questions.forget(self._key)
        os.close(self._answers)
        os.close(self.stdin)


class Questions:
    """All that attempts of this runner wait for."""

    def __init__(self) -> None:
        self._waiting: dict[Key, tuple[str, Callable[[str, str], None]]] = {}
        self.on_asked: Callable[[Key, Asks], None] = lambda _, __: None
        """Is to report a question to the hive."""

    def of(self, key: Key, clock: Callable[[], float] = time.monotonic) -> Asking:
        """Raises OSError."""
        return Asking(self, key, clock)

    def ask(
        self, key: Key, id: str, question: Question, answer: Callable[[str, str], None]
    ) -> bool:
        """False where it waits for another answer already."""
        if key in self._waiting:
            return False
        self._waiting[key] = (id, answer)
        self.on_asked(key, Asks(id, question))
        return True

    def waits(self, key: Key) -> str:
        """The question, by its id, whose answer an epoch waits for; empty where there is none."""
        return self._waiting[key][0] if key in self._waiting else ""

    def reply(self, reply: Reply) -> None:
        """An answer from the hive; said twice it is given once."""
        self._give((reply.task_id, reply.epoch), reply.question, reply.text)

    def refused(self, key: Key, id: str) -> None:
        """The hive does not ask this: nobody will answer."""
        self._give(key, id, DENY)

    def forget(self, key: Key) -> None:
        self._waiting.pop(key, None)

    def _give(self, key: Key, id: str, text: str) -> None:
        if self.waits(key) == id:
            _, answer = self._waiting.pop(key)
            answer(id, text)
