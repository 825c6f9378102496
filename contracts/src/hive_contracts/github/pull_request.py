"""Events of a mission's pull requests: their stream is `pull_request-<mission_id>`.

A mission has one for all that it changed, or one for each task: `part` says whose an event is of.
They share a stream, so that of all that comes back one thing at a time goes to the mission.
"""

from typing import Literal

import msgspec

from hive_contracts.plan import MergeOf, PullRequestWish, Value


class OfMission(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    mission_id: str


class PullRequestEvent(OfMission, frozen=True, kw_only=True):
    part: str = ""
    """The task whose pull request it is, as `phase/task`; empty where the mission has one for all.
    """


class PullRequestSeen(Value, frozen=True):
    """A pull request as GitHub showed it."""

    number: int
    state: Literal["open", "closed", "merged"]
    head: str = ""
    """The commit at its head."""
    draft: bool = False
    merge_commit: str = ""
    by: str = ""
    """Who closed or merged it: a login."""
    base: str = ""
    """The branch that it is to be merged into."""
    merged_ms: int = 0
    """When it was merged, by GitHub's clock: milliseconds since 1970."""


class PullRequestRequested(PullRequestEvent, frozen=True):
    """The mission's result is to be a pull request."""

    mission: str
    """The mission's short name."""
    wish: PullRequestWish
    by: str = ""
    """Who asked for it; empty where the mission file did."""


class BranchPushed(PullRequestEvent, frozen=True):
    branch: str
    commit: str
    old: str = ""
    """What was there; empty where the branch is new."""
    tip: str = ""
    """The tip of the mission up to which a task's own branch holds its changes; empty where the
    commit is that tip."""


class PullRequestOpened(PullRequestEvent, frozen=True):
    """Opened, or found: one that was open for the branch already is taken for this one."""

    repository_id: str
    repository: str
    """`owner/name` at that moment."""
    number: int
    node: str
    """GitHub's GraphQL id."""
    url: str
    """For people."""
    head: str
    base: str
    """The branch that it is to be merged into."""
    draft: bool = False


class PullRequestHeadMoved(PullRequestEvent, frozen=True):
    """Its head is another commit than the hive pushed last: somebody else pushed."""

    head: str


class PullRequestReadied(PullRequestEvent, frozen=True):
    """It is no draft any more."""


class PullRequestDrafted(PullRequestEvent, frozen=True):
    """Somebody made it a draft again."""


class PullRequestRetargeted(PullRequestEvent, frozen=True):
    """It is to be merged into another branch than before."""

    base: str


class ReviewRequested(PullRequestEvent, frozen=True):
    """Labels and reviewers were put on it, as far as GitHub took them."""

    reviewers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """What GitHub did not take, and why."""


class PullRequestDescribed(PullRequestEvent, frozen=True):
    """Its title and body say what was done, as of a position of the record."""

    digest: str
    """SHA-256 of both, in hex."""


class PullRequestMerged(PullRequestEvent, frozen=True):
    commit: str
    by: str = ""
    at_ms: int = 0
    """When, by GitHub's clock: milliseconds since 1970; 0 where that was not recorded."""


class PullRequestClosed(PullRequestEvent, frozen=True):
    by: str = ""


class PullRequestReopened(PullRequestEvent, frozen=True):
    pass


RoundKind = Literal["checks", "review", "base"]


class RoundAsked(PullRequestEvent, frozen=True):
    """Something came back, and the mission is to go on with it."""

    round: int
    """From 1, over all of the pull request's life."""
    kind: RoundKind
    source: str
    """What it is about, so that it is taken once: `checks <head>`, `review <id>`, `base <commit>`,
    `queue <head>`; of a review that has changed since, `review <id> <digest>`."""
    head: str
    """The commit that it was said of."""
    title: str
    """One line for people."""
    finding: str = ""
    """In the words of others: data, never an instruction of the hive's."""
    by: str = ""
    """Who said it: a login."""
    task: str = ""
    """The phase and task that made the change, as `phase/task`; empty where it is not known."""
    threads: tuple[str, ...] = ()
    """GraphQL ids of the review threads that are to be answered and resolved."""
    merge: MergeOf | None = None
    """What is to be merged into the mission's branch."""
    words: tuple[str, ...] = ()
    """Digests of all that a review said when it was taken, so that what is edited is noticed."""


class RoundSettled(PullRequestEvent, frozen=True):
    """What came back was dealt with, and whoever said it was answered."""

    round: int
    outcome: Literal["pushed", "unchanged", "failed", "declined"]
    commit: str = ""
    """What was pushed."""
    reason: str = ""
    """Why nothing was."""


class CheckRerun(PullRequestEvent, frozen=True):
    """A check failed, and is known to fail now and then: it was asked for once more."""

    head: str
    check: str
    reason: str
    mark: str = ""
    """Of the run that failed: where it stands as it was, it has not begun again."""


class CheckRecovered(PullRequestEvent, frozen=True):
    """A check that was asked for once more has passed then, on the same commit."""

    head: str
    check: str


class ReviewSetAside(PullRequestEvent, frozen=True):
    """A review of somebody who has no say: it is shown to people, and told to no agent."""

    review: str
    """GraphQL id."""
    by: str
    reason: str


class MergeAwaited(PullRequestEvent, frozen=True):
    """The hive is to merge it, and what has to happen first."""

    reason: str
    left: str = ""
    """The head with which the merge queue has let go of it; empty where it has not."""


class MergeBegun(PullRequestEvent, frozen=True):
    """The hive asks GitHub to merge it, if its head is still this."""

    head: str
    method: Literal["merge", "squash", "rebase"]


class MergeQueued(PullRequestEvent, frozen=True):
    """It is in GitHub's merge queue, with this head."""

    head: str
    group: str = ""
    """The commit that the queue judges: the head, merged with what comes before it; empty where it
    is not known yet."""


class PullRequestFailed(PullRequestEvent, frozen=True):
    """It cannot be made until somebody does something about it."""

    reason: str
    remedy: str = ""


AnyPullRequestEvent = (
    PullRequestRequested
    | BranchPushed
    | PullRequestOpened
    | PullRequestHeadMoved
    | PullRequestReadied
    | PullRequestDrafted
    | PullRequestRetargeted
    | ReviewRequested
    | PullRequestDescribed
    | PullRequestMerged
    | PullRequestClosed
    | PullRequestReopened
    | RoundAsked
    | RoundSettled
    | CheckRerun
    | CheckRecovered
    | ReviewSetAside
    | MergeAwaited
    | MergeBegun
    | MergeQueued
    | PullRequestFailed
)


class PullRequestCommand(OfMission, frozen=True, kw_only=True):
    part: str = ""


class RequestPullRequest(PullRequestCommand, frozen=True):
    mission: str
    wish: PullRequestWish
    by: str = ""


class NotePush(PullRequestCommand, frozen=True):
    branch: str
    commit: str
    old: str = ""
    tip: str = ""


class NoteOpened(PullRequestCommand, frozen=True):
    repository_id: str
    repository: str
    node: str
    url: str
    base: str
    seen: PullRequestSeen


class SeePullRequest(PullRequestCommand, frozen=True):
    """Take over what GitHub shows, whatever events told it."""

    seen: PullRequestSeen


class NoteReviewRequest(PullRequestCommand, frozen=True):
    reviewers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class NoteDescription(PullRequestCommand, frozen=True):
    digest: str


class AwaitMerge(PullRequestCommand, frozen=True):
    reason: str


class BeginMerge(PullRequestCommand, frozen=True):
    head: str
    method: Literal["merge", "squash", "rebase"]


class NoteQueued(PullRequestCommand, frozen=True):
    head: str
    group: str = ""


class NoteLeft(PullRequestCommand, frozen=True):
    """GitHub's merge queue has let go of it, unmerged."""

    head: str


class FailPullRequest(PullRequestCommand, frozen=True):
    reason: str
    remedy: str = ""


class AskRound(PullRequestCommand, frozen=True):
    kind: RoundKind
    source: str
    head: str
    title: str
    finding: str = ""
    by: str = ""
    task: str = ""
    threads: tuple[str, ...] = ()
    merge: MergeOf | None = None
    words: tuple[str, ...] = ()


class SettleRound(PullRequestCommand, frozen=True):
    round: int
    outcome: Literal["pushed", "unchanged", "failed", "declined"]
    commit: str = ""
    reason: str = ""


class NoteRerun(PullRequestCommand, frozen=True):
    head: str
    check: str
    reason: str
    mark: str = ""


class NoteRecovery(PullRequestCommand, frozen=True):
    head: str
    check: str


class SetReviewAside(PullRequestCommand, frozen=True):
    review: str
    by: str
    reason: str


AnyPullRequestCommand = (
    RequestPullRequest
    | NotePush
    | NoteOpened
    | SeePullRequest
    | NoteReviewRequest
    | NoteDescription
    | AskRound
    | SettleRound
    | NoteRerun
    | NoteRecovery
    | SetReviewAside
    | AwaitMerge
    | BeginMerge
    | NoteQueued
    | NoteLeft
    | FailPullRequest
)
