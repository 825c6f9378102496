"""Reviews of pull requests: comments on lines, threads, and the last word."""

import re
from collections.abc import Sequence
from typing import Any, Final

from hive_github.testing import changes, registry, reviewers
from hive_github.testing.model import (
    Account,
    Issue,
    Pull,
    Repository,
    Review,
    ReviewComment,
    Thread,
)
from hive_github.testing.refusals import Refused, invalid, not_found
from hive_github.testing.shapes import pulls as shown
from hive_github.testing.shapes.pulls import pull_of
from hive_github.testing.world import World

EVENTS: Final = {
    "APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED",
}  # fmt: skip
_HUNK: Final = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


def review(
    world: World,
    at: Repository,
    of: Issue,
    user: Account,
    event: str | None,
    body: str = "",
    comments: Sequence[dict[str, Any]] = (),
    commit: str | None = None,
) -> Review:
    """`event` None leaves it pending. Raises Refused."""
    pull = pull_of(of)
    if any(one.state == "PENDING" and one.user is user for one in pull.reviews):
        raise Refused(422, "User can only have one pending review per pull request")
    made = Review(
        id=world.next_id("review"), created_at=world.now(), user=user, body=body, state="PENDING",
        commit=commit or pull.head_sha,
    )  # fmt: skip
    threads = [_thread(world, at, pull, made, each) for each in comments]
    if event is not None:
        _judge(of, made, event, bool(threads))
    pull.reviews.append(made)
    pull.threads += threads
    if event is not None:
        submit(world, at, of, made, event)
    return made


def submit(world: World, at: Repository, of: Issue, one: Review, event: str) -> None:
    """Raises Refused."""
    pull = pull_of(of)
    inside = [each for each in pull.comments if each.review is one]
    _judge(of, one, event, bool(inside))
    one.state, one.submitted_at = EVENTS[event], world.now()
    of.updated_at = world.now()
    reviewers.answered(of, one.user)
    told(world, at, of, one, "submitted", one.user)
    for each in inside:
        _told_comment(world, at, of, each, "created", one.user)
    changes.merge_by_itself(world, at, of)


def _judge(of: Issue, one: Review, event: str, has_comments: bool) -> None:
    if event not in EVENTS:
        raise invalid("PullRequestReview", "event")
    if one.user is of.user and event != "COMMENT":
        word = "approve" if event == "APPROVE" else "request changes on"
        raise Refused(422, f"Can not {word} your own pull request")
    if event != "APPROVE" and not one.body and not has_comments:
        raise invalid("PullRequestReview", "body", "missing_field")


def dismiss(
    world: World, at: Repository, of: Issue, one: Review, who: Account, message: str
) -> None:
    if one.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise Refused(422, "Can not dismiss a commented pull request review")
    one.state = "DISMISSED"
    told(world, at, of, one, "dismissed", who)
    changes.merge_by_itself(world, at, of)


def comment(
    world: World, at: Repository, of: Issue, user: Account, placed: dict[str, Any]
) -> ReviewComment:
    """One that is a review of its own. Raises Refused."""
    review(world, at, of, user, "COMMENT", comments=[placed])
    return pull_of(of).comments[-1]


def reply(
    world: World, at: Repository, of: Issue, user: Account, to: ReviewComment, body: str
) -> ReviewComment:
    """In the thread of another; it is a review of its own, too."""
    pull = pull_of(of)
    if not body.strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    thread = thread_of(pull, to)
    first = thread.comments[0]
    made_review = Review(
        id=world.next_id("review"), created_at=world.now(), user=user, body="", state="COMMENTED",
        commit=pull.head_sha, submitted_at=world.now(),
    )  # fmt: skip
    pull.reviews.append(made_review)
    made = ReviewComment(
        id=world.next_id("review comment"), created_at=world.now(), user=user, body=body,
        path=first.path, commit=first.commit, original_commit=first.original_commit,
        line=first.line, side=first.side, start_line=first.start_line, hunk=first.hunk,
        review=made_review, reply_to=first, whole_file=first.whole_file,
    )  # fmt: skip
    thread.comments.append(made)
    of.updated_at = world.now()
    told(world, at, of, made_review, "submitted", user)
    _told_comment(world, at, of, made, "created", user)
    return made


def edit_comment(
    world: World, at: Repository, of: Issue, one: ReviewComment, who: Account, body: str
) -> None:
    before, one.body = one.body, body
    one.updated_at = world.now()
    _told_comment(world, at, of, one, "edited", who, changes={"body": {"from": before}})


def resolve(
    world: World, at: Repository, of: Issue, one: Thread, who: Account, resolved: bool = True
) -> None:
    if (one.resolved_by is not None) == resolved:
        return
    one.resolved_by = who if resolved else None
    said = {
        "action": "resolved" if resolved else "unresolved",
        "thread": shown.thread(world, at, of, one),
        "pull_request": shown.in_webhook(shown.simple(world, at, of)),
        **registry.context(world, at, who),
    }
    world.tell("pull_request_review_thread", said, at)
    changes.merge_by_itself(world, at, of)


def thread_of(pull: Pull, comment: ReviewComment) -> Thread:
    return next(one for one in pull.threads if comment in one.comments)


def find_comment(at: Repository, number: int) -> tuple[Issue, ReviewComment]:
    """Raises Refused."""
    for issue in at.pulls:
        for one in pull_of(issue).comments:
            if one.id == number:
                return issue, one
    raise not_found()


def _thread(world: World, at: Repository, pull: Pull, of: Review, placed: dict[str, Any]) -> Thread:
    """Raises Refused unless it is on a file, and on a line, of the difference."""
    if not placed.get("body", "").strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    changed = world.changes(at, pull.base_sha, pull.head_sha)
    found = next((one for one in changed if one.path == placed["path"]), None)
    if found is None:
        raise invalid("PullRequestReviewComment", "pull_request_review_thread.path")
    whole = placed.get("subject_type") == "file"
    line, side = placed.get("line") or placed.get("position"), placed.get("side", "RIGHT")
    hunk = "" if whole else _hunk(found.patch or "", line, side)
    if not whole and not hunk:
        said = "must be part of the diff"
        raise invalid("PullRequestReviewComment", "pull_request_review_thread.line", "custom", said)
    made = ReviewComment(
        id=world.next_id("review comment"), created_at=world.now(), user=of.user,
        body=placed["body"], path=placed["path"], commit=pull.head_sha,
        original_commit=pull.head_sha, line=None if whole else line, side=side,
        start_line=placed.get("start_line"), hunk=hunk, review=of, whole_file=whole,
    )  # fmt: skip
    return Thread(id=world.next_id("thread"), created_at=world.now(), comments=[made])


def _hunk(patch: str, line: int | None, side: str) -> str:
    """The part of a patch that holds a line; empty where none does."""
    starts = list(_HUNK.finditer(patch))
    for at, found in enumerate(starts):
        first = int(found[1] if side == "LEFT" else found[3])
        count = int((found[2] if side == "LEFT" else found[4]) or 1)
        if line is not None and first <= line < first + count:
            end = starts[at + 1].start() if at + 1 < len(starts) else len(patch)
            return patch[found.start() : end].rstrip("\n")
    return ""


def told(world: World, at: Repository, of: Issue, one: Review, action: str, who: Account) -> None:
    review = shown.review(world, at, of, one)
    said = {
        "action": action,
        "review": {**review, "state": one.state.lower(), "body": one.body or None},
        "pull_request": shown.in_webhook(shown.simple(world, at, of)),
        **registry.context(world, at, who),
    }
    world.tell("pull_request_review", said, at)


def _told_comment(
    world: World,
    at: Repository,
    of: Issue,
    one: ReviewComment,
    action: str,
    who: Account,
    **more: Any,
) -> None:
    said = {
        "action": action,
        **more,
        "comment": shown.review_comment(world, at, of, one),
        "pull_request": shown.in_webhook(shown.simple(world, at, of)),
        **registry.context(world, at, who),
    }
    world.tell("pull_request_review_comment", said, at)
