"""Merges a mission's pull request, or puts it into GitHub's queue, a step at a time.

    succeeded, ready ──looked at──▶ waits (why is recorded), looked at again when something changes
                            └─────▶ begun (recorded) ──▶ PUT merge, with the head that was judged
                            └─────▶ into the queue, with the head that was judged ──▶ GitHub merges

Looked at again after a crash, by another replica or for a late webhook it finds what was done:
GitHub merges only the head that it is told, and only once.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal

from msgspec.structs import replace

from hive_contracts.github.places import repository_path
from hive_contracts.github.pull_request import AwaitMerge, BeginMerge, NoteLeft, NoteQueued
from hive_github.api.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from hive_github.api.github import Github
from hive_github.checks.verdict import Said, said_by_run, said_by_status
from hive_github.deciders.pull_request import PullRequest
from hive_github.look import Looks, SeenRepository
from hive_github.merging.grace import Grace
from hive_github.merging.judge import (
    Enqueue,
    Merge,
    Method,
    Queued,
    Standing,
    Wait,
    allowed,
    judge,
)
from hive_github.merging.required import required
from hive_github.records import Records

ENQUEUE: Final = """mutation($id: ID!, $head: GitObjectID!) {
  enqueuePullRequest(input: {pullRequestId: $id, expectedHeadOid: $head}) {
    mergeQueueEntry { id }
  }
}"""
IN_QUEUE: Final = """query($id: ID!) {
  node(id: $id) { ... on PullRequest { isInMergeQueue } }
}"""
_UNFIT: Final = "not allowed"
"""What GitHub says of a way to merge that a rule of the branch forbids."""


class Merger:
    def __init__(self, github: Github, records: Records, looks: Looks, grace: Grace) -> None:
        self._grace = grace
        self._github = github
        self._records = records
        self._looks = looks

    async def step(
        self,
        mission_id: str,
        state: PullRequest,
        at: SeenRepository,
        how: Literal["when_green", "queue"],
        cause: str,
    ) -> None:
        """Raises GithubError (to be tried again), StoreError."""
        assert state.opened is not None
        seen = await self._looks.pull_request(
            mission_id, at.full_name, state.opened.number, at.installation, cause
        )
        if seen.state != "open":
            return  # merged, by whomever, or closed: that is the last word
        try:
            standing = await self._standing(mission_id, state, at, how)
        except (Forbidden, NotFound) as error:
            # What cannot be seen is not taken for green. A token may do what the App might before.
            self._github.identity.drop(at.installation)
            await self._records.tell(AwaitMerge(mission_id, _unseen(error)), cause)
            return
        if how == "queue":
            left = await self._times_left(mission_id, state, standing, cause)
            standing = replace(standing, left=left)
        match judge(standing, state.pushed, how):
            case Wait(reason=reason):
                await self._records.tell(AwaitMerge(mission_id, reason), cause)
            case Queued():
                await self._records.tell(NoteQueued(mission_id, state.pushed), cause)
            case Enqueue():
                await self._enqueue(mission_id, state, at, cause)
            case Merge():
                await self._merge(mission_id, state, at, cause)

    async def _standing(
        self,
        mission_id: str,
        state: PullRequest,
        at: SeenRepository,
        how: Literal["when_green", "queue"],
    ) -> Standing:
        assert state.opened is not None
        path = repository_path(at.full_name, "/pulls/{}", state.opened.number)
        told = await self._github.get(path, at.installation)
        head = told["head"]["sha"]
        own = {
            shown.name
            for place, shown in (await self._records.checks(mission_id)).shown.items()
            if place.head == head
        }
        said = await self._checks(at, head)
        others = [each for each in said if each.name not in own]
        wanted = await required(self._github, at, told["base"]["ref"])
        until = ""
        if not wanted.of_others:
            since = await self._records.moved_at(mission_id)
            until = await self._grace.until(mission_id, since)
        reviews = [each async for each in self._github.pages(f"{path}/reviews", at.installation)]
        return Standing(
            head,
            bool(told.get("draft")),
            told.get("mergeable_state") or "unknown",
            told["base"]["ref"],
            objecting(reviews),
            tuple(each.name for each in others if not each.conclusion),
            tuple(each.name for each in others if each.conclusion and not each.is_good),
            how == "queue" and await self._is_queued(state, at),
            missing=tuple(sorted(set(wanted.checks) - {each.name for each in said})),
            until=until,
        )

    async def _checks(self, at: SeenRepository, head: str) -> list[Said]:
        path = repository_path(at.full_name, "/commits/{}", head)
        runs = self._github.pages(
            f"{path}/check-runs", at.installation, of="check_runs", filter="latest"
        )
        statuses = self._github.pages(f"{path}/status", at.installation, of="statuses")
        said = [said_by_run(told) async for told in runs]
        return said + [said_by_status(told) async for told in statuses]

    async def _is_queued(self, state: PullRequest, at: SeenRepository) -> bool:
        assert state.opened is not None
        found = await self._github.graphql(IN_QUEUE, {"id": state.opened.node}, at.installation)
        return bool((found["node"] or {}).get("isInMergeQueue"))

    async def _times_left(
        self, mission_id: str, state: PullRequest, standing: Standing, cause: str
    ) -> int:
        """How many times the queue has let go of this head, with what is seen now."""
        if state.queued == standing.head and not standing.queued:
            await self._records.tell(NoteLeft(mission_id, standing.head), cause)
            state = await self._records.pull_request(mission_id)
        head, times = state.left
        return times if head == standing.head else 0

    async def _enqueue(
        self, mission_id: str, state: PullRequest, at: SeenRepository, cause: str
    ) -> None:
        assert state.opened is not None
        wanted = {"id": state.opened.node, "head": state.pushed}
        try:
            await self._github.graphql(ENQUEUE, wanted, at.installation)
        except (Invalid, NotFound, Forbidden) as error:
            reason = f"the merge queue does not take it: {error.message}"
            await self._records.tell(AwaitMerge(mission_id, reason), cause)
            return
        await self._records.tell(NoteQueued(mission_id, state.pushed), cause)

    async def _merge(
        self, mission_id: str, state: PullRequest, at: SeenRepository, cause: str
    ) -> None:
        told = await self._github.get(repository_path(at.full_name), at.installation)
        refusal = "the repository allows no way to merge"
        for method in allowed(told):
            begin = BeginMerge(mission_id, state.pushed, method)
            await self._records.tell(begin, cause)
            refusal = await self._put(state, at, method)
            if _UNFIT not in refusal:
                break
        if refusal:
            await self._records.tell(AwaitMerge(mission_id, refusal), cause)
        assert state.opened is not None
        await self._looks.pull_request(
            mission_id, at.full_name, state.opened.number, at.installation, cause
        )

    async def _put(self, state: PullRequest, at: SeenRepository, method: Method) -> str:
        """Why not; empty where it is merged."""
        assert state.opened is not None
        path = repository_path(at.full_name, "/pulls/{}/merge", state.opened.number)
        body = {"sha": state.pushed, "merge_method": method}
        try:
            await self._github.rest("PUT", path, at.installation, body=body)
        except (Conflict, Invalid, NotFound) as error:
            return f"GitHub does not merge it: {error.message}"
        except Forbidden as error:
            return (
                f"GitHub forbids the hive to merge it: {error.message} (give the App or token "
                "write access to contents, and let it merge into protected branches)"
            )
        return ""


def _unseen(error: Refused) -> str:
    return (
        f"its checks and reviews cannot be seen: {error.message} (give the App or token read "
        "access to checks and commit statuses; `hive github doctor`)"
    )


def objecting(reviews: Iterable[Any]) -> tuple[str, ...]:
    """Whose last word, of those that count, requests changes."""
    last: dict[str, str] = {}
    for told in reviews:
        login = (told.get("user") or {}).get("login") or "ghost"
        if told["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            last[login] = told["state"]
    return tuple(login for login, state in last.items() if state == "CHANGES_REQUESTED")
