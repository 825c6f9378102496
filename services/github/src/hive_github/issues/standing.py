"""How a mission stands, as far as its issue shows it. Pure, but for reading the record."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from hive_contracts.codec import AnyEvent, decode
from hive_contracts.mission import MissionLaunched, MissionPaused, MissionResumed
from hive_contracts.plan import Origin
from hive_contracts.subjects import stream_name
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    QuestionAnswered,
    QuestionAsked,
    TaskCancelled,
    TaskFailed,
    TaskSucceeded,
)
from hive_github.pulls.story import Story, tell, work_tasks
from hive_shared.eventstore.port import EventStore

PAGE: Final = 1000


class Waiting(msgspec.Struct, frozen=True):
    """What a person is asked."""

    kind: Literal["approval", "question"]
    task_id: str
    name: str
    """The gate's, or the question's id."""
    text: str
    by: tuple[str, ...] = ()
    """Who may answer; empty is anybody."""


class Standing(msgspec.Struct, frozen=True):
    story: Story
    origin: Origin | None
    waiting: tuple[Waiting, ...]
    paused: str = ""
    """Why; empty while it is not."""

    @property
    def has_ended(self) -> bool:
        return self.story.outcome != "open"

    def approvals(self, gate: str) -> list[Waiting]:
        """Those that wait; of one name, or all where none is named."""
        return [
            each for each in self.waiting
            if each.kind == "approval" and gate in ("", each.name)
        ]  # fmt: skip


def standing(
    mission: Sequence[AnyEvent], tasks: Mapping[str, Sequence[AnyEvent]]
) -> Standing | None:
    """None where no launch is recorded."""
    story = tell(mission, tasks)
    if story is None:
        return None
    launched = next(event for event in mission if isinstance(event, MissionLaunched))
    paused = ""
    for event in mission:
        match event:
            case MissionPaused(reason=reason, by=by):
                paused = reason or f"by {by}"
            case MissionResumed():
                paused = ""
    open = story.outcome == "open"
    waiting = [each for id, events in tasks.items() for each in _waiting(id, events)]
    return Standing(story, launched.origin, tuple(waiting) if open else (), paused if open else "")


def _waiting(task_id: str, events: Sequence[AnyEvent]) -> list[Waiting]:
    asked: dict[str, Waiting] = {}
    for event in events:
        match event:
            case ApprovalRequested(gate=gate, text=text, by=by):
                asked[gate] = Waiting("approval", task_id, gate, text, by)
            case ApprovalGiven(gate=gate) | ApprovalRefused(gate=gate):
                asked.pop(gate, None)
            case QuestionAsked(id=id, question=question):
                asked[id] = Waiting("question", task_id, id, question.text)
            case QuestionAnswered(id=id):
                asked.pop(id, None)
            case TaskSucceeded() | TaskFailed() | TaskCancelled():
                asked.clear()
    return list(asked.values())


class Standings:
    """Reads the record."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def of(self, mission_id: str) -> Standing | None:
        """Raises StoreError, UnknownEvent."""
        mission = await self.events("mission", mission_id)
        tasks = {id: await self.events("task", id) for id in work_tasks(mission)}
        return standing(mission, tasks)

    async def events(self, category: str, id: str) -> list[AnyEvent]:
        """Of one stream. Raises StoreError, UnknownEvent."""
        events: list[AnyEvent] = []
        version = 0
        while page := await self._store.read_stream(stream_name(category, id), version, PAGE):
            events += map(decode, page)
            version = page[-1].version
            if len(page) < PAGE:
                break
        return events

    async def origin(self, mission_id: str) -> Origin | None:
        """What a mission was launched for; None also where there is no such mission."""
        first = await self._store.read_stream(stream_name("mission", mission_id), limit=1)
        launched = decode(first[0]) if first else None
        return launched.origin if isinstance(launched, MissionLaunched) else None

    async def position(self) -> int:
        """All that was recorded up to it is in what is read from now on."""
        return (await self._store.head()).position
