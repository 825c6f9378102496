"""What this service has recorded, and how it records more: load, decide, append. Deliveries have
statements of their own (`webhooks.deliveries`).

The rules take a command that is said again for the first, so nothing here needs a command id: a
decision is written with the version that it was made on, and made again where that has moved on.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hive_contracts.codec import decode, encode, schema_of, stream_of
from hive_contracts.envelope import Meta, NewEvent, Recorded
from hive_contracts.github.check import AnyCheckCommand, CheckCommand
from hive_contracts.github.issue import AnyIssueCommand, IssueCommand
from hive_contracts.github.pull_request import (
    AnyPullRequestCommand,
    BranchPushed,
    PullRequestCommand,
    PullRequestHeadMoved,
    PullRequestOpened,
    PullRequestReadied,
    PullRequestReopened,
    PullRequestRetargeted,
)
from hive_contracts.github.repository import AnyRepositoryCommand, RepositoryCommand
from hive_contracts.ids import NewId
from hive_contracts.subjects import stream_name
from hive_github.deciders import check, issue, pull_requests, repository
from hive_github.deciders.pull_request import PullRequest
from hive_shared.eventstore.errors import StoreUnavailable, VersionConflict
from hive_shared.eventstore.port import Append, EventStore, StreamVersion
from hive_shared.telemetry import Span, continuing, span

ACTOR: Final = "github"
PAGE: Final = 1000
MAX_CONFLICTS: Final = 20

BEGINNING: Final = (
    BranchPushed, PullRequestHeadMoved, PullRequestOpened, PullRequestReadied, PullRequestReopened,
    PullRequestRetargeted,
)  # fmt: skip
"""What makes others' checks begin."""

AnyCommand = AnyRepositoryCommand | AnyPullRequestCommand | AnyIssueCommand | AnyCheckCommand


class Rules(msgspec.Struct, frozen=True):
    initial: Any
    decide: Callable[[Any, Any], list[Any]]
    evolve: Callable[[Any, Any], Any]


RULES: Final[dict[str, Rules]] = {
    "repository": Rules(repository.INITIAL, repository.decide, repository.evolve),
    "check": Rules(check.INITIAL, check.decide, check.evolve),
    "pull_request": Rules(pull_requests.INITIAL, pull_requests.decide, pull_requests.evolve),
    "issue": Rules(issue.INITIAL, issue.decide, issue.evolve),
}


class Loaded(msgspec.Struct, frozen=True):
    version: int
    state: Any
    """Of the category's decider."""
    traceparent: str = ""
    """The context of its last event."""


class Records:
    def __init__(self, store: EventStore, new_id: NewId, part: str = "") -> None:
        """`part`: the task whose pull request is meant, as `phase/task`; empty is that for all."""
        self._store = store
        self._new_id = new_id
        self._part = part

    def of(self, part: str) -> "Records":
        """The same records, in which another pull request of a mission is meant."""
        return Records(self._store, self._new_id, part)

    async def pull_request(self, mission_id: str) -> PullRequest:
        """Raises StoreError, UnknownEvent."""
        return (await self.pull_requests(mission_id)).of(self._part)

    async def pull_requests(self, mission_id: str) -> pull_requests.PullRequests:
        """All of a mission. Raises StoreError, UnknownEvent."""
        state: pull_requests.PullRequests = (await self._load("pull_request", mission_id)).state
        return state

    async def moved_at(self, mission_id: str) -> datetime:
        """When something last happened to a pull request that makes checks begin: database time.

        Raises StoreError, UnknownEvent.
        """
        at = datetime.min.replace(tzinfo=UTC)
        async for recorded in self._read(stream_name("pull_request", mission_id)):
            event = decode(recorded)
            if isinstance(event, BEGINNING) and event.part == self._part:
                at = recorded.recorded_at
        return at

    async def issue(self, issue_id: str) -> issue.Issue:
        """Raises StoreError, UnknownEvent."""
        state: issue.Issue = (await self._load("issue", issue_id)).state
        return state

    async def repository(self, repository_id: str) -> repository.Known:
        """Raises StoreError, UnknownEvent."""
        state: repository.Known = (await self._load("repository", repository_id)).state
        return state

    async def checks(self, mission_id: str) -> check.Checks:
        """Raises StoreError, UnknownEvent."""
        state: check.Checks = (await self._load("check", mission_id)).state
        return state

    async def tell(self, command: AnyCommand, cause: str) -> int:
        """Let a command take effect; answers the position of its last event, 0 for none.

        `cause` is the id of what brought it about. Raises StoreError, UnknownEvent.
        """
        if self._part and isinstance(command, PullRequestCommand):
            command = msgspec.structs.replace(command, part=self._part)
        category, id = _about(command)
        rules = RULES[category]
        for _ in range(MAX_CONFLICTS):
            loaded = await self._load(category, id)
            events = rules.decide(loaded.state, command)
            if not events:
                return 0
            with await self._recording(command, id, loaded.traceparent) as step:
                meta = Meta(id, cause, ACTOR, step.traceparent)
                new = tuple(self._new_event(category, event, meta) for event in events)
                expected = (StreamVersion(stream_name(category, id), loaded.version),)
                try:
                    return (await self._store.append(Append(expected, new))).position
                except VersionConflict:
                    continue
        raise StoreUnavailable(f"{category}-{id}: too many others changed it at the same time")

    async def _recording(self, command: AnyCommand, id: str, before: str) -> Span:
        """The step that records it; `before` is the context of its stream's last event.

        What is about a mission is part of the mission's trace, whichever webhook tells of it.
        Anything else is part of the trace of what brought it about.
        """
        name = f"record {type(command).__name__}"
        if isinstance(command, PullRequestCommand | CheckCommand):
            return continuing(name, before or await self._launch(id))
        return span(name, links=[before] if before else [])

    async def _launch(self, mission_id: str) -> str:
        """The context of its launch; empty where none is recorded."""
        first = await self._store.read_stream(stream_name("mission", mission_id), after=0, limit=1)
        return first[0].meta.traceparent if first else ""

    async def _load(self, category: str, id: str) -> Loaded:
        rules, stream = RULES[category], stream_name(category, id)
        version, state, traceparent = 0, rules.initial, ""
        async for recorded in self._read(stream):
            state = rules.evolve(state, decode(recorded))
            version, traceparent = recorded.version, recorded.meta.traceparent
        return Loaded(version, state, traceparent)

    async def _read(self, stream: str) -> AsyncIterator[Recorded]:
        version = 0
        while page := await self._store.read_stream(stream, after=version, limit=PAGE):
            for recorded in page:
                yield recorded
            version = page[-1].version
            if len(page) < PAGE:
                return

    def _new_event(self, category: str, event: Any, meta: Meta) -> NewEvent:
        type = event.__class__.__name__
        meta = msgspec.structs.replace(meta, schema=schema_of(category, type))
        return NewEvent(self._new_id(), stream_of(event), type, encode(event), meta)


def _about(command: AnyCommand) -> tuple[str, str]:
    match command:
        case RepositoryCommand(repository_id=id):
            return "repository", id
        case PullRequestCommand(mission_id=id):
            return "pull_request", id
        case IssueCommand(issue_id=id):
            return "issue", id
        case CheckCommand(mission_id=id):
            return "check", id
    raise TypeError(f"{type(command).__name__} is no command")
