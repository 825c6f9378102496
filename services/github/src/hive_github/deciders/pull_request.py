"""A pull request: asked for, pushed, opened, described, and what became of it.

    nothing ──PullRequestRequested──▶ requested ──BranchPushed──▶ pushed ──PullRequestOpened──▶ open
                                                                                              │ ▲
                                              merged ◀──PullRequestMerged── ┬ ────────────────┘ │
                                              closed ◀──PullRequestClosed───┴──PullRequestReopened

Events come late, twice and in any order, so what GitHub shows is taken over as it is, and only what
differs is recorded. Merged is the end: nothing that was on its way since can undo it.
"""

from typing import Final, Literal, assert_never

import msgspec

from hive_contracts.github.pull_request import (
    AnyPullRequestCommand,
    AnyPullRequestEvent,
    AskRound,
    AwaitMerge,
    BeginMerge,
    BranchPushed,
    CheckRecovered,
    CheckRerun,
    FailPullRequest,
    MergeAwaited,
    MergeBegun,
    MergeQueued,
    NoteDescription,
    NoteLeft,
    NoteOpened,
    NotePush,
    NoteQueued,
    NoteRecovery,
    NoteRerun,
    NoteReviewRequest,
    PullRequestClosed,
    PullRequestDescribed,
    PullRequestDrafted,
    PullRequestFailed,
    PullRequestHeadMoved,
    PullRequestMerged,
    PullRequestOpened,
    PullRequestReadied,
    PullRequestReopened,
    PullRequestRequested,
    PullRequestRetargeted,
    PullRequestSeen,
    RequestPullRequest,
    ReviewRequested,
    ReviewSetAside,
    RoundAsked,
    RoundSettled,
    SeePullRequest,
    SetReviewAside,
    SettleRound,
)
from hive_contracts.plan import PullRequestWish
from hive_github.deciders.rounds import Rounds, ask, asked, settle, settled, start_over


class PullRequest(msgspec.Struct, frozen=True):
    requested: PullRequestRequested | None = None
    pushed: str = ""
    """The commit that the hive pushed last."""
    branch: str = ""
    """Where that is."""
    held: str = ""
    """The mission's tip up to which that has what belongs into it."""
    opened: PullRequestOpened | None = None
    base: str = ""
    """The branch that it is to be merged into."""
    head: str = ""
    draft: bool = False
    state: Literal["open", "closed", "merged"] = "open"
    merge_commit: str = ""
    merged_by: str = ""
    """A login, after `github:`; empty where GitHub does not say."""
    merged_ms: int = 0
    """When, by GitHub's clock: milliseconds since 1970."""
    described: str = ""
    """Digest of its title and body as the hive wrote them last."""
    asked: ReviewRequested | None = None
    rounds: Rounds = Rounds()
    """What came back, and what became of it."""
    reruns: dict[tuple[str, str], str] = {}
    """Checks that were asked for once more, by head and name: the mark of the run that failed."""
    rerun_for: dict[tuple[str, str], str] = {}
    """Why they were, by the same."""
    recovered: dict[tuple[str, str], str] = {}
    """Those that have passed then, and why they were run again."""
    set_aside: frozenset[str] = frozenset()
    """Reviews of people who have no say."""
    failed: PullRequestFailed | None = None
    """Why nothing more was done; None once something was."""
    merging: MergeAwaited | MergeBegun | MergeQueued | None = None
    """How far the hive is with merging it; None where it does not, or it is over."""
    queued: str = ""
    """The head with which it was seen in the merge queue, until it was noted that it left."""
    group: str = ""
    """The commit that the queue judges, or has judged last."""
    left: tuple[str, int] = ("", 0)
    """A head, and how many times the queue has let go of it unmerged."""


INITIAL: Final = PullRequest()


def decide(state: PullRequest, command: AnyPullRequestCommand) -> list[AnyPullRequestEvent]:
    """Said twice is done once."""
    id = command.mission_id
    match command:
        case RequestPullRequest(mission=mission, wish=wish, by=by):
            known = state.requested
            wish = wish if known is None else as_before(wish, known.wish)
            asked = PullRequestRequested(id, mission, wish, by)
            # Asked for with other words it is another wish, by whoever asks.
            said = known is not None and known.wish == wish
            return [] if said and not waits(state) else [asked]
        case NotePush(branch=branch, commit=commit, old=old, tip=tip):
            said = state.pushed == commit and state.held == (tip or commit)
            return [] if said else [BranchPushed(id, branch, commit, old, tip)]
        case NoteOpened():
            return _opened(state, command)
        case SeePullRequest(seen=seen):
            return _seen(state, id, seen)
        case NoteReviewRequest():
            noted = ReviewRequested(id, command.reviewers, command.labels, command.refused)
            return [] if noted == state.asked else [noted]
        case NoteDescription(digest=digest):
            return [] if digest == state.described else [PullRequestDescribed(id, digest)]
        case AskRound():
            return [*ask(state.rounds, command)]
        case SettleRound():
            return [*settle(state.rounds, command)]
        case NoteRerun(head=head, check=check, reason=reason, mark=mark):
            known_rerun = (head, check) in state.reruns
            return [] if known_rerun else [CheckRerun(id, head, check, reason, mark)]
        case NoteRecovery(head=head, check=check):
            news = (head, check) in state.reruns and (head, check) not in state.recovered
            return [CheckRecovered(id, head, check)] if news else []
        case SetReviewAside(review=review, by=by, reason=reason):
            aside = review in state.set_aside
            return [] if aside else [ReviewSetAside(id, review, by, reason)]
        case AwaitMerge() | BeginMerge() | NoteQueued() | NoteLeft():
            return _merging(state, command)
        case FailPullRequest(reason=reason, remedy=remedy):
            failed = PullRequestFailed(id, reason, remedy)
            return [] if failed == state.failed else [failed]
    assert_never(command)


def evolve(state: PullRequest, event: AnyPullRequestEvent) -> PullRequest:
    replace = msgspec.structs.replace
    if not isinstance(event, PullRequestFailed):
        state = replace(state, failed=None)
    match event:
        case PullRequestRequested():
            return replace(state, requested=event, rounds=start_over(state.rounds))
        case BranchPushed(branch=branch, commit=commit, tip=tip):
            return replace(state, branch=branch, pushed=commit, head=commit, held=tip or commit)
        case PullRequestOpened(head=head, base=base, draft=draft):
            return replace(state, opened=event, head=head, base=base, draft=draft, state="open")
        case PullRequestHeadMoved(head=head):
            return replace(state, head=head)
        case PullRequestReadied():
            return replace(state, draft=False)
        case PullRequestDrafted():
            return replace(state, draft=True)
        case PullRequestRetargeted(base=base):
            return replace(state, base=base)
        case ReviewRequested():
            return replace(state, asked=event)
        case PullRequestDescribed(digest=digest):
            return replace(state, described=digest)
        case PullRequestMerged(commit=commit, by=by, at_ms=at_ms):
            who = f"github:{by}" if by else ""
            merged = replace(state, state="merged", merge_commit=commit, merged_by=who)
            return replace(merged, merged_ms=at_ms, merging=None)
        case PullRequestClosed():
            return replace(state, state="closed", merging=None)
        case PullRequestReopened():
            return replace(state, state="open")
        case RoundAsked():
            return replace(state, rounds=asked(state.rounds, event))
        case RoundSettled():
            return replace(state, rounds=settled(state.rounds, event))
        case CheckRerun(head=head, check=check, mark=mark, reason=reason):
            reasons = {**state.rerun_for, (head, check): reason}
            reruns = {**state.reruns, (head, check): mark}
            return replace(state, reruns=reruns, rerun_for=reasons)
        case CheckRecovered(head=head, check=check):
            why = state.rerun_for.get((head, check), "")
            return replace(state, recovered={**state.recovered, (head, check): why})
        case ReviewSetAside(review=review):
            return replace(state, set_aside=state.set_aside | {review})
        case MergeAwaited(left=head) if head:
            times = state.left[1] + 1 if state.left[0] == head else 1
            return replace(state, merging=event, left=(head, times), queued="")
        case MergeQueued(head=head, group=group):
            return replace(state, merging=event, queued=head, group=group)
        case MergeAwaited() | MergeBegun():
            return replace(state, merging=event)
        case PullRequestFailed():
            return replace(state, failed=event)
    assert_never(event)


def waits(state: PullRequest) -> bool:
    """Whether a person has to do something before it goes on."""
    return state.failed is not None or state.rounds.halted is not None


def as_before(wish: PullRequestWish, before: PullRequestWish) -> PullRequestWish:
    """What is not asked for otherwise stays as it was wished for; but who merges is always said."""
    plain = PullRequestWish()
    kept = {
        name: getattr(before, name)
        for name in PullRequestWish.__struct_fields__
        if name != "merge" and getattr(wish, name) == getattr(plain, name)
    }
    return msgspec.structs.replace(wish, **kept)


def _opened(state: PullRequest, command: NoteOpened) -> list[AnyPullRequestEvent]:
    id, seen = command.mission_id, command.seen
    if state.opened is not None and state.opened.number == seen.number:
        return _seen(state, id, seen)
    opened = PullRequestOpened(
        id, command.repository_id, command.repository, seen.number, command.node, command.url,
        seen.head, command.base, seen.draft,
    )  # fmt: skip
    return [opened, *_seen(evolve(state, opened), id, seen)]


def _merging(
    state: PullRequest, command: AwaitMerge | BeginMerge | NoteQueued | NoteLeft
) -> list[AnyPullRequestEvent]:
    """Only while it is open: what is over is not waited for."""
    id = command.mission_id
    if state.opened is None or state.state != "open":
        return []
    step: MergeAwaited | MergeBegun | MergeQueued
    match command:
        case AwaitMerge(reason=reason):
            step = MergeAwaited(id, reason)
        case BeginMerge(head=head, method=method):
            step = MergeBegun(id, head, method)
        case NoteQueued(head=head, group=group):
            step = MergeQueued(id, head, group or (state.group if state.queued == head else ""))
        case NoteLeft(head=head):
            if head != state.queued:
                return []  # it is known, or was of another head
            step = MergeAwaited(id, "it has left the merge queue", head)
    return [] if step == state.merging else [step]


def _seen(state: PullRequest, id: str, seen: PullRequestSeen) -> list[AnyPullRequestEvent]:
    if state.opened is None or state.opened.number != seen.number or state.state == "merged":
        return []
    events: list[AnyPullRequestEvent] = []
    if state.state == "closed" and seen.state == "open":
        events.append(PullRequestReopened(id))
    if seen.head and seen.head != state.head:
        events.append(PullRequestHeadMoved(id, seen.head))
    if seen.state == "merged":
        return [*events, PullRequestMerged(id, seen.merge_commit, seen.by, seen.merged_ms)]
    if seen.base and seen.base != state.base:
        events.append(PullRequestRetargeted(id, seen.base))
    if state.draft and not seen.draft:
        events.append(PullRequestReadied(id))
    if seen.draft and not state.draft:
        events.append(PullRequestDrafted(id))
    if seen.state == "closed" and state.state == "open":
        events.append(PullRequestClosed(id, seen.by))
    return events
