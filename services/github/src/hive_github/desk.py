"""Answers what the hive's people ask about pull requests."""

from typing import Final, Literal

import msgspec

from hive_contracts.codec import decode_known
from hive_contracts.github.pull_request import (
    MergeAwaited,
    MergeBegun,
    MergeQueued,
    RequestPullRequest,
)
from hive_contracts.github.questions import (
    MAX_SHOWN,
    Examination,
    Examine,
    OpenPullRequest,
    PullRequestStatus,
    RoundStatus,
    ShowPullRequest,
)
from hive_contracts.ids import NewId
from hive_contracts.mission import MissionLaunched
from hive_contracts.plan import GithubCheckGate
from hive_contracts.subjects import stream_name
from hive_contracts.submit import Refused
from hive_github.deciders.check import Checks
from hive_github.deciders.pull_request import PullRequest, as_before
from hive_github.deciders.rounds import Rounds
from hive_github.doctor import Doctor
from hive_github.records import Records
from hive_shared.eventstore.port import EventStore

_FAR: Final = ("requested", "pushed", "open", "closed", "merged")


class Desk:
    """Each method raises StoreError."""

    def __init__(self, store: EventStore, records: Records, doctor: Doctor, new_id: NewId) -> None:
        self._store = store
        self._records = records
        self._doctor = doctor
        self._new_id = new_id

    async def open(self, asked: OpenPullRequest) -> PullRequestStatus | Refused:
        """Recorded; it is made by the effect that follows."""
        first = await self._store.read_stream(stream_name("mission", asked.mission_id), limit=1)
        launched = decode_known(first[0]) if first else None
        if not isinstance(launched, MissionLaunched):
            return Refused("not-found", f"there is no mission {asked.mission_id}", "mission_id")
        if launched.repository is None:
            return Refused(
                "conflict", f"{launched.name} has no repository, so there is nothing to merge",
                launched.name,
            )  # fmt: skip
        wish = asked.wish
        pull = await self._records.pull_request(asked.mission_id)
        known = pull.requested
        if wish.per == "task" and any(isinstance(g, GithubCheckGate) for g in launched.criteria):
            return Refused(
                "conflict", f"a github_check judges the branch of all of {launched.name}",
                launched.name,
            )  # fmt: skip
        if wish.per == "task" and pull.pushed:
            return Refused(
                "conflict", f"{launched.name} has one pull request for all that it changed",
                launched.name,
            )  # fmt: skip
        before = launched.pull_request if known is None else known.wish
        if before is not None:
            wish = as_before(wish, before)
            merge = before.merge if asked.keep_merge else asked.wish.merge
            wish = msgspec.structs.replace(wish, merge=merge)
        request = RequestPullRequest(asked.mission_id, launched.name, wish, asked.by)
        await self._records.tell(request, self._new_id())
        return await self.show(ShowPullRequest(asked.mission_id))

    async def show(self, asked: ShowPullRequest) -> PullRequestStatus:
        pulls = await self._records.pull_requests(asked.mission_id)
        checks = await self._records.checks(asked.mission_id)
        if not pulls.parts:
            return status_of(pulls.whole, checks)
        parts = tuple(
            msgspec.structs.replace(status_of(pulls.of(part), checks), part=part)
            for part in pulls.parts
        )
        return of_all(parts)

    async def examine(self, asked: Examine) -> Examination:
        return await self._doctor.examine(asked.repository, self._new_id())


def of_all(parts: tuple[PullRequestStatus, ...]) -> PullRequestStatus:
    """What stands for all: where the least far of them is, and what it waits for."""
    states = [part.state for part in parts]
    state = next((each for each in _FAR if each in states), states[0])
    stuck = next((part for part in parts if part.stuck), None)
    return PullRequestStatus(
        state,
        parts[0].repository,
        stuck=stuck.stuck if stuck else "",
        remedy=stuck.remedy if stuck else "",
        checks=next((part.checks for part in parts if part.checks), ""),
        parts=parts,
    )


def status_of(state: PullRequest, checks: Checks) -> PullRequestStatus:
    stuck, remedy = "", ""
    if state.failed is not None:
        stuck, remedy = state.failed.reason, state.failed.remedy
    refused = () if state.asked is None else state.asked.refused
    wished = "" if state.requested is None else state.requested.wish.repository
    if state.opened is None:
        known: Literal["none", "requested", "pushed"] = "requested" if state.requested else "none"
        return PullRequestStatus(
            "pushed" if state.pushed else known,
            wished,
            pushed=state.pushed,
            stuck=stuck,
            remedy=remedy,
            branch=state.branch,
        )
    return PullRequestStatus(
        state.state,
        state.opened.repository,
        state.opened.number,
        state.opened.url,
        state.pushed,
        state.draft,
        refused,
        stuck,
        remedy,
        _rounds(state.rounds),
        _merging(state),
        "" if checks.refused is None else f"{checks.refused.reason} ({checks.refused.remedy})",
        branch=state.branch,
    )


def _rounds(rounds: Rounds) -> tuple[RoundStatus, ...]:
    found = [
        RoundStatus(asked.round, asked.title, asked.by, end.outcome, end.commit, end.reason)
        for asked, end in rounds.done
    ]
    if (asked := rounds.open) is not None:
        found.append(RoundStatus(asked.round, asked.title, asked.by))
    return tuple(found[-MAX_SHOWN:])


def _merging(state: PullRequest) -> str:
    match state.merging:
        case MergeAwaited(reason=reason):
            return f"waits: {reason}"
        case MergeBegun(head=head, method=method):
            return f"{method} of {head[:7]} has begun"
        case MergeQueued(head=head):
            return f"{head[:7]} is in the merge queue"
    return ""
