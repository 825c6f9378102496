"""Reviews and review comments."""

from typing import Any

from hive_github.testing import reviews, tracker
from hive_github.testing.model import Issue, Pull, Review, ReviewComment
from hive_github.testing.refusals import Refused, not_found
from hive_github.testing.routes import Answer, Call, route
from hive_github.testing.shapes import issues
from hive_github.testing.shapes import pulls as shown


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", "pull_requests:read")
def list_reviews(call: Call) -> Answer:
    one, pull = call.pull
    mine = [
        each for each in pull.reviews
        if each.state != "PENDING" or each.user is call.caller.account
    ]  # fmt: skip
    return call.page(mine, lambda each: shown.review(call.world, call.repository, one, each))


@route("POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews", "pull_requests:write", role="read")
def create_review(call: Call) -> Any:
    one, _ = call.pull
    told = call.body
    made = reviews.review(
        call.world, call.repository, one, call.account, told.get("event"), told.get("body", ""),
        told.get("comments", []), told.get("commit_id"),
    )  # fmt: skip
    return shown.review(call.world, call.repository, one, made)


def _review(call: Call) -> tuple[Issue, Pull, Review]:
    one, pull = call.pull
    wanted = call.number("review_id")
    for each in pull.reviews:
        if each.id == wanted:
            return one, pull, each
    raise not_found()


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}", "pull_requests:read")
def get_review(call: Call) -> Any:
    one, _, review = _review(call)
    return shown.review(call.world, call.repository, one, review)


@route(
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/events",
    "pull_requests:write", role="read",
)  # fmt: skip
def submit_review(call: Call) -> Any:
    one, _, review = _review(call)
    if review.state != "PENDING" or review.user is not call.account:
        raise Refused(422, "Can not submit a review that is not pending")
    review.body = call.body.get("body", review.body)
    reviews.submit(call.world, call.repository, one, review, call.body["event"])
    return shown.review(call.world, call.repository, one, review)


@route(
    "PUT /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals",
    "pull_requests:write",
)
def dismiss_review(call: Call) -> Any:
    one, _, review = _review(call)
    reviews.dismiss(call.world, call.repository, one, review, call.account, call.body["message"])
    return shown.review(call.world, call.repository, one, review)


@route(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments",
    "pull_requests:read",
)
def comments_of_review(call: Call) -> Answer:
    one, pull, review = _review(call)
    found = [each for each in pull.comments if each.review is review]

    def render(each: ReviewComment) -> dict[str, Any]:
        comment = shown.own_review_comment(call.world, call.repository, one, each)
        return {name: value for name, value in comment.items() if name != "subject_type"}

    return call.page(found, render)


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/comments", "pull_requests:read")
def list_comments(call: Call) -> Answer:
    one, pull = call.pull
    since = call.query.get("since", "")
    found = [each for each in pull.comments if each.updated_at >= since]
    return call.page(
        found, lambda each: shown.own_review_comment(call.world, call.repository, one, each)
    )


@route("GET /repos/{owner}/{repo}/pulls/comments", "pull_requests:read")
def list_all_comments(call: Call) -> Answer:
    since = call.query.get("since", "")
    found = [
        (one, each)
        for one in call.repository.pulls
        for each in shown.pull_of(one).comments
        if each.updated_at >= since
    ]
    return call.page(
        found, lambda pair: shown.own_review_comment(call.world, call.repository, *pair)
    )


@route(
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments", "pull_requests:write", role="read"
)
def create_comment(call: Call) -> Answer:
    one, pull = call.pull
    told = call.body
    if "in_reply_to" in told:
        _, first = reviews.find_comment(call.repository, told["in_reply_to"])
        made = reviews.reply(call.world, call.repository, one, call.account, first, told["body"])
    else:
        if told["commit_id"] != pull.head_sha:
            raise Refused(422, "commit_id is not part of the pull request")
        made = reviews.comment(call.world, call.repository, one, call.account, told)
    body = shown.own_review_comment(call.world, call.repository, one, made)
    return Answer(status=201, body=body)


@route(
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies",
    "pull_requests:write", role="read",
)  # fmt: skip
def reply(call: Call) -> Answer:
    one, _ = call.pull
    of, first = reviews.find_comment(call.repository, call.number("comment_id"))
    if of is not one:
        raise not_found()
    made = reviews.reply(call.world, call.repository, one, call.account, first, call.body["body"])
    body = shown.own_review_comment(call.world, call.repository, one, made)
    return Answer(status=201, body=body)


@route("GET /repos/{owner}/{repo}/pulls/comments/{comment_id}", "pull_requests:read")
def get_comment(call: Call) -> Any:
    found = reviews.find_comment(call.repository, call.number("comment_id"))
    return shown.own_review_comment(call.world, call.repository, *found)


@route("PATCH /repos/{owner}/{repo}/pulls/comments/{comment_id}", "pull_requests:write")
def update_comment(call: Call) -> Any:
    of, one = reviews.find_comment(call.repository, call.number("comment_id"))
    reviews.edit_comment(call.world, call.repository, of, one, call.account, call.body["body"])
    return shown.own_review_comment(call.world, call.repository, of, one)


@route(
    "POST /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions", "pull_requests:write",
    role="read",
)  # fmt: skip
def react(call: Call) -> Answer:
    _, one = reviews.find_comment(call.repository, call.number("comment_id"))
    made, new = tracker.react(call.world, one.reactions, call.account, call.body["content"])
    return Answer(status=201 if new else 200, body=issues.reaction(call.world, made))
