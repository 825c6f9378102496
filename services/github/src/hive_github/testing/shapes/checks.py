"""Check suites, check runs and statuses, as JSON."""

from typing import Any

from hive_github.testing.model import CheckRun, CheckSuite, Repository, Status
from hive_github.testing.shapes import commits, pulls, repositories
from hive_github.testing.shapes.accounts import account, app
from hive_github.testing.world import World, node_id


def latest(suite: CheckSuite) -> list[CheckRun]:
    """The newest of each name."""
    return list({run.name: run for run in suite.runs}.values())


def suite_state(suite: CheckSuite) -> tuple[str, str | None]:
    """What its newest runs come to: status and conclusion."""
    runs = latest(suite)
    if not runs:
        return "queued", None
    if any(run.status != "completed" for run in runs):
        return "in_progress", None
    conclusions = [run.conclusion for run in runs]
    for bad in ("failure", "timed_out", "cancelled", "action_required"):
        if bad in conclusions:
            return "completed", bad
    return "completed", "success" if "success" in conclusions else conclusions[-1]


def _pulls(world: World, at: Repository, sha: str) -> list[dict[str, Any]]:
    return [
        pulls.minimal(world, at, issue)
        for issue in at.pulls
        if issue.state == "open" and issue.pull is not None and issue.pull.head_sha == sha
    ]


def run(world: World, at: Repository, one: CheckRun) -> dict[str, Any]:
    url = f"{repositories.url(world, at)}/check-runs/{one.id}"
    page = f"{repositories.html(world, at)}/runs/{one.id}"
    return {
        "id": one.id,
        "node_id": node_id("CR", one.id),
        "head_sha": one.head_sha,
        "external_id": one.external_id,
        "url": url,
        "html_url": page,
        "details_url": one.details_url or page,
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": one.started_at,
        "completed_at": one.completed_at,
        "output": {
            "title": one.title,
            "summary": one.summary,
            "text": one.text,
            "annotations_count": len(one.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "name": one.name,
        "check_suite": {"id": one.suite.id},
        "app": app(world, one.suite.app),
        "pull_requests": _pulls(world, at, one.head_sha),
    }


def told_run(world: World, at: Repository, one: CheckRun) -> dict[str, Any]:
    """As webhooks have it."""
    suite = told_suite(world, at, one.suite)
    for name in ("latest_check_runs_count", "check_runs_url", "head_commit"):
        del suite[name]
    return {**run(world, at, one), "check_suite": suite}


def told_suite(world: World, at: Repository, one: CheckSuite) -> dict[str, Any]:
    status, conclusion = suite_state(one)
    url = f"{repositories.url(world, at)}/check-suites/{one.id}"
    commit = world.git.commits(at.path, one.head_sha, 1)[0]
    return {
        "id": one.id,
        "node_id": node_id("CS", one.id),
        "head_branch": one.head_branch,
        "head_sha": one.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": url,
        "before": one.before,
        "after": one.head_sha,
        "pull_requests": _pulls(world, at, one.head_sha),
        "app": app(world, one.app),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "latest_check_runs_count": len(latest(one)),
        "check_runs_url": f"{url}/check-runs",
        "head_commit": commits.short(world, at, commit),
    }


def suite(world: World, at: Repository, one: CheckSuite) -> dict[str, Any]:
    return {
        **told_suite(world, at, one),
        "repository": repositories.lite(world, at),
        "rerequestable": True,
        "runs_rerequestable": True,
    }


def annotation(world: World, at: Repository, of: CheckRun, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": one["path"],
        "start_line": one["start_line"],
        "end_line": one["end_line"],
        "start_column": one.get("start_column"),
        "end_column": one.get("end_column"),
        "annotation_level": one["annotation_level"],
        "title": one.get("title"),
        "message": one["message"],
        "raw_details": one.get("raw_details"),
        "blob_href": f"{repositories.html(world, at)}/blob/{of.head_sha}/{one['path']}",
    }


def status(world: World, at: Repository, one: Status) -> dict[str, Any]:
    return {
        "url": f"{repositories.url(world, at)}/statuses/{one.sha}",
        "avatar_url": f"{world.url}/avatars/u/{one.creator.id}",
        "id": one.id,
        "node_id": node_id("SC", one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "creator": account(world, one.creator),
    }


def combined(world: World, at: Repository, sha: str) -> dict[str, Any]:
    newest = {one.context: one for one in at.statuses if one.sha == sha}
    states = {one.state for one in newest.values()}
    state = "success"
    if states & {"failure", "error"}:
        state = "failure"
    elif not states or "pending" in states:
        state = "pending"
    shown = [status(world, at, one) for one in newest.values()]
    for each in shown:
        del each["creator"]
    return {
        "state": state,
        "statuses": shown,
        "sha": sha,
        "total_count": len(shown),
        "repository": repositories.lite(world, at),
        "commit_url": f"{repositories.url(world, at)}/commits/{sha}",
        "url": f"{repositories.url(world, at)}/commits/{sha}/status",
    }


def told_status(world: World, at: Repository, one: Status) -> dict[str, Any]:
    """The part of a `status` webhook that is its own."""
    facts = world.git.commits(at.path, one.sha, 1)[0]
    heads = world.git.refs(at.path, "refs/heads/")
    commit = commits.commit(world, at, facts)
    del commit["commit"]["verification"]["verified_at"]
    at_url = f"{repositories.url(world, at)}/commits/{one.sha}"
    return {
        "id": one.id,
        "sha": one.sha,
        "name": at.full_name,
        "avatar_url": f"{world.url}/avatars/u/{one.creator.id}",
        "target_url": one.target_url,
        "context": one.context,
        "description": one.description,
        "state": one.state,
        "commit": commit,
        "branches": [
            {
                "name": name.removeprefix("refs/heads/"),
                "commit": {"sha": tip, "url": at_url},
                "protected": name.removeprefix("refs/heads/") in at.rules,
            }
            for name, tip in heads.items()
            if tip == one.sha
        ],
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }
