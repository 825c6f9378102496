"""The rows as one projection (see `hive_shared.projection`)."""

import functools
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final

from hive_contracts.codec import decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.github.pull_request import (
    BranchPushed,
    MergeAwaited,
    MergeBegun,
    MergeQueued,
    PullRequestClosed,
    PullRequestEvent,
    PullRequestMerged,
    PullRequestOpened,
    PullRequestReopened,
    PullRequestRequested,
)
from hive_contracts.github.repository import (
    LimitObserved,
    RepositoryConnected,
    RepositoryDisconnected,
    RepositoryEvent,
    RepositoryMoved,
    RepositoryRenamed,
)
from hive_contracts.task import CheckAwaited, GatesJudged, TaskCancelled
from hive_shared.projection import Connection


@functools.cache
def query(name: str) -> str:
    """The text of `queries/<name>.sql`."""
    return (resources.files(__package__) / "queries" / f"{name}.sql").read_text()


class GithubProjection:
    name: Final = "github"

    async def apply(self, connection: Connection, events: Sequence[Recorded]) -> None:
        for recorded in events:
            match decode_known(recorded):
                case LimitObserved() as event:
                    row = (event.installation, event.pool, event.kind, event.until_ms)
                    await connection.execute(query("limit"), *row)
                case RepositoryEvent() as event:
                    await _repository(connection, event)
                case PullRequestEvent() as event:
                    await _pull_request(connection, event)
                case CheckAwaited() as event:
                    awaited = (event.task_id, event.gate, event.mission_id, event.check)
                    await connection.execute(query("await_check"), *awaited, event.commit)
                # Nothing was leased for what GitHub judges.
                case GatesJudged(task_id=id, epoch=0) | TaskCancelled(task_id=id):
                    await connection.execute(query("check_over"), id)

    async def clear(self, connection: Connection) -> None:
        await connection.execute(query("clear"))


async def _repository(connection: Connection, event: RepositoryEvent) -> None:
    found = await connection.fetchrow(query("load_repository"), event.repository_id)
    name, installation, connected = _values(found, ("", 0, False))
    match event:
        case RepositoryConnected(seen=seen):
            name, installation, connected = seen.full_name, seen.installation, True
        case RepositoryRenamed(new=new):
            name = new
        case RepositoryMoved(installation=moved):
            installation = moved
        case RepositoryDisconnected():
            connected = False
        case _:
            return
    row = (event.repository_id, name, installation, connected)
    await connection.execute(query("repository"), *row)


async def _pull_request(connection: Connection, event: PullRequestEvent) -> None:
    key = (event.mission_id, event.part)
    found = await connection.fetchrow(query("load_pull_request"), *key)
    if found is None and event.part:
        # What it is called was said once for all.
        named = await connection.fetchval(query("named"), event.mission_id) or ""
        found = (named, "", 0, "open", "", False)
    mission, repository, number, state, pushed, merging = _values(
        found, ("", "", 0, "open", "", False)
    )
    match event:
        case PullRequestRequested(mission=asked):
            mission = asked
        case PullRequestOpened():
            repository, number, state = event.repository_id, event.number, "open"
        case BranchPushed(commit=commit):
            pushed = commit
        case MergeAwaited() | MergeBegun() | MergeQueued():
            merging = True
        case PullRequestMerged():
            state, merging = "merged", False
        case PullRequestClosed():
            state, merging = "closed", False
        case PullRequestReopened():
            state = "open"
        case _:
            return
    row = (*key, mission, repository, number, state, pushed, merging)
    await connection.execute(query("pull_request"), *row)


def _values(row: Any, missing: tuple[Any, ...]) -> tuple[Any, ...]:
    return missing if row is None else tuple(row)
