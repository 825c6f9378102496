"""Pull requests: opened, changed, merged, their files and commits."""

from typing import Any

from hive_github.testing import changes, reviewers, tokens
from hive_github.testing.refusals import Refused, invalid, not_found
from hive_github.testing.routes import Answer, Call, route
from hive_github.testing.shapes import accounts, commits, repositories
from hive_github.testing.shapes import pulls as shown
from hive_github.testing.world import node_id


@route("GET /repos/{owner}/{repo}/pulls", "pull_requests:read")
def list_pulls(call: Call) -> Answer:
    query, found = call.query, call.repository.pulls
    if (state := query.get("state", "open")) != "all":
        found = [one for one in found if one.state == state]
    if base := query.get("base"):
        found = [one for one in found if shown.pull_of(one).base == base]
    if head := query.get("head"):
        owner, _, branch = head.partition(":")
        found = [
            one for one in found
            if shown.pull_of(one).head == branch
            and shown.pull_of(one).head_repository.owner.login.lower() == owner.lower()
        ]  # fmt: skip
    field = {"updated": "updated_at"}.get(query.get("sort", ""), "number")
    found = sorted(found, key=lambda one: (getattr(one, field), one.number))
    if query.get("direction", "desc") == "desc":
        found.reverse()
    return call.page(found, lambda one: shown.simple(call.world, call.repository, one))


@route("POST /repos/{owner}/{repo}/pulls", "pull_requests:write", role="read")
def create_pull(call: Call) -> Answer:
    told = call.body
    if "title" not in told:
        raise invalid("PullRequest", "title", "missing_field")
    made = changes.open_pull(
        call.world, call.repository, call.account, told["title"], told["head"], told["base"],
        body=told.get("body"), draft=told.get("draft", False),
        maintainers=told.get("maintainer_can_modify", True), app=call.caller.by_app,
    )  # fmt: skip
    return Answer(status=201, body=shown.full(call.world, call.repository, made))


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}", "pull_requests:read")
def get_pull(call: Call) -> Any:
    one, pull = call.pull
    told = shown.full(call.world, call.repository, one)
    if pull.unsettled > 0:
        pull.unsettled -= 1
        told |= {"mergeable": None, "rebaseable": None, "mergeable_state": "unknown"}
    return told


@route("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", "pull_requests:write")
def update_pull(call: Call) -> Any:
    one, _ = call.pull
    changes.edit(call.world, call.repository, one, call.account, call.body)
    return shown.full(call.world, call.repository, one)


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/files", "pull_requests:read")
def list_files(call: Call) -> Answer:
    _, pull = call.pull
    found = call.world.changes(call.repository, pull.base_sha, pull.head_sha)
    return call.page(
        found, lambda one: commits.file(call.world, call.repository, pull.head_sha, one)
    )


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/commits", "pull_requests:read")
def list_commits(call: Call) -> Answer:
    _, pull = call.pull
    at = call.repository
    found = call.world.git.commits(at.path, f"{pull.base_sha}..{pull.head_sha}")[::-1]
    return call.page(found, lambda one: commits.commit(call.world, at, one))


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/merge", "pull_requests:read")
def is_merged(call: Call) -> Answer:
    _, pull = call.pull
    if pull.merged_at is None:
        raise not_found()
    return Answer(status=204)


@route("PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", "contents:write")
def merge_pull(call: Call) -> Any:
    one, _ = call.pull
    told = call.body
    commit = changes.merge(
        call.world, call.repository, one, call.account, told.get("merge_method", "merge"),
        sha=told.get("sha"), title=told.get("commit_title"), message=told.get("commit_message"),
    )  # fmt: skip
    return {"sha": commit, "merged": True, "message": "Pull Request successfully merged"}


@route("PUT /repos/{owner}/{repo}/pulls/{pull_number}/update-branch", "pull_requests:write")
def update_branch(call: Call) -> Answer:
    one, _ = call.pull
    changes.update_branch(
        call.world, call.repository, one, call.account, call.body.get("expected_head_sha")
    )
    url = f"{repositories.url(call.world, call.repository)}/pulls/{one.number}"
    return Answer(status=202, body={"message": "Updating pull request branch.", "url": url})


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", "pull_requests:read")
def list_requested(call: Call) -> Any:
    _, pull = call.pull
    world = call.world
    return {
        "users": [accounts.account(world, one) for one in pull.reviewers],
        "teams": [accounts.own_team(world, one) for one in pull.teams],
    }


@route("POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", "pull_requests:write")
def request_reviewers(call: Call) -> Answer:
    one, _ = call.pull
    slugs = call.body.get("team_reviewers", [])
    for team in reviewers.teams_of(call.world, call.repository, slugs):
        # Its description does not say so, and this is how GitHub says it.
        if call.caller.token is None or not tokens.granted(call.caller.token, "members:read"):
            given = node_id("T", team.id)
            said = f"Could not resolve to a node with the global id of '{given}'."
            raise Refused(422, "Validation Failed", [said])
    reviewers.request(
        call.world, call.repository, one, call.account, call.body.get("reviewers", []), slugs
    )
    return Answer(status=201, body=shown.simple(call.world, call.repository, one))


@route(
    "DELETE /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", "pull_requests:write"
)
def withdraw_reviewers(call: Call) -> Any:
    one, _ = call.pull
    reviewers.withdraw(
        call.world, call.repository, one, call.account, call.body.get("reviewers", []),
        call.body.get("team_reviewers", []),
    )  # fmt: skip
    return shown.simple(call.world, call.repository, one)
