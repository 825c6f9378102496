"""States of streams, loaded from the record and remembered until they are crowded out."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct

from hive_contracts.codec import AnyEvent, decode, stream_of
from hive_contracts.subjects import split_stream
from hive_orchestrator.deciders import mission_state, runner, task_state
from hive_shared.eventstore.port import EventStore

REMEMBERED: Final = 20_000
PAGE: Final = 1000

INITIAL: Final[dict[str, Any]] = {
    "mission": mission_state.INITIAL,
    "task": task_state.INITIAL,
    "runner": runner.INITIAL,
}
EVOLVE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "mission": mission_state.evolve,
    "task": task_state.evolve,
    "runner": runner.evolve,
}


class Loaded(Struct, frozen=True):
    version: int
    state: Any
    """Of the category's decider."""
    traceparent: str = ""
    """The context of its last event."""
    last: str = ""
    """The id of its last event."""


class Aggregates:
    """Nothing remembered is trusted: an append names the version that it was decided on.

    A record that was put back to an earlier time may have another history of the same stream, so
    what is remembered is read on from only where the record still has its last event.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()

    @staticmethod
    def nothing(category: str) -> Loaded:
        """The state of a stream that does not exist."""
        return Loaded(0, INITIAL[category])

    async def load(self, stream: str, *, fresh: bool = False) -> Loaded:
        """The state of a stream; with `fresh` it is that of the record now.

        Raises UnknownEvent: a writer does not decide on a partial state.
        """
        loaded = self._loaded.get(stream)
        if loaded is not None and not fresh:
            self._loaded.move_to_end(stream)
            return loaded
        category, _ = split_stream(stream)
        if loaded is None or not await self._is_recorded(stream, loaded):
            loaded = self.nothing(category)
        while page := await self._store.read_stream(stream, after=loaded.version, limit=PAGE):
            state = loaded.state
            for recorded in page:
                state = EVOLVE[category](state, decode(recorded))
            loaded = Loaded(recorded.version, state, recorded.meta.traceparent, recorded.id)
            if len(page) < PAGE:
                break
        return self._remember(stream, loaded)

    def forget(self) -> None:
        """Whatever is remembered may be of a record that was put back since."""
        self._loaded.clear()

    def appended(
        self,
        events: Iterable[tuple[str, AnyEvent]],
        versions: dict[str, Loaded],
        traceparent: str,
    ) -> None:
        """Fold what was just written, by its ids, on the states that it was decided on."""
        for id, event in events:
            stream = stream_of(event)
            category, _ = split_stream(stream)
            before = versions.get(stream) or self.nothing(category)
            state = EVOLVE[category](before.state, event)
            versions[stream] = Loaded(before.version + 1, state, traceparent, id)
        for stream, loaded in versions.items():
            self._remember(stream, loaded)

    async def _is_recorded(self, stream: str, loaded: Loaded) -> bool:
        found = await self._store.read_stream(stream, after=loaded.version - 1, limit=1)
        return bool(found) and found[0].id == loaded.last

    def _remember(self, stream: str, loaded: Loaded) -> Loaded:
        self._loaded[stream] = loaded
        self._loaded.move_to_end(stream)
        if len(self._loaded) > REMEMBERED:
            self._loaded.popitem(last=False)
        return loaded
