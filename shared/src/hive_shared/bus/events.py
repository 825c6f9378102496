"""The event stream as its writer sees it: looked at, made anew, published to. Adapter.

Each message is stored only if it is the next position of the stream that it names, so a writer
that is late, frozen or one of many can be refused but can do no harm.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from hive_contracts.envelope import Recorded
from hive_contracts.subjects import EVENTS, event_stream_name
from hive_shared.bus.connection import heed_cancellation
from hive_shared.bus.errors import BusUnavailable, Overtaken, StreamChanged
from hive_shared.bus.message import guarded, headers_of, subject_of
from hive_shared.bus.survey import Held

API_SECONDS: Final = 5.0
WRONG_LAST_SEQUENCE: Final = 10071
WRONG_STREAM: Final = 10060
NO_STORAGE: Final = 10047
LEAST_BYTES: Final = 16 << 20
"""Of what a bus that is short of room keeps; with less it is not made."""
SHORT: Final = (
    "NATS lets streams reserve three quarters of what is free on its disk, or its max_file_store:"
    " free some of that disk"
)
FULL: Final = 0.9
"""Part of the byte limit from which old messages may be gone before their time."""

_log = logging.getLogger("hive.bus")


class Retention(msgspec.Struct, frozen=True):
    """How much the bus keeps; older reads come from the record."""

    max_age_s: float = 7 * 24 * 3600
    max_bytes: int = 1 << 30


class EventStream:
    """The one stream of events, through one client."""

    def __init__(self, client: Client, retention: Retention) -> None:
        self._client = client
        self._retention = retention
        self._js = client.jetstream(timeout=API_SECONDS)
        self._inbox = ""
        self._awaited: dict[str, _Window] = {}
        self._windows = 0

    async def look(self) -> Held | None:
        """What it holds; None where there is none. Raises BusUnavailable."""
        async with _translated(self._client):
            names = await self._names()
            if not names:
                return None
            try:
                info = await self._js.stream_info(names[0])
                return await self._held(names[0], info)
            except NotFoundError:
                return None

    async def make(self, log_id: str, began: int) -> None:
        """Begin an empty stream of that history at that position, in place of whatever is there.

        Where NATS has not that much room it keeps less: older events are read from the record.
        Raises BusUnavailable; another relay may do the same at the same time.
        """
        async with _translated(self._client):
            for name in await self._names():
                try:
                    await self._js.delete_stream(name)
                except NotFoundError:
                    continue
            room = self._retention.max_bytes
            while not await self._added(log_id, began, room):
                if room <= LEAST_BYTES:
                    raise BusUnavailable(
                        f"NATS has no room for {room >> 20} MiB of events: {SHORT}"
                    )
                room = max(room // 2, LEAST_BYTES)
        if room < self._retention.max_bytes:
            kept, wanted = room >> 20, self._retention.max_bytes >> 20
            _log.warning("the bus keeps %d MiB of events and not %d: %s", kept, wanted, SHORT)

    async def _added(self, log_id: str, began: int, max_bytes: int) -> bool:
        """False where NATS has not that much room."""
        try:
            await self._js.add_stream(
                api.StreamConfig(
                    name=event_stream_name(log_id),
                    description="Agent Hive's events; the sequence is the position",
                    subjects=[EVENTS],
                    retention=api.RetentionPolicy.LIMITS,
                    discard=api.DiscardPolicy.OLD,
                    storage=api.StorageType.FILE,
                    max_age=self._retention.max_age_s,
                    max_bytes=max_bytes,
                    num_replicas=1,
                    allow_direct=True,
                    first_seq=began,
                )
            )
        except APIError as error:
            if error.err_code != NO_STORAGE:
                raise
            return False
        return True

    async def id_at(self, log_id: str, position: int) -> str:
        """Of the event there; empty where there is none of that history. Raises BusUnavailable."""
        async with _translated(self._client):
            return await self._id_at(event_stream_name(log_id), position)

    async def publish(self, log_id: str, events: Sequence[Recorded]) -> list[int]:
        """Store consecutive events; answers the positions that this call stored.

        All are sent at once and their acknowledgements awaited together. Fewer than all means that
        another relay was there first (Overtaken where it stored them all). Raises StreamChanged,
        and BusUnavailable where an acknowledgement is missing: then look.
        """
        stream = event_stream_name(log_id)
        window = _Window(len(events))
        async with _translated(self._client):
            replies = await self._expect(window, events)
            try:
                for event, reply in zip(events, replies, strict=True):
                    headers = guarded(headers_of(event, log_id), stream, event.position)
                    await self._client.publish(subject_of(event), event.data, reply, headers)
                async with asyncio.timeout(API_SECONDS):  # noqa: TID251  adapter
                    await window.answered.wait()
            finally:
                for reply in replies:
                    self._awaited.pop(reply, None)
        if window.failure is not None:
            raise window.failure
        if not window.stored:
            raise Overtaken
        return sorted(window.stored)

    async def _expect(self, window: "_Window", events: Sequence[Recorded]) -> list[str]:
        if not self._inbox:
            self._inbox = self._client.new_inbox()
            await self._client.subscribe(f"{self._inbox}.>", cb=self._answered)
        self._windows += 1
        replies = [f"{self._inbox}.{self._windows}.{event.position}" for event in events]
        self._awaited.update(dict.fromkeys(replies, window))
        return replies

    async def _answered(self, message: Msg) -> None:
        window = self._awaited.pop(message.subject, None)
        if window is not None:
            position = int(message.subject.rpartition(".")[2])
            window.take(position, message)

    async def _names(self) -> list[str]:
        request = json.dumps({"subject": EVENTS}).encode()
        reply = await self._client.request("$JS.API.STREAM.NAMES", request, timeout=API_SECONDS)
        answer = json.loads(reply.data)
        if "error" in answer:
            raise BusUnavailable(str(answer["error"]))
        return list(answer["streams"] or [])

    async def _held(self, name: str, info: api.StreamInfo) -> Held:
        state, config = info.state, info.config
        # A stream that never held a message says 0 for both.
        began = max(config.first_seq or 1, 1)
        last = max(state.last_seq, began - 1)
        newest = await self._id_at(name, last) if state.messages else ""
        max_bytes = config.max_bytes or 0
        return Held(
            stream=name,
            began=began,
            first=state.first_seq if state.messages else last + 1,
            last=last,
            messages=state.messages,
            last_id=newest,
            max_age_ms=int((config.max_age or 0) * 1000),
            full=0 < max_bytes * FULL < state.bytes,
        )

    async def _id_at(self, name: str, position: int) -> str:
        try:
            message = await self._js.get_msg(name, seq=position)
        except NotFoundError:
            return ""
        # What carries no id is no event: it must compare as different.
        return str((message.headers or {}).get("ce-id", "none"))


class _Window:
    """Messages sent together, and what was answered to them."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.stored: list[int] = []
        self.failure: BusUnavailable | StreamChanged | None = None
        self.answered = asyncio.Event()

    def take(self, position: int, message: Msg) -> None:
        self._expected -= 1
        if (message.headers or {}).get("Status") == "503":
            self.failure = StreamChanged("there is no event stream")
        else:
            self._read(position, json.loads(message.data))
        if self._expected == 0:
            self.answered.set()

    def _read(self, position: int, answer: dict[str, object]) -> None:
        match answer:
            case {"error": {"err_code": code}} if code == WRONG_LAST_SEQUENCE:
                return
            case {"error": {"err_code": code, "description": what}} if code == WRONG_STREAM:
                self.failure = StreamChanged(str(what))
            case {"error": error}:
                self.failure = BusUnavailable(str(error))
            case {"seq": sequence} if sequence == position:
                self.stored.append(position)
            case _:
                self.failure = StreamChanged(f"position {position} was answered by {answer}")


@asynccontextmanager
async def _translated(client: Client) -> AsyncIterator[None]:
    """Foreign errors become BusUnavailable; nothing is tried on a connection that is down."""
    if not client.is_connected:
        raise BusUnavailable("not connected to NATS")
    try:
        yield
        heed_cancellation()
    except (nats.errors.Error, OSError, json.JSONDecodeError) as error:
        raise BusUnavailable(f"NATS: {error!r}") from error
