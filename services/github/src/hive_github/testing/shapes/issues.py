"""Issues, their labels, comments and reactions, as JSON."""

from collections.abc import Sequence
from typing import Any, Final

from hive_github.testing.model import Comment, Issue, IssueEvent, Label, Reaction, Repository
from hive_github.testing.shapes import repositories
from hive_github.testing.shapes.accounts import account, app
from hive_github.testing.world import World, node_id

CONTENTS: Final = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")


def label(world: World, at: Repository, one: Label) -> dict[str, Any]:
    return {
        "id": one.id,
        "node_id": node_id("LA", one.id),
        "url": f"{repositories.url(world, at)}/labels/{one.name}",
        "name": one.name,
        "description": one.description,
        "color": one.color,
        "default": one.default,
    }


def rollup(url: str, reactions: Sequence[Reaction]) -> dict[str, Any]:
    counts = {name: sum(1 for one in reactions if one.content == name) for name in CONTENTS}
    return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}


def reaction(world: World, one: Reaction) -> dict[str, Any]:
    return {
        "id": one.id,
        "node_id": node_id("REA", one.id),
        "user": account(world, one.user),
        "content": one.content,
        "created_at": one.created_at,
    }


def issue(world: World, at: Repository, one: Issue) -> dict[str, Any]:
    url = f"{repositories.url(world, at)}/issues/{one.number}"
    word = "pull" if one.pull is not None else "issues"
    found: dict[str, Any] = {
        "url": url,
        "repository_url": repositories.url(world, at),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"{repositories.html(world, at)}/{word}/{one.number}",
        "id": one.id,
        "node_id": node_id("PR" if one.pull is not None else "I", one.id),
        "number": one.number,
        "title": one.title,
        "user": account(world, one.user),
        "labels": [label(world, at, each) for each in one.labels],
        "state": one.state,
        "locked": one.locked,
        "assignee": account(world, one.assignees[0]) if one.assignees else None,
        "assignees": [account(world, each) for each in one.assignees],
        "milestone": None,
        "comments": len(one.comments),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "closed_at": one.closed_at,
        "author_association": world.association(one.user, at),
        "active_lock_reason": None,
        "body": one.body,
        "reactions": rollup(url, one.reactions),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": app(world, one.app) if one.app else None,
        "state_reason": one.state_reason,
    }
    if one.pull is not None:
        page = f"{repositories.html(world, at)}/pull/{one.number}"
        found["draft"] = one.pull.draft
        found["pull_request"] = {
            "url": f"{repositories.url(world, at)}/pulls/{one.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": one.pull.merged_at,
        }
    return found


def event(world: World, at: Repository, one: IssueEvent) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": one.id,
        "node_id": node_id("IE", one.id),
        "url": f"{repositories.url(world, at)}/issues/events/{one.id}",
        "actor": account(world, one.actor),
        "event": one.event,
        "commit_id": None,
        "commit_url": None,
        "created_at": one.created_at,
        "performed_via_github_app": app(world, one.app) if one.app else None,
    }
    if one.label is not None:
        found["label"] = {"name": one.label.name, "color": one.label.color}
    if one.assignee is not None:
        found["assignee"] = account(world, one.assignee)
        found["assigner"] = account(world, one.actor)
    if one.rename is not None:
        found["rename"] = one.rename
    if one.event == "locked":
        found["lock_reason"] = None
    return found


def comment(world: World, at: Repository, of: Issue, one: Comment) -> dict[str, Any]:
    url = f"{repositories.url(world, at)}/issues/comments/{one.id}"
    word = "pull" if of.pull is not None else "issues"
    return {
        "url": url,
        "html_url": f"{repositories.html(world, at)}/{word}/{of.number}#issuecomment-{one.id}",
        "issue_url": f"{repositories.url(world, at)}/issues/{of.number}",
        "id": one.id,
        "node_id": node_id("IC", one.id),
        "user": account(world, one.user),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "author_association": world.association(one.user, at),
        "body": one.body,
        "reactions": rollup(url, one.reactions),
        "performed_via_github_app": app(world, one.app) if one.app else None,
    }
