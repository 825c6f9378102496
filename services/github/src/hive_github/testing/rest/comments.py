"""Comments on issues and pull requests."""

from typing import Any, Final

from hive_github.testing import tracker
from hive_github.testing.model import Comment
from hive_github.testing.refusals import Refused
from hive_github.testing.routes import Answer, Call, route
from hive_github.testing.shapes import issues as shown

_EITHER: Final = ("issues:write", "pull_requests:write")
_READ: Final = ("issues:read", "pull_requests:read")


@route("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", *_READ)
def list_comments(call: Call) -> Answer:
    one = call.issue
    since = call.query.get("since", "")
    found = [each for each in one.comments if each.updated_at >= since]
    return call.page(found, lambda each: shown.comment(call.world, call.repository, one, each))


@route("GET /repos/{owner}/{repo}/issues/comments", *_READ)
def list_all_comments(call: Call) -> Answer:
    since = call.query.get("since", "")
    found = [
        (of, each)
        for of in call.repository.issues.values()
        for each in of.comments
        if each.updated_at >= since
    ]
    field = "updated_at" if call.query.get("sort") == "updated" else "created_at"
    found.sort(key=lambda pair: (getattr(pair[1], field), pair[1].id))
    if call.query.get("direction") == "desc":
        found.reverse()
    return call.page(found, lambda pair: shown.comment(call.world, call.repository, *pair))


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", *_EITHER, role="read")
def create_comment(call: Call) -> Answer:
    one = call.issue
    made = tracker.comment(
        call.world, call.repository, one, call.account, call.body["body"], call.caller.by_app
    )
    return Answer(status=201, body=shown.comment(call.world, call.repository, one, made))


@route("GET /repos/{owner}/{repo}/issues/comments/{comment_id}", *_READ)
def get_comment(call: Call) -> Any:
    return shown.comment(call.world, call.repository, *call.comment)


@route("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", *_EITHER, role="read")
def update_comment(call: Call) -> Any:
    of, one = call.comment
    _own_or_writer(call, one)
    tracker.edit_comment(call.world, call.repository, of, one, call.account, call.body["body"])
    return shown.comment(call.world, call.repository, of, one)


@route("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", *_EITHER, role="read")
def delete_comment(call: Call) -> Answer:
    of, one = call.comment
    _own_or_writer(call, one)
    tracker.delete_comment(call.world, call.repository, of, one, call.account)
    return Answer(status=204)


@route("GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", *_READ)
def list_reactions(call: Call) -> Answer:
    _, one = call.comment
    return call.page(one.reactions, lambda each: shown.reaction(call.world, each))


@route("POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", *_EITHER, role="read")
def react(call: Call) -> Answer:
    _, one = call.comment
    made, new = tracker.react(call.world, one.reactions, call.account, call.body["content"])
    return Answer(status=201 if new else 200, body=shown.reaction(call.world, made))


def _own_or_writer(call: Call, one: Comment) -> None:
    """An App changes its own and, with the permission, others'; a person needs the role."""
    if one.user is call.account or call.caller.installation is not None:
        return
    if call.world.role(call.account, call.repository) in ("none", "read", "triage"):
        raise Refused(403, "Must have admin rights to Repository.")
