"""Group commit: appends that wait in a process travel together.

    callers ──▶ waiting ──▶ lane 1: one statement, one fsync, one answer each
                       └──▶ lane 2: is at the server already, waiting for lane 1's lock

A lane takes what waits, sends it as one statement and hands out the answers; while it is away the
next batch gathers. So a lone caller waits for nobody, and sixty-four share the price of a commit.
Where many wait, a lane takes half of all that is on its way: were one to take everything, the
process and the server would work in turns instead of side by side.

A batch that the server refuses as a whole is sent again one by one, so that a bad append harms
none of the others. A batch without an answer is not sent again: nobody knows whether it was
written, and only the caller's command id can tell.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import Context
from typing import Final

import asyncpg

from hive_shared.eventstore.admission import Admitted
from hive_shared.eventstore.errors import StoreError, StoreUnavailable
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.port import Appended
from hive_shared.eventstore.statement import Connection, Outcome, send
from hive_shared.eventstore.traced import statement_for
from hive_shared.handling import Handling

LANES: Final = 2
MAX_BATCH: Final = 256
"""Appends in one statement."""
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
"""Bytes of events in one statement, unless a single append holds more."""
FAIR_FROM: Final = 16
"""Appends on their way from which a lane leaves the other one its share."""

OnAppended = Callable[[int], None]


class Waiting:
    """An append on its way, and the future of its answer."""

    __slots__ = ("admitted", "answer", "command")

    def __init__(self, admitted: Admitted, answer: asyncio.Future[Appended]) -> None:
        self.admitted = admitted
        self.answer = answer
        command = admitted.append.command
        self.command = None if command is None else (command.caller, command.id)


class GroupCommit:
    """The queue of a process's appends, and the lanes that empty it."""

    def __init__(
        self, pool: asyncpg.Pool, on_appended: OnAppended | None, appends: Handling | None = None
    ) -> None:
        self._pool = pool
        self._on_appended = on_appended
        self._appends = appends
        self._queue: deque[Waiting] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._in_flight = 0

    def __len__(self) -> int:
        """Appends that wait to be sent."""
        return len(self._queue)

    async def append(self, admitted: Admitted) -> Appended:
        """Raises what the port's append raises.

        A cancelled caller's append may still be written.
        """
        waiting = Waiting(admitted, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if len(self._lanes) < LANES:
            self._open_lane()
        return await waiting.answer

    async def drain(self) -> None:
        """Wait until every append that is on its way is answered."""
        while self._lanes:
            await asyncio.wait(self._lanes)

    def _open_lane(self) -> None:
        # A task starts on the loop's next turn: by then all callers of this turn are waiting too.
        # It serves all of them, and is no part of the step of the one that opened it.
        lane = asyncio.create_task(self._empty_queue(), context=Context())
        self._lanes.add(lane)
        lane.add_done_callback(self._close_lane)

    def _close_lane(self, lane: asyncio.Task[None]) -> None:
        self._lanes.discard(lane)
        if self._queue and not self._lanes:
            self._open_lane()

    async def _empty_queue(self) -> None:
        try:
            async with self._pool.acquire() as connection:
                while self._queue and not connection.is_closed():
                    batch = self._next_batch()
                    self._in_flight += len(batch)
                    try:
                        await self._write(connection, batch)
                    finally:
                        self._in_flight -= len(batch)
                    # Those who were answered just now may send their next append along.
                    await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, no time
        except FAILURES as error:
            # No connection to be had. Unless the other lane has one, and will take them along,
            # those who wait learn it now; whoever comes later tries again.
            if not self._in_flight:
                waiting, self._queue = self._queue, deque()
                _fail(waiting, translated(error))

    def _next_batch(self) -> list[Waiting]:
        share = max(FAIR_FROM, (len(self._queue) + self._in_flight + 1) // LANES)
        batch: list[Waiting] = []
        again: list[Waiting] = []
        commands = set()
        size = 0
        while self._queue and len(batch) < min(share, MAX_BATCH):
            size += self._queue[0].admitted.size
            if batch and size > MAX_BATCH_BYTES:
                break
            waiting = self._queue.popleft()
            command = waiting.command
            if command is not None and command in commands:
                # To be judged when the first one's answer is in the log.
                again.append(waiting)
            else:
                commands.add(command)
                batch.append(waiting)
        self._queue.extendleft(reversed(again))
        return batch

    async def _write(self, connection: Connection, batch: list[Waiting]) -> None:
        try:
            with self._watched(batch):
                outcomes = await send(connection, [waiting.admitted for waiting in batch])
        except FAILURES as error:
            refusal = translated(error)
            if isinstance(refusal, StoreUnavailable) or len(batch) == 1:
                _fail(batch, refusal)
                return
            for waiting in batch:
                await self._write(connection, [waiting])
        except BaseException:
            _fail(batch, StoreUnavailable("the process stopped while it waited for an answer"))
            raise
        else:
            self._hand_out(batch, outcomes)

    @contextmanager
    def _watched(self, batch: list[Waiting]) -> Iterator[None]:
        with ExitStack() as watching:
            causes = (
                events[0].meta.traceparent
                for waiting in batch
                if (events := waiting.admitted.append.events)
            )
            watching.enter_context(statement_for("SELECT hive.append", causes, len(batch)))
            if self._appends is not None:
                watching.enter_context(self._appends.one())
            yield

    def _hand_out(self, batch: list[Waiting], outcomes: list[Outcome]) -> None:
        written = 0
        for waiting, outcome in zip(batch, outcomes, strict=True):
            _settle(waiting, outcome)
            if isinstance(outcome, Appended) and not outcome.repeated:
                written = outcome.position if waiting.admitted.append.events else written
        if written and self._on_appended is not None:
            self._on_appended(written)


def _fail(batch: Iterable[Waiting], error: StoreError) -> None:
    for waiting in batch:
        _settle(waiting, error)


def _settle(waiting: Waiting, outcome: Outcome) -> None:
    if waiting.answer.done():  # its caller was cancelled
        return
    if isinstance(outcome, StoreError):
        waiting.answer.set_exception(outcome)
    else:
        waiting.answer.set_result(outcome)
