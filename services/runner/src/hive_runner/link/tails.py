"""What commands print, on its way to whoever looks on: the newest of it, and nobody waits for it.

    command ──▶ Output ──heard──▶ the last WAITING bytes of each attempt ──take──▶ session

Where the hive takes less than is printed, the oldest waiting bytes are dropped; their offsets are
missing then, and the whole output is the attempt's artifact.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Final

from hive_contracts.v1 import runner_pb2

PIECE: Final = 16 * 1024
"""Bytes of one attempt in one message, at most."""
MESSAGE: Final = 64 * 1024
"""Bytes of all attempts in one message, at most."""
WAITING: Final = 128 * 1024
"""Bytes of one attempt that wait, at most."""
ATTEMPTS: Final = 64
"""Attempts of which anything waits, at most: the one that printed first is forgotten first."""
_REMEMBERED: Final = 1_024
"""Attempts whose outputs' names are known."""

Heard = Callable[[int, bytes], None]
"""Called with the offset of a piece, and the piece. Never waits, never fails."""


class Tails:
    """The newest output of all attempts of a runner."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, int], _Waiting] = OrderedDict()
        self._named: OrderedDict[tuple[str, int], Counter[str]] = OrderedDict()
        self._printed = asyncio.Event()

    def of(self, task_id: str, epoch: int, name: str) -> Heard:
        """Where one output of an attempt is to be told; a second `setup` becomes `setup.2`."""
        names = self._named.setdefault((task_id, epoch), Counter())
        if len(self._named) > _REMEMBERED:
            self._named.popitem(last=False)
        names[name] += 1
        if names[name] > 1:
            name = f"{name}.{names[name]}"

        def heard(offset: int, piece: bytes) -> None:
            waiting = self._waiting.get((task_id, epoch))
            if waiting is None:
                waiting = self._waiting[task_id, epoch] = _Waiting()
                if len(self._waiting) > ATTEMPTS:
                    self._waiting.popitem(last=False)
            waiting.put(name, offset, piece)
            self._printed.set()

        return heard

    async def printed(self) -> None:
        """Until something waits."""
        await self._printed.wait()

    def take(self) -> list[runner_pb2.OutputPiece]:
        """The next pieces to send, the attempts in turn; what is left waits for the next time."""
        taken: list[runner_pb2.OutputPiece] = []
        room = MESSAGE
        for key in list(self._waiting):
            if room <= 0:
                break
            waiting = self._waiting[key]
            for name, offset, piece in waiting.take(min(room, PIECE)):
                room -= len(piece)
                taken.append(runner_pb2.OutputPiece(
                    task_id=key[0], epoch=key[1], name=name, offset=offset, piece=piece,
                ))  # fmt: skip
            if waiting.size:
                self._waiting.move_to_end(key)
            else:
                del self._waiting[key]
        if not self._waiting:
            self._printed.clear()
        return taken


class _Waiting:
    """What one attempt printed and nobody was told yet, of its outputs one after the other."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: deque[tuple[str, int, bytes]] = deque()

    def put(self, name: str, offset: int, piece: bytes) -> None:
        dropped = max(0, len(piece) - WAITING)
        self._pieces.append((name, offset + dropped, piece[dropped:]))
        self.size += len(piece) - dropped
        while self.size > WAITING:
            self.size -= len(self._pieces.popleft()[2])

    def take(self, limit: int) -> list[tuple[str, int, bytes]]:
        """The oldest, up to so many bytes; what belongs together is one piece."""
        taken: list[tuple[str, int, bytes]] = []
        while self._pieces and limit > 0:
            name, offset, piece = self._pieces.popleft()
            if len(piece) > limit:
                self._pieces.appendleft((name, offset + limit, piece[limit:]))
                piece = piece[:limit]
            limit -= len(piece)
            self.size -= len(piece)
            if taken and taken[-1][0] == name and taken[-1][1] + len(taken[-1][2]) == offset:
                taken[-1] = (name, taken[-1][1], taken[-1][2] + piece)
            else:
                taken.append((name, offset, piece))
        return taken
