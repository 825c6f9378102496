"""Publishes the record to the bus, so that the bus's sequence is the record's position.

    look at bus, then record ──ok, behind──────────▶ publish from the bus's last position on
      ▲        │                                          │   woken by hints, polling as a net
      │        ├─missing, holes──▶ make the stream anew ──┤
      │        └─ahead, different─▶ new log_id if it is   │
      │                             the same history ─────┤
      ├── doubt: refused, no answer, another history ─────┘
      └── every half a minute, anyway

Any number of relays may run. Each message is stored only as the next position of the stream it
names, so a second relay, or one that was frozen over a restore, is refused and looks again. Whoever
loses a race stands by, and takes over when the bus has not come forward for a while: leadership
saves work, safety does not hang on it.
"""

import asyncio
import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Protocol

from msgspec.structs import replace

from hive_contracts.envelope import Recorded
from hive_contracts.health import BusRebuilt
from hive_contracts.subjects import event_stream_name
from hive_shared.bus.errors import BusError, Overtaken, StreamChanged
from hive_shared.bus.survey import Held, Survey, survey
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.port import EventStore
from hive_shared.handling import Handling
from hive_shared.telemetry import Attribute, batch
from hive_shared.wake import Wake

WINDOW: Final = 256
"""Messages that are on their way together."""
POLL_SECONDS: Final = 1.0
DOUBT_SECONDS: Final = 30.0
"""How long a relay trusts its last look at the bus."""
STANDBY_SECONDS: Final = 1.0
"""How long the bus may stand still before a relay that stands by takes over."""
RETRY_SECONDS: Final = 0.5

_log = logging.getLogger("hive.relay")


class Bus(Protocol):
    """The event stream, as its writer sees it."""

    async def look(self) -> Held | None:
        """What it holds; None where there is no stream. Raises BusUnavailable."""
        ...

    async def make(self, log_id: str, began: int) -> None:
        """Begin an empty stream in place of whatever is there. Raises BusUnavailable."""
        ...

    async def id_at(self, log_id: str, position: int) -> str:
        """Of the event there; empty where there is none. Raises BusUnavailable."""
        ...

    async def publish(self, log_id: str, events: Sequence[Recorded]) -> list[int]:
        """Store consecutive events; answers the positions that this call stored.

        Raises Overtaken (none), StreamChanged, BusUnavailable.
        """
        ...


class Log(Protocol):
    """What the relay needs of the log beyond reading it."""

    async def renew_if_bus_is_wrong(self, held: Held, log_id: str) -> str:
        """Begin a new history if the primary, read afresh and under a lock, contradicts the bus.

        Answers the `log_id` that is in force.
        """
        ...

    async def recent_position(self) -> int:
        """The position from which the bus is to be made anew: as much as its retention holds."""
        ...


class Relay:
    """One of any number of relays."""

    def __init__(self, store: EventStore, log: Log, bus: Bus, clock: Clock, wake: Wake) -> None:
        self._store = store
        self._log = log
        self._bus = bus
        self._clock = clock
        self._wake = wake
        self._asked: list[asyncio.Future[BusRebuilt]] = []
        self.publishing = Handling("publish", clock.monotonic, "job")
        """Its windows of events."""
        self.trouble = ""
        """What it waits for; empty while it goes on."""

    async def rebuild(self) -> BusRebuilt:
        """Make the event stream anew, though nothing may be wrong with it."""
        answer: asyncio.Future[BusRebuilt] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._wake.set()
        return await answer

    async def run(self) -> None:
        """Until cancelled."""
        standby = False
        while True:
            try:
                looked = await self._look()
                self.trouble = ""
                if standby and not self._asked and await self._bus_moves(looked):
                    continue
                standby = False
                if (last := await self._agree(looked)) is not None:
                    await self._publish(looked.head.log_id, *last)
            except Overtaken:
                standby = True
            except StreamChanged as change:
                _log.info("looking again: %s", change)
            except (BusError, StoreUnavailable) as error:
                self.trouble = str(error)
                _log.warning("waiting: %s", error)
                await self._clock.sleep(RETRY_SECONDS)

    async def _look(self) -> Survey:
        return await survey(self._store, await self._bus.look(), self._clock.now_ms())

    async def _bus_moves(self, looked: Survey) -> bool:
        """Is another relay at work? Only if the bus gets to where the record is now."""
        await self._clock.sleep(STANDBY_SECONDS)
        held = await self._bus.look()
        if held is None or looked.held is None or looked.verdict not in ("ok", "behind"):
            return False
        return held.stream == looked.held.stream and held.last >= looked.head.position

    async def _agree(self, looked: Survey) -> tuple[int, str] | None:
        """Make the bus a true copy so far; None to look again.

        Answers its last position, and the id of the event there, if the bus could tell it.
        """
        head, held = looked.head, looked.held
        match looked.verdict:
            case "ok" | "behind" if held is not None and not self._asked:
                return held.last, held.last_id
            case "ahead" | "different" if held is not None:
                log_id = await self._log.renew_if_bus_is_wrong(held, head.log_id)
                if log_id != head.log_id:
                    _log.error("bus %s: history %s begins", looked.verdict, log_id)
                    return None
        began = await self._log.recent_position()
        _log.warning("bus %s: made anew from position %d", looked.verdict, began)
        await self._bus.make(head.log_id, began)
        while self._asked:
            answer = self._asked.pop()
            if not answer.done():
                answer.set_result(BusRebuilt(began, head.position))
        return began - 1, ""

    async def _publish(self, log_id: str, last: int, last_id: str) -> None:
        """Publish from there on, until it is time to look again."""
        until = self._clock.monotonic() + DOUBT_SECONDS
        while self._clock.monotonic() < until and not self._asked:
            head = await self._store.head()
            if head.log_id != log_id or head.position < last:
                raise StreamChanged("the record is of another history")
            if head.position == last:
                await self._wake.wait(POLL_SECONDS)
                continue
            events = await self._following(last, last_id)
            await self._send(log_id, events)
            last, last_id = events[-1].position, events[-1].id

    async def _following(self, last: int, last_id: str) -> list[Recorded]:
        """The next window. Raises StreamChanged where it does not follow on what was published.

        The event before it is read with it: a record that lost its end in a promotion, and has
        grown past the bus since, has the same `log_id` and the right positions.
        """
        if last == 0:
            events = await self._store.read_all(0, WINDOW)
        else:
            read = await self._store.read_all(last - 1, WINDOW + 1)
            if not read or read[0].position != last or (last_id and read[0].id != last_id):
                raise StreamChanged(f"position {last} is another event now")
            events = read[1:]
        if not events:
            raise StreamChanged("the record has lost its end")
        return events

    async def _send(self, log_id: str, events: Sequence[Recorded]) -> None:
        about: dict[str, Attribute] = {
            "messaging.system": "nats",
            "messaging.operation.type": "send",
            "messaging.batch.message_count": len(events),
            "hive.position": events[-1].position,
        }
        causes = (event.meta.traceparent for event in events)
        with batch("relay publish", causes, "producer", about), self.publishing.one():
            stored = await self._bus.publish(log_id, events)
        if len(stored) < len(events):
            await self._see_that_they_follow(log_id, events, stored)
            if 2 * len(stored) < len(events):
                raise Overtaken
            raise StreamChanged("another relay is at work")

    async def _see_that_they_follow(
        self, log_id: str, events: Sequence[Recorded], stored: Sequence[int]
    ) -> None:
        """What another relay had stored before ours is the same, or a new history begins.

        It is not where that relay knew the end of the record that a promotion has lost: ours would
        hide it, as the next look is at the last message alone.
        """
        for event, after in pairwise(events):
            if after.position not in stored or event.position in stored:
                continue
            found = await self._bus.id_at(log_id, event.position)
            if found in ("", event.id) or (held := await self._bus.look()) is None:
                continue
            wrong = replace(held, last=event.position, last_id=found)
            if held.stream == event_stream_name(log_id):
                _log.error("bus different at %d: a new history begins", event.position)
                await self._log.renew_if_bus_is_wrong(wrong, log_id)
