"""Pull requests, reviews and review comments, as JSON."""

from typing import Any

from hive_github.testing import merging, registry
from hive_github.testing.model import (
    Account,
    Issue,
    Pull,
    Repository,
    Review,
    ReviewComment,
    Thread,
)
from hive_github.testing.shapes import issues, repositories
from hive_github.testing.shapes.accounts import account, own_team
from hive_github.testing.world import World, node_id


def pull_of(one: Issue) -> Pull:
    assert one.pull is not None
    return one.pull


def simple(world: World, at: Repository, one: Issue) -> dict[str, Any]:
    """As lists and reviews have it."""
    pull = pull_of(one)
    url = f"{repositories.url(world, at)}/pulls/{one.number}"
    of_issue = f"{repositories.url(world, at)}/issues/{one.number}"
    page = f"{repositories.html(world, at)}/pull/{one.number}"
    statuses = f"{repositories.url(world, at)}/statuses/{pull.head_sha}"
    comment = f"{repositories.url(world, at)}/pulls/comments{{/number}}"
    links = {
        "self": url, "html": page, "issue": of_issue, "comments": f"{of_issue}/comments",
        "review_comments": f"{url}/comments", "review_comment": comment,
        "commits": f"{url}/commits", "statuses": statuses,
    }  # fmt: skip
    return {
        "url": url,
        "id": one.id,
        "node_id": node_id("PR", one.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": of_issue,
        "number": one.number,
        "state": one.state,
        "locked": one.locked,
        "title": one.title,
        "user": account(world, one.user),
        "body": one.body,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "closed_at": one.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": account(world, one.assignees[0]) if one.assignees else None,
        "assignees": [account(world, each) for each in one.assignees],
        "requested_reviewers": [account(world, each) for each in pull.reviewers],
        "requested_teams": [own_team(world, each) for each in pull.teams],
        "labels": [issues.label(world, at, each) for each in one.labels],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": comment,
        "comments_url": f"{of_issue}/comments",
        "statuses_url": statuses,
        "head": _end(world, pull.head_repository, pull.head, pull.head_sha),
        "base": _end(world, at, pull.base, pull.base_sha),
        "_links": {name: {"href": value} for name, value in links.items()},
        "author_association": world.association(one.user, at),
        "auto_merge": pull.auto_merge,
        "active_lock_reason": None,
    }


def full(world: World, at: Repository, one: Issue) -> dict[str, Any]:
    pull = pull_of(one)
    facts = merging.facts(world, at, one)
    return {
        **simple(world, at, one),
        "merged": pull.merged_at is not None,
        "mergeable": facts.mergeable,
        "rebaseable": facts.mergeable,
        "mergeable_state": facts.state,
        "merged_by": account(world, pull.merged_by) if pull.merged_by else None,
        "comments": len(one.comments),
        "review_comments": len(pull.comments),
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": facts.commits,
        "additions": facts.additions,
        "deletions": facts.deletions,
        "changed_files": facts.files,
    }


def in_webhook(pull: dict[str, Any]) -> dict[str, Any]:
    """Webhooks do not say of a team what kind it is."""
    teams = [
        {name: value for name, value in team.items() if name != "type"}
        for team in pull["requested_teams"]
    ]
    return {**pull, "requested_teams": teams}


def tell(world: World, at: Repository, one: Issue, action: str, user: Account, **more: Any) -> None:
    said = {
        "action": action,
        "number": one.number,
        "pull_request": in_webhook(full(world, at, one)),
        **more,
        **registry.context(world, at, user),
    }
    world.tell("pull_request", said, at)


def minimal(world: World, at: Repository, one: Issue) -> dict[str, Any]:
    """As check runs have it."""
    pull = pull_of(one)
    head = repositories.reference(world, pull.head_repository)
    return {
        "url": f"{repositories.url(world, at)}/pulls/{one.number}",
        "id": one.id,
        "number": one.number,
        "head": {"ref": pull.head, "sha": pull.head_sha, "repo": head},
        "base": {
            "ref": pull.base, "sha": pull.base_sha, "repo": repositories.reference(world, at),
        },
    }  # fmt: skip


def review(world: World, at: Repository, of: Issue, one: Review) -> dict[str, Any]:
    """As REST has it; webhooks write `state` in lower case."""
    page = f"{repositories.html(world, at)}/pull/{of.number}#pullrequestreview-{one.id}"
    url = f"{repositories.url(world, at)}/pulls/{of.number}"
    found = {
        "id": one.id,
        "node_id": node_id("PRR", one.id),
        "user": account(world, one.user),
        "body": one.body,
        "commit_id": one.commit,
        "submitted_at": one.submitted_at,
        "state": one.state,
        "html_url": page,
        "pull_request_url": url,
        "author_association": world.association(one.user, at),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
    }
    if one.submitted_at is None:
        del found["submitted_at"]
    return found


def review_comment(world: World, at: Repository, of: Issue, one: ReviewComment) -> dict[str, Any]:
    """As webhooks have it."""
    url = f"{repositories.url(world, at)}/pulls/comments/{one.id}"
    page = f"{repositories.html(world, at)}/pull/{of.number}#discussion_r{one.id}"
    pull = f"{repositories.url(world, at)}/pulls/{of.number}"
    return {
        "url": url,
        "pull_request_review_id": one.review.id,
        "id": one.id,
        "node_id": node_id("PRRC", one.id),
        "diff_hunk": one.hunk,
        "path": one.path,
        "position": one.line,
        "original_position": one.line or 1,
        "commit_id": one.commit,
        "original_commit_id": one.original_commit,
        "user": account(world, one.user),
        "body": one.body,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "html_url": page,
        "pull_request_url": pull,
        "author_association": world.association(one.user, at),
        "_links": {
            "self": {"href": url}, "html": {"href": page}, "pull_request": {"href": pull},
        },
        "reactions": issues.rollup(url, one.reactions),
        "start_line": one.start_line,
        "original_start_line": one.start_line,
        "start_side": one.side if one.start_line else None,
        "line": one.line,
        "original_line": one.line or 1,
        "side": one.side,
        "subject_type": "file" if one.whole_file else "line",
        **({"in_reply_to_id": one.reply_to.id} if one.reply_to else {}),
    }  # fmt: skip


def own_review_comment(
    world: World, at: Repository, of: Issue, one: ReviewComment
) -> dict[str, Any]:
    """As REST has it: what has no line has none."""
    found = review_comment(world, at, of, one)
    return {
        name: value
        for name, value in found.items()
        if value is not None or name not in ("position", "line")
    }


def thread(world: World, at: Repository, of: Issue, one: Thread) -> dict[str, Any]:
    return {
        "node_id": node_id("PRRT", one.id),
        "comments": [review_comment(world, at, of, each) for each in one.comments],
    }


def _end(world: World, at: Repository, ref: str, sha: str) -> dict[str, Any]:
    return {
        "label": f"{at.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": account(world, at.owner),
        "repo": repositories.repository(world, at),
    }
