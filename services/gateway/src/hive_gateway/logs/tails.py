"""The live output of attempts: one capped Redis stream each. Adapter.

    session ──take──▶ queue ──pipelined XADD──▶ hive:tail:<task>:<epoch> ──read──▶ who follows,
                                                                          at whatever gateway

Nothing depends on it. `take` never waits; what does not fit in the queue, and what Redis does not
take at once, is dropped and counted. Offsets in the entries show what is missing. Redis may be
away, slow, emptied or restarted at any moment: it is tried again, and `reason` says why it is away.
"""

import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from hive_contracts.ids import is_id
from hive_contracts.v1 import runner_pb2
from hive_shared.clock import Clock
from hive_shared.wake import Wake

ENTRIES: Final = 512
"""Pieces of an attempt that are kept, about: two minutes of an agent that never stops printing."""
EXPIRE_SECONDS: Final = 2 * 3600
"""After the last piece."""
QUEUE_BYTES: Final = 4 * 1024 * 1024
"""That wait for Redis, at most; then the oldest are dropped."""
MAX_PIECE: Final = 16 * 1024
BATCH: Final = 256
"""Pieces in one round trip."""
PAGE: Final = 64
"""Entries that are read at once."""
BEGINNING: Final = "0"
_ANSWER_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 2.0
"""Between two looks at a Redis that nothing is written to."""
_DELAYS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_ERRORS: Final = (RedisError, OSError, TimeoutError)
_NOT_SET: Final = "no Redis is set (redis_url)"

_log = logging.getLogger("hive.gateway.tails")


class TailsAway(Exception):
    """Live output cannot be read now."""


class Entry(msgspec.Struct, frozen=True):
    """One piece in an attempt's stream."""

    id: str
    output: str
    offset: int
    piece: bytes


class Tails:
    def __init__(
        self, client: "Redis | None", clock: Clock, dropped: Callable[[int], None]
    ) -> None:
        """Without a client nothing is live. `dropped` is told how many bytes were lost."""
        self._client: Any = client
        self._clock = clock
        self._dropped = dropped
        self._queue: deque[runner_pb2.OutputPiece] = deque()
        self._size = 0
        self._news = Wake(clock)
        self.reason = _NOT_SET if client is None else "it has not answered yet"
        """Why there is no live output now; empty where there is."""

    @property
    def is_set(self) -> bool:
        """Whether there is to be live output at all."""
        return self._client is not None

    def take(self, pieces: Iterable[runner_pb2.OutputPiece]) -> None:
        """Pass pieces on; what is malformed is dropped."""
        for piece in pieces:
            if self._client is None or not _is_well_formed(piece):
                self._dropped(len(piece.piece))
                continue
            self._queue.append(piece)
            self._size += len(piece.piece)
        while self._size > QUEUE_BYTES:
            self._dropped(self._pop())
        if self._queue:
            self._news.set()

    async def run(self) -> None:
        """Write what is taken, until cancelled; only with a client."""
        failures = 0
        while True:
            if not self._queue and not self.reason:
                await self._news.wait(_LOOK_SECONDS)
            try:
                await self._write()
            except _ERRORS as error:
                self._is_away(error)
                await self._clock.sleep(_DELAYS[min(failures, len(_DELAYS) - 1)])
                failures += 1
            else:
                if self.reason:
                    _log.info("live output is there")
                failures, self.reason = 0, ""

    async def read(self, task_id: str, epoch: int, after: str) -> list[Entry]:
        """The next pieces of an attempt. Raises TailsAway."""
        if self._client is None:
            raise TailsAway(self.reason)
        key = _key(task_id, epoch)
        try:
            found = await self._client.xread({key: after}, count=PAGE)
        except _ERRORS as error:
            raise TailsAway(_why(error)) from error
        return [entry for row in _rows(found) if (entry := _entry_of(row)) is not None]

    async def _write(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH))]
        size = sum(len(piece.piece) for piece in batch)
        self._size -= size
        if not batch:
            await self._client.ping()
            return
        pipeline = self._client.pipeline(transaction=False)
        for piece in batch:
            fields = {"name": piece.name, "offset": piece.offset, "piece": piece.piece}
            key = _key(piece.task_id, piece.epoch)
            pipeline.xadd(key, fields, maxlen=ENTRIES, approximate=True)
        for key in {_key(piece.task_id, piece.epoch) for piece in batch}:
            pipeline.expire(key, EXPIRE_SECONDS)
        try:
            await pipeline.execute()
        except _ERRORS:
            self._dropped(size)
            raise

    def _pop(self) -> int:
        size = len(self._queue.popleft().piece)
        self._size -= size
        return size

    def _is_away(self, error: Exception) -> None:
        if not self.reason or self.reason != _why(error):
            _log.warning("no live output: %s", _why(error))
        self.reason = _why(error)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator["Redis | None"]:
    """A client that connects when it is used; None without a URL."""
    if not url:
        yield None
        return
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=8,
        timeout=_ANSWER_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        # A piece that was not taken is dropped: the next is newer.
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    client = Redis(connection_pool=cast("Any", pool))
    try:
        yield client
    finally:
        with contextlib.suppress(*_ERRORS):
            await client.aclose()
            await pool.aclose()


def _is_well_formed(piece: runner_pb2.OutputPiece) -> bool:
    return (
        is_id(piece.task_id)
        and piece.epoch > 0
        and piece.offset >= 0
        and 0 < len(piece.piece) <= MAX_PIECE
        and 0 < len(piece.name) <= 80
    )


def _key(task_id: str, epoch: int) -> str:
    return f"hive:tail:{task_id}:{epoch}"


def _rows(found: Any) -> list[Any]:
    return [row for _, rows in found or () for row in rows]


def _entry_of(row: Any) -> Entry | None:
    id, fields = row
    try:
        return Entry(
            id.decode(), fields[b"name"].decode(), int(fields[b"offset"]), fields[b"piece"]
        )
    except (KeyError, ValueError):
        return None  # somebody else's


def _why(error: Exception) -> str:
    what = "refuses" if isinstance(error, ResponseError) else "does not answer"
    return f"Redis {what}: {str(error) or type(error).__name__}"
