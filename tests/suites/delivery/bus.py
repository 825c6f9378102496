"""The bus's twin: a server with one stream, what relays do to it, and readers of it.

As `hive_shared.bus.events` and `live` do it, in as many steps: a stream is deleted and then made,
looked at and then asked for its newest message, and a window's messages arrive one by one.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from hive_contracts.envelope import Recorded
from hive_contracts.subjects import event_stream_name
from hive_shared.bus.errors import BrokenFeed, BusUnavailable, Overtaken, StreamChanged
from hive_shared.bus.survey import Held
from tests.suites.delivery.processes import Process

SILENCE_SECONDS: Final = 3.0
PAUSES: Final = 0.1
"""How often something else happens between two messages of a window."""


class Stream:
    """Sequences and what is stored at them; the last one is kept when messages go."""

    def __init__(self, name: str, began: int) -> None:
        self.name = name
        self.began = began
        self.last = began - 1
        self.messages: dict[int, tuple[Recorded, str]] = {}
        """By sequence: the event, and the history that the relay wrote it under."""

    @property
    def first(self) -> int:
        return min(self.messages, default=self.last + 1)

    def store(self, event: Recorded, log_id: str) -> None:
        self.last += 1
        self.messages[self.last] = event, log_id

    def held(self) -> Held:
        count = len(self.messages)
        return Held(self.name, self.began, self.first, self.last, count, "", 10**12)

    def id_at(self, sequence: int) -> str:
        return self.messages[sequence][0].id if sequence in self.messages else ""


class Server:
    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.down = False
        self.readers: list[Reader] = []
        self.late: list[tuple[Recorded, str]] = []
        """Messages that are still on their way, though nobody waits for an answer any more."""
        self.taken = 0
        """How many events readers took."""

    def arrive(self, event: Recorded, log_id: str) -> bool:
        """Store a message if it is the next one of the stream that it names; whether it was."""
        stream = self.stream
        if self.down or stream is None or stream.name != event_stream_name(log_id):
            raise StreamChanged
        if stream.last != event.position - 1:
            return False
        stream.store(event, log_id)
        return True

    def arrive_late(self) -> None:
        with contextlib.suppress(StreamChanged):
            self.arrive(*self.late.pop(0))

    def stop(self) -> None:
        self.down = True
        self.readers.clear()

    def wipe(self) -> None:
        self.stream = None
        self.readers.clear()

    def beat(self) -> None:
        """It tells each reader that it is still there."""
        for reader in self.readers:
            reader.hear(self.stream, 0)


class Writing:
    """relay.Bus, of one process."""

    def __init__(self, process: Process, server: Server) -> None:
        self._process = process
        self._server = server

    async def look(self) -> Held | None:
        await self._asked()
        if self._server.stream is None:
            return None
        held = self._server.stream.held()
        await self._asked()
        now = self._server.stream
        newest = now.id_at(held.last) if now is not None and now.name == held.stream else ""
        return Held(
            held.stream, held.began, held.first, held.last, held.messages, newest, held.max_age_ms
        )

    async def make(self, log_id: str, began: int) -> None:
        await self._asked()
        self._server.wipe()
        await self._asked()
        made, there = Stream(event_stream_name(log_id), began), self._server.stream
        if there is None:
            self._server.stream = made
        elif (there.name, there.began) != (made.name, made.began):
            raise BusUnavailable("another stream has these subjects")

    async def id_at(self, log_id: str, position: int) -> str:
        await self._asked()
        now = self._server.stream
        return now.id_at(position) if now and now.name == event_stream_name(log_id) else ""

    async def publish(self, log_id: str, events: Sequence[Recorded]) -> list[int]:
        await self._asked()
        stored: list[int] = []
        failure = None
        for event in events:
            if self._process.machine.chance.random() < PAUSES:
                await self._process.step()
            if self._server.down:
                raise BusUnavailable("no acknowledgement")
            if self._process.machine.doubt():
                failure = BusUnavailable("refused")
                if self._process.machine.chance.random() < 0.5:
                    self._server.late.append((event, log_id))
            elif self._server.arrive(event, log_id):
                stored.append(event.position)
        await self._process.step()
        if failure is not None:
            raise failure
        if self._process.machine.doubt():
            raise BusUnavailable("an acknowledgement was lost")
        if not stored:
            raise Overtaken
        return stored

    async def _asked(self) -> None:
        await self._process.step()
        if self._server.down or self._process.machine.doubt():
            raise BusUnavailable("no answer")


class Reading:
    """feed.Bus, of one process."""

    def __init__(self, process: Process, server: Server) -> None:
        self._process = process
        self._server = server

    async def open(self, log_id: str, after: int, arrived: Callable[[], None]) -> "Reader":
        await self._process.step()
        stream = self._server.stream
        wrong = stream is None or stream.name != event_stream_name(log_id)
        if self._server.down or wrong or self._process.machine.doubt():
            raise BusUnavailable("no such history")
        assert stream is not None
        reader = Reader(self._process, self._server, stream, log_id, after, arrived)
        self._server.readers.append(reader)
        return reader


class Reader:
    """feed.Reader: messages are pushed, and taken later."""

    def __init__(
        self,
        process: Process,
        server: Server,
        stream: Stream,
        log_id: str,
        after: int,
        arrived: Callable[[], None],
    ) -> None:
        self.process = process
        self._server = server
        self._stream = stream
        self._log_id = log_id
        self._after = after
        self._arrived = arrived
        self._pushed = after
        self._waiting = deque[tuple[Recorded, str]]()
        self._heard = process.monotonic()

    def hear(self, stream: Stream | None, limit: int) -> None:
        """The server sends some of what it has, if this reader's stream is still the one."""
        if stream is not self._stream:
            return
        self._heard = self.process.monotonic()
        for sequence in sorted(n for n in stream.messages if n > self._pushed)[:limit]:
            self._waiting.append(stream.messages[sequence])
            self._pushed = sequence
            self._arrived()

    async def take(self, limit: int) -> list[Recorded]:
        await self.process.step()
        events: list[Recorded] = []
        while self._waiting and len(events) < limit:
            event, log_id = self._waiting.popleft()
            if log_id != self._log_id:
                raise BrokenFeed("an event of another history")
            if event.position <= self._after:
                continue
            if event.position != self._after + 1:
                raise BrokenFeed(f"position {event.position} came after {self._after}")
            self._after = event.position
            events.append(event)
        if not events and self.process.monotonic() - self._heard > SILENCE_SECONDS:
            raise BrokenFeed("nothing was heard")
        self._server.taken += len(events)
        return events

    def skip_to(self, position: int) -> None:
        self._after = max(self._after, position)

    async def close(self) -> None:
        if self in self._server.readers:
            self._server.readers.remove(self)
