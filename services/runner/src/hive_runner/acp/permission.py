"""What an agent is answered when it asks for permission: by its rules, or by a person."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from hive_contracts.dialogue import ALLOW, DENY

Say = Callable[[dict[str, Any]], None]


class _Answer(msgspec.Struct, frozen=True):
    id: str
    text: str


class Person:
    """Somebody who is asked by a line of output, and answers by a line of input."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._asked = 0
        self._gone = False
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._turn = asyncio.Lock()

    async def ask(self, text: str) -> str:
        """`allow` or `deny`. One question at a time; with nobody there it is denied."""
        async with self._turn:
            if self._gone:
                return DENY
            self._asked += 1
            id = str(self._asked)
            answer = self._waiting[id] = asyncio.get_running_loop().create_future()
            self._say({"type": "asks", "id": id, "text": text, "options": [ALLOW, DENY]})
            try:
                return ALLOW if await answer == ALLOW else DENY
            finally:
                del self._waiting[id]

    def hear(self, line: bytes) -> None:
        try:
            answer = msgspec.json.decode(line, type=_Answer)
        except msgspec.DecodeError:
            return
        waiting = self._waiting.get(answer.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer.text)

    def gone(self) -> None:
        """No answer will come any more."""
        self._gone = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(DENY)

    async def listen(self) -> None:
        """Take answers from standard input, to its end."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        try:
            while line := await reader.readline():
                self.hear(line)
        finally:
            self.gone()
            transport.close()
