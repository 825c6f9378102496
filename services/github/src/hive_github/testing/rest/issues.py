"""Issues, their labels and assignees."""

from typing import Any, Final

from hive_github.testing import registry, tracker
from hive_github.testing.model import Issue
from hive_github.testing.refusals import Refused, invalid, not_found
from hive_github.testing.routes import Answer, Call, route
from hive_github.testing.shapes import issues as shown
from hive_github.testing.shapes.accounts import account

_EITHER: Final = ("issues:write", "pull_requests:write")


@route("GET /repos/{owner}/{repo}/issues", "issues:read", "pull_requests:read")
def list_issues(call: Call) -> Answer:
    query = call.query
    found = list(call.repository.issues.values())
    if (state := query.get("state", "open")) != "all":
        found = [one for one in found if one.state == state]
    if labels := query.get("labels"):
        wanted = {name.lower() for name in labels.split(",")}
        found = [one for one in found if wanted <= {label.name.lower() for label in one.labels}]
    if (assignee := query.get("assignee", "*")) != "*":
        found = [
            one for one in found
            if any(each.login.lower() == assignee.lower() for each in one.assignees)
            or (assignee == "none" and not one.assignees)
        ]  # fmt: skip
    elif "assignee" in query:
        found = [one for one in found if one.assignees]
    if creator := query.get("creator"):
        found = [one for one in found if one.user.login.lower() == creator.lower()]
    if since := query.get("since"):
        found = [one for one in found if one.updated_at >= since]
    field = "updated_at" if query.get("sort") == "updated" else "number"
    found.sort(key=lambda one: (getattr(one, field), one.number))
    if query.get("direction", "desc") == "desc":
        found.reverse()
    return call.page(found, lambda one: shown.issue(call.world, call.repository, one))


def _own(call: Call, one: Issue) -> dict[str, Any]:
    """With who closed it, which webhooks do not say."""
    closer = account(call.world, one.closed_by) if one.closed_by else None
    return {**shown.issue(call.world, call.repository, one), "closed_by": closer}


@route("POST /repos/{owner}/{repo}/issues", "issues:write", role="read")
def create_issue(call: Call) -> Answer:
    made = tracker.open_issue(
        call.world, call.repository, call.account, str(call.body["title"]), call.body.get("body"),
        _names(call.body.get("labels", [])), call.body.get("assignees", []), call.caller.by_app,
    )  # fmt: skip
    return Answer(status=201, body=_own(call, made))


@route("GET /repos/{owner}/{repo}/issues/{issue_number}", "issues:read", "pull_requests:read")
def get_issue(call: Call) -> Any:
    return _own(call, call.issue)


@route("PATCH /repos/{owner}/{repo}/issues/{issue_number}", *_EITHER, role="triage")
def update_issue(call: Call) -> Any:
    world, at, one, who, told = call.world, call.repository, call.issue, call.account, call.body
    tracker.edit(world, at, one, who, told.get("title"), told.get("body"))
    if told.get("state") == "closed":
        tracker.close(world, at, one, who, told.get("state_reason") or "completed")
    elif told.get("state") == "open":
        tracker.reopen(world, at, one, who)
    if "labels" in told:
        tracker.set_labels(world, at, one, who, _names(told["labels"]))
    if told.get("assignees") is not None:
        kept = {login.lower() for login in told["assignees"]}
        gone = [each.login for each in one.assignees if each.login.lower() not in kept]
        tracker.unassign(world, at, one, who, gone)
        tracker.assign(world, at, one, who, told["assignees"])
    return _own(call, one)


@route(
    "GET /repos/{owner}/{repo}/issues/{issue_number}/events", "issues:read", "pull_requests:read"
)
def list_events(call: Call) -> Answer:
    return call.page(call.issue.events, lambda one: shown.event(call.world, call.repository, one))


# ---- labels


@route("GET /repos/{owner}/{repo}/labels", "issues:read", "pull_requests:read")
def list_labels(call: Call) -> Answer:
    at = call.repository
    return call.page(at.labels.values(), lambda one: shown.label(call.world, at, one))


@route("POST /repos/{owner}/{repo}/labels", *_EITHER)
def create_label(call: Call) -> Answer:
    at, told = call.repository, call.body
    if told["name"].lower() in at.labels:
        raise invalid("Label", "name", "already_exists")
    made = registry.new_label(
        call.world, at, told["name"], told.get("color", "ededed"), told.get("description"),
        call.account,
    )  # fmt: skip
    return Answer(status=201, body=shown.label(call.world, at, made))


@route("GET /repos/{owner}/{repo}/labels/{name}", "issues:read", "pull_requests:read")
def get_label(call: Call) -> Any:
    at = call.repository
    return shown.label(call.world, at, tracker.find_label(at, call.params["name"]))


@route(
    "GET /repos/{owner}/{repo}/issues/{issue_number}/labels", "issues:read", "pull_requests:read"
)
def labels_of(call: Call) -> Answer:
    at = call.repository
    return call.page(call.issue.labels, lambda one: shown.label(call.world, at, one))


def _labels_now(call: Call, one: Issue) -> list[Any]:
    return [shown.label(call.world, call.repository, each) for each in one.labels]


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", *_EITHER, role="triage")
def add_labels(call: Call) -> Any:
    one = call.issue
    tracker.add_labels(call.world, call.repository, one, call.account, _named(call))
    return _labels_now(call, one)


@route("PUT /repos/{owner}/{repo}/issues/{issue_number}/labels", *_EITHER, role="triage")
def set_labels(call: Call) -> Any:
    one = call.issue
    tracker.set_labels(call.world, call.repository, one, call.account, _named(call))
    return _labels_now(call, one)


@route("DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", *_EITHER, role="triage")
def remove_label(call: Call) -> Any:
    one = call.issue
    tracker.remove_label(call.world, call.repository, one, call.account, call.params["name"])
    return _labels_now(call, one)


def _named(call: Call) -> list[str]:
    """`{"labels": […]}`, or the bare list that GitHub also takes."""
    told: Any = call.body
    return _names(told if isinstance(told, list) else told.get("labels", []))


def _names(labels: Any) -> list[str]:
    return [label if isinstance(label, str) else label["name"] for label in labels]


# ---- assignees


@route("GET /repos/{owner}/{repo}/assignees/{assignee}", "issues:read")
def may_be_assigned(call: Call) -> Answer:
    person = call.world.accounts.get(call.params["assignee"].lower())
    if person is None or call.world.role(person, call.repository) in ("none", "read"):
        raise not_found()
    return Answer(status=204)


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/assignees", *_EITHER, role="triage")
def add_assignees(call: Call) -> Answer:
    one = call.issue
    tracker.assign(call.world, call.repository, one, call.account, call.body.get("assignees", []))
    return Answer(status=201, body=_own(call, one))


@route("DELETE /repos/{owner}/{repo}/issues/{issue_number}/assignees", *_EITHER, role="triage")
def remove_assignees(call: Call) -> Any:
    one = call.issue
    tracker.unassign(call.world, call.repository, one, call.account, call.body.get("assignees", []))
    return _own(call, one)


# ---- reactions


@route("GET /repos/{owner}/{repo}/issues/{issue_number}/reactions", "issues:read")
def list_reactions(call: Call) -> Answer:
    return call.page(call.issue.reactions, lambda one: shown.reaction(call.world, one))


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/reactions", *_EITHER, role="read")
def react(call: Call) -> Answer:
    made, new = tracker.react(call.world, call.issue.reactions, call.account, call.body["content"])
    return Answer(status=201 if new else 200, body=shown.reaction(call.world, made))


@route(
    "DELETE /repos/{owner}/{repo}/issues/{issue_number}/reactions/{reaction_id}", *_EITHER,
    role="read",
)  # fmt: skip
def take_reaction_back(call: Call) -> Answer:
    _taken_back(call, call.issue.reactions)
    return Answer(status=204)


def _taken_back(call: Call, reactions: list[Any]) -> None:
    wanted = call.number("reaction_id")
    for one in reactions:
        if one.id == wanted:
            if one.user is not call.account:
                raise Refused(403, "Forbidden")
            reactions.remove(one)
            return
    raise not_found()
