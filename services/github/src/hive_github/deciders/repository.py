"""A repository as GitHub shows it: what differs from what was known is an event."""

from typing import Final, assert_never

import msgspec

from hive_contracts.github.repository import (
    AnyRepositoryCommand,
    AnyRepositoryEvent,
    LimitObserved,
    LoseRepository,
    ObserveLimit,
    RepositoryArchived,
    RepositoryConnected,
    RepositoryDisconnected,
    RepositoryMoved,
    RepositoryRenamed,
    RepositorySeen,
    RepositoryUnarchived,
    SeeRepository,
)


class Known(msgspec.Struct, frozen=True):
    seen: RepositorySeen | None = None
    """As it was seen last; None before the first time."""
    connected: bool = False
    limits: tuple[LimitObserved, ...] = ()
    """The latest of each installation and pool."""


INITIAL: Final = Known()


def decide(state: Known, command: AnyRepositoryCommand) -> list[AnyRepositoryEvent]:
    match command:
        case SeeRepository(repository_id=id, seen=seen):
            return _seen(state, id, seen)
        case LoseRepository(repository_id=id, reason=reason):
            return [RepositoryDisconnected(id, reason)] if state.connected else []
        case ObserveLimit():
            observed = LimitObserved(
                command.repository_id,
                command.installation,
                command.pool,
                command.kind,
                command.until_ms,
            )
            known = [limit for limit in state.limits if _same_pool(limit, observed)]
            # Replicas that run into one limit together say so once.
            if any(limit.until_ms >= observed.until_ms for limit in known):
                return []
            return [observed]
    assert_never(command)


def evolve(state: Known, event: AnyRepositoryEvent) -> Known:
    replace = msgspec.structs.replace
    seen = state.seen or RepositorySeen("")
    match event:
        case RepositoryConnected(seen=now):
            return replace(state, seen=now, connected=True)
        case RepositoryRenamed(new=name):
            return replace(state, seen=replace(seen, full_name=name))
        case RepositoryMoved(installation=installation, default_branch=branch):
            moved = replace(seen, installation=installation, default_branch=branch)
            return replace(state, seen=moved)
        case RepositoryArchived():
            return replace(state, seen=replace(seen, archived=True))
        case RepositoryUnarchived():
            return replace(state, seen=replace(seen, archived=False))
        case RepositoryDisconnected():
            return replace(state, connected=False)
        case LimitObserved():
            others = tuple(limit for limit in state.limits if not _same_pool(limit, event))
            return replace(state, limits=(*others, event))
    assert_never(event)


def _seen(state: Known, id: str, seen: RepositorySeen) -> list[AnyRepositoryEvent]:
    before = state.seen
    if before is None or not state.connected:
        return [RepositoryConnected(id, seen)]
    # A webhook tells less than a look does: what it leaves out is as it was.
    installation = seen.installation or before.installation
    branch = seen.default_branch or before.default_branch
    events: list[AnyRepositoryEvent] = []
    if seen.full_name != before.full_name:
        events.append(RepositoryRenamed(id, before.full_name, seen.full_name))
    if (installation, branch) != (before.installation, before.default_branch):
        events.append(RepositoryMoved(id, installation, branch))
    if seen.archived and not before.archived:
        events.append(RepositoryArchived(id))
    if before.archived and not seen.archived:
        events.append(RepositoryUnarchived(id))
    return events


def _same_pool(one: LimitObserved, other: LimitObserved) -> bool:
    return (one.installation, one.pool) == (other.installation, other.pool)
