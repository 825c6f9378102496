"""Records as GraphQL's objects: what is asked for is worked out when it is asked for."""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLError

from hive_github.testing import merging
from hive_github.testing.model import (
    Account,
    Comment,
    Issue,
    Pull,
    QueueEntry,
    Repository,
    Review,
    ReviewComment,
    Thread,
)
from hive_github.testing.shapes import repositories
from hive_github.testing.shapes.pulls import pull_of
from hive_github.testing.world import World, node_id

Object = dict[str, Any]
_KINDS = {"User": "U", "Organization": "O", "Bot": "BOT"}


def connection(name: str, items: Sequence[Any], render: Callable[[Any], Object]) -> Any:
    """GitHub wants to be told how many, up to 100."""

    def resolved(_: Any, **told: Any) -> Object:
        first, last = told.get("first"), told.get("last")
        if first is None and last is None:
            said = (
                "You must provide a `first` or `last` value to properly paginate the "
                f"`{name}` connection."
            )
            raise GraphQLError(said, extensions={"type": "MISSING_PAGINATION_BOUNDARIES"})
        if max(first or 0, last or 0) > 100:
            said = (
                f"Requesting more than 100 records on the `{name}` connection exceeds the limit "
                "of 100 records."
            )
            raise GraphQLError(said, extensions={"type": "EXCESSIVE_PAGINATION"})
        start = int(told["after"]) if told.get("after") else 0
        end = int(told["before"]) - 1 if told.get("before") else len(items)
        if first is not None:
            end = min(end, start + first)
        else:
            start = max(start, end - (last or 0))
        edges = [{"cursor": str(at + 1), "node": render(items[at])} for at in range(start, end)]
        return {
            "edges": edges,
            "nodes": [edge["node"] for edge in edges],
            "totalCount": len(items),
            "pageInfo": {
                "hasNextPage": end < len(items),
                "hasPreviousPage": start > 0,
                "startCursor": str(start + 1) if edges else None,
                "endCursor": str(end) if edges else None,
            },
        }

    return resolved


def actor(world: World, one: Account | None) -> Object | None:
    if one is None:
        return None
    return {
        "__typename": one.type,
        "id": node_id(_KINDS[one.type], one.id),
        # A bot's login has no [bot] here, unlike in REST.
        "login": one.login.removesuffix("[bot]"),
        "url": f"{world.url}/{one.login}",
        "databaseId": one.id,
    }


def repository(world: World, one: Repository) -> Object:
    return {
        "__typename": "Repository",
        "id": node_id("R", one.id),
        "databaseId": one.id,
        "name": one.name,
        "nameWithOwner": one.full_name,
        "owner": actor(world, one.owner),
        "isArchived": one.archived,
        "isPrivate": one.private,
        "url": repositories.html(world, one),
        "issue": lambda _, number: _issue_or_error(world, one, number),
        "pullRequest": lambda _, number: _pull_or_error(world, one, number),
        "pullRequests": lambda info, **told: connection(
            "pullRequests",
            [each for each in one.pulls if _in_states(each, told.get("states"))],
            lambda each: pull_request(world, one, each),
        )(info, **told),
        "mergeQueue": lambda _, branch=None: merge_queue(world, one, branch),
    }


def _in_states(one: Issue, states: list[str] | None) -> bool:
    return not states or _state(one) in states


def _state(one: Issue) -> str:
    merged = one.pull is not None and one.pull.merged_at is not None
    return "MERGED" if merged else one.state.upper()


def _issue_or_error(world: World, at: Repository, number: int) -> Object:
    found = at.issues.get(number)
    if found is None or found.pull is not None:
        said = f"Could not resolve to an Issue with the number of {number}."
        raise GraphQLError(said, extensions={"type": "NOT_FOUND"})
    return issue(world, at, found)


def _pull_or_error(world: World, at: Repository, number: int) -> Object:
    found = at.issues.get(number)
    if found is None or found.pull is None:
        said = f"Could not resolve to a PullRequest with the number of {number}."
        raise GraphQLError(said, extensions={"type": "NOT_FOUND"})
    return pull_request(world, at, found)


def issue(world: World, at: Repository, one: Issue) -> Object:
    return {
        "__typename": "Issue",
        "id": node_id("I", one.id),
        "databaseId": one.id,
        "number": one.number,
        "title": one.title,
        "body": one.body or "",
        "author": actor(world, one.user),
        "closed": one.state == "closed",
        "state": one.state.upper(),
        "createdAt": one.created_at,
        "lastEditedAt": one.edited_at,
        "editor": actor(world, one.editor),
        "url": f"{repositories.html(world, at)}/issues/{one.number}",
        "comments": connection(
            "comments", one.comments, lambda each: issue_comment(world, at, one, each)
        ),
    }


def issue_comment(world: World, at: Repository, of: Issue, one: Comment) -> Object:
    word = "pull" if of.pull else "issues"
    page = f"{repositories.html(world, at)}/{word}/{of.number}"
    return {
        "__typename": "IssueComment",
        "id": node_id("IC", one.id),
        "databaseId": one.id,
        "body": one.body,
        "author": actor(world, one.user),
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
        "url": f"{page}#issuecomment-{one.id}",
    }


def pull_request(world: World, at: Repository, one: Issue) -> Object:
    pull = pull_of(one)
    return {
        "__typename": "PullRequest",
        "id": node_id("PR", one.id),
        "databaseId": one.id,
        "number": one.number,
        "title": one.title,
        "body": one.body or "",
        "author": actor(world, one.user),
        "closed": one.state == "closed",
        "state": _state(one),
        "merged": pull.merged_at is not None,
        "mergedAt": pull.merged_at,
        "isDraft": pull.draft,
        "headRefName": pull.head,
        "headRefOid": pull.head_sha,
        "baseRefName": pull.base,
        "baseRefOid": pull.base_sha,
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
        "url": f"{repositories.html(world, at)}/pull/{one.number}",
        "repository": lambda _: repository(world, at),
        "mergeable": lambda _: _mergeable(merging.facts(world, at, one)),
        "mergeStateStatus": lambda _: merging.facts(world, at, one).state.upper(),
        "reviewDecision": lambda _: _decision(at, pull),
        "isInMergeQueue": pull.queued is not None,
        "mergeQueueEntry": lambda _: (
            queue_entry(world, at, one, pull.queued) if pull.queued else None
        ),
        "autoMergeRequest": _auto_merge(world, pull),
        "comments": connection(
            "comments", one.comments, lambda each: issue_comment(world, at, one, each)
        ),
        "commits": lambda info, **told: _commits(world, at, one, info, told),
        "reviews": connection("reviews", pull.reviews, lambda each: review(world, at, one, each)),
        "reviewThreads": connection(
            "reviewThreads", pull.threads, lambda each: thread(world, at, one, each)
        ),
    }


def _commits(world: World, at: Repository, one: Issue, info: Any, told: dict[str, Any]) -> Any:
    """Git is asked only if somebody wants to know."""
    pull = pull_of(one)
    resolved = connection(
        "commits",
        world.git.commits(at.path, f"{pull.base_sha}..{pull.head_sha}")[::-1],
        lambda each: {"id": f"PRC_{one.id}_{each.sha}", "commit": commit(at, each.sha)},
    )
    return resolved(info, **told)


def _mergeable(facts: merging.Facts) -> str:
    return {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[facts.mergeable]


def _decision(at: Repository, pull: Pull) -> str | None:
    standing = set(merging.standing_reviews(pull).values())
    if "CHANGES_REQUESTED" in standing:
        return "CHANGES_REQUESTED"
    if "APPROVED" in standing:
        return "APPROVED"
    return "REVIEW_REQUIRED" if merging.rules_of(at, pull.base).approvals else None


def _auto_merge(world: World, pull: Pull) -> Object | None:
    if pull.auto_merge is None:
        return None
    who = world.account(pull.auto_merge["enabled_by"]["login"])
    method = pull.auto_merge["merge_method"].upper()
    return {"enabledAt": None, "enabledBy": actor(world, who), "mergeMethod": method}


def commit(at: Repository, sha: str) -> Object:
    states = set(merging.check_states(at, sha).values())
    rollup = None
    if states:
        bad = states - {*merging.GOOD, "pending"}
        state = "FAILURE" if bad else "PENDING" if "pending" in states else "SUCCESS"
        rollup = {"id": f"SCR_{sha}", "state": state}
    return {"__typename": "Commit", "id": f"C_{sha}", "oid": sha, "statusCheckRollup": rollup}


def review(world: World, at: Repository, of: Issue, one: Review) -> Object:
    page = f"{repositories.html(world, at)}/pull/{of.number}"
    return {
        "__typename": "PullRequestReview",
        "id": node_id("PRR", one.id),
        "databaseId": one.id,
        "author": actor(world, one.user),
        "body": one.body,
        "state": one.state,
        "submittedAt": one.submitted_at,
        "url": f"{page}#pullrequestreview-{one.id}",
    }


def thread(world: World, at: Repository, of: Issue, one: Thread) -> Object:
    first = one.comments[0]
    return {
        "__typename": "PullRequestReviewThread",
        "id": node_id("PRRT", one.id),
        "isResolved": one.resolved_by is not None,
        "isOutdated": first.line is None and not first.whole_file,
        "resolvedBy": actor(world, one.resolved_by),
        "path": first.path,
        "line": first.line,
        "originalLine": first.line,
        "startLine": first.start_line,
        "subjectType": "FILE" if first.whole_file else "LINE",
        "pullRequest": lambda _: pull_request(world, at, of),
        "repository": lambda _: repository(world, at),
        "comments": connection(
            "comments", one.comments, lambda each: review_comment(world, at, of, each)
        ),
    }


def review_comment(world: World, at: Repository, of: Issue, one: ReviewComment) -> Object:
    return {
        "__typename": "PullRequestReviewComment",
        "id": node_id("PRRC", one.id),
        "databaseId": one.id,
        "author": actor(world, one.user),
        "body": one.body,
        "createdAt": one.created_at,
        "diffHunk": one.hunk,
        "path": one.path,
        "line": one.line,
        "url": f"{repositories.html(world, at)}/pull/{of.number}#discussion_r{one.id}",
        "pullRequestReview": lambda _: review(world, at, of, one.review),
        "replyTo": lambda _: review_comment(world, at, of, one.reply_to) if one.reply_to else None,
    }


def merge_queue(world: World, at: Repository, branch: str | None) -> Object | None:
    base = branch or at.default_branch
    if not merging.rules_of(at, base).merge_queue:
        return None
    return {
        "id": node_id("MQ", at.id),
        "url": f"{repositories.html(world, at)}/queue/{base}",
        "entries": connection(
            "entries", world.queue.entries(at, base), lambda each: _queued(world, at, each)
        ),
    }


def _queued(world: World, at: Repository, one: Issue) -> Object:
    entry = pull_of(one).queued
    assert entry is not None
    return queue_entry(world, at, one, entry)


def queue_entry(world: World, at: Repository, one: Issue, entry: QueueEntry) -> Object:
    ahead = [other.number for other in world.queue.entries(at, pull_of(one).base)]
    return {
        "__typename": "MergeQueueEntry",
        "id": node_id("MQE", entry.id),
        "enqueuedAt": entry.created_at,
        "headCommit": commit(at, entry.head_sha),
        "position": ahead.index(one.number) + 1 if one.number in ahead else 0,
        "state": "AWAITING_CHECKS",
        "pullRequest": lambda _: pull_request(world, at, one),
    }
