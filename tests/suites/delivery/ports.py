"""What one process sees of the record, and what it does for each event."""

import hashlib
from collections.abc import Sequence

from hive_contracts.envelope import Meta, NewEvent, Recorded
from hive_contracts.ids import derived_id
from hive_shared.bus.survey import Held
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.port import Append, Appended, CommandKey, Head, StreamVersion
from hive_shared.projection import Connection
from hive_shared.subscriptions.effects import PutOff
from tests.suites.delivery import database
from tests.suites.delivery.processes import Process

KEPT = 40
"""How many events a stream that is made anew is made with, at most."""
NOTED, DONE = "TaskNoted", "EffectDone"


class Store:
    """EventStore, as far as relays and subscriptions use it."""

    def __init__(self, process: Process, whole: database.Database) -> None:
        self._process = process
        self._database = whole

    async def head(self) -> Head:
        await self._asked()
        return await self._database.record.head()

    async def read_all(self, after: int, limit: int = 1000) -> list[Recorded]:
        await self._asked()
        return await self._database.record.read_all(after, limit)

    async def append(self, append: Append) -> Appended:
        await self._asked()
        appended = await self._database.record.append(append)
        await self._asked()
        return appended

    async def _asked(self) -> None:
        await self._process.step()
        if self._process.machine.doubt():
            raise StoreUnavailable("simulated")


class Log:
    """relay.Log."""

    def __init__(self, process: Process, whole: database.Database) -> None:
        self._process = process
        self._database = whole

    async def renew_if_bus_is_wrong(self, held: Held, log_id: str) -> str:
        await self._process.step()
        renewed = self._database.renew_if_bus_is_wrong(held, log_id)
        await self._process.step()
        return renewed

    async def recent_position(self) -> int:
        await self._process.step()
        return max(1, self._database.record.position - KEPT + 1)


class Digest:
    """A projection: how many events each stream has, and a digest of them in their order."""

    name = "digest"

    def __init__(self) -> None:
        self.poisoned = False
        """Whether some event cannot be applied."""

    async def apply(self, connection: Connection, events: Sequence[Recorded]) -> None:
        assert isinstance(connection, database.Connection)
        rows = connection.rows(self.name)
        for event in events:
            if self.poisoned and event.position % 7 == 0:
                raise ValueError("simulated")
            add(rows, event)

    async def clear(self, connection: Connection) -> None:
        assert isinstance(connection, database.Connection)
        connection.rows(self.name).clear()


def add(rows: dict[str, tuple[int, str]], event: Recorded) -> None:
    count, digest = rows.get(event.stream, (0, ""))
    text = f"{digest} {event.position} {event.version} {event.id}".encode() + event.data
    rows[event.stream] = count + 1, hashlib.sha256(text).hexdigest()


class Outside:
    """What effects do to it: every call that reached it, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Recorded]] = []
        self.failing: set[str] = set()
        """Streams whose effects fail."""


class Calls:
    """An effect: a call to the outside, and an event of its own that says that it was done."""

    name = "calls"

    def __init__(self, process: Process, store: Store, outside: Outside) -> None:
        self._process = process
        self._store = store
        self._outside = outside

    def wants(self, event: Recorded) -> bool:
        return event.type == NOTED

    async def perform(self, event: Recorded, effect_id: str) -> None:
        await self._process.step()
        if event.stream in self._outside.failing:
            if self._process.machine.chance.random() < 0.2:
                raise PutOff(3, "simulated")
            raise ConnectionError("simulated")
        self._outside.calls.append((effect_id, event))
        done = NewEvent(
            derived_id(effect_id, "done"),
            f"runner-{effect_id}",
            DONE,
            b"{}",
            Meta(event.meta.correlation, event.id, "sim"),
        )
        key = CommandKey("sim", effect_id, hashlib.sha256(event.id.encode()).digest())
        await self._store.append(Append((StreamVersion(done.stream, 0),), (done,), key))
