"""Runs of Actions and their jobs, as JSON."""

from typing import Any

from hive_github.testing.model import Job, Repository, WorkflowRun
from hive_github.testing.shapes import checks, commits, repositories
from hive_github.testing.shapes.accounts import account
from hive_github.testing.world import World, node_id


def run(world: World, at: Repository, one: WorkflowRun) -> dict[str, Any]:
    url = f"{repositories.url(world, at)}/actions/runs/{one.id}"
    status, conclusion = checks.suite_state(one.suite)
    facts = world.git.commits(at.path, one.head_sha, 1)[0]
    return {
        "id": one.id,
        "name": one.name,
        "node_id": node_id("WFR", one.id),
        "check_suite_id": one.suite.id,
        "check_suite_node_id": node_id("CS", one.suite.id),
        "head_branch": one.head_branch,
        "head_sha": one.head_sha,
        "path": _path(one),
        "run_number": one.number,
        "run_attempt": one.attempt,
        "referenced_workflows": [],
        "event": one.event,
        "status": status,
        "conclusion": conclusion,
        "workflow_id": _workflow_id(at),
        "url": url,
        "html_url": f"{repositories.html(world, at)}/actions/runs/{one.id}",
        "pull_requests": checks.run(world, at, one.jobs[0].check)["pull_requests"],
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "actor": account(world, one.actor),
        "triggering_actor": account(world, one.actor),
        "run_started_at": one.created_at,
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{repositories.url(world, at)}/check-suites/{one.suite.id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": None if one.attempt == 1 else f"{url}/attempts/{one.attempt - 1}",
        "workflow_url": f"{repositories.url(world, at)}/actions/workflows/{_workflow_id(at)}",
        "head_commit": commits.short(world, at, facts),
        "repository": repositories.lite(world, at),
        "head_repository": repositories.lite(world, at),
        "display_title": facts.message.partition("\n")[0],
    }


def workflow(world: World, at: Repository, one: WorkflowRun) -> dict[str, Any]:
    number = _workflow_id(at)
    page = repositories.html(world, at)
    return {
        "id": number,
        "node_id": node_id("W", number),
        "name": one.name,
        "path": _path(one),
        "state": "active",
        "created_at": at.created_at,
        "updated_at": at.created_at,
        "url": f"{repositories.url(world, at)}/actions/workflows/{number}",
        "html_url": f"{page}/blob/{at.default_branch}/{_path(one)}",
        "badge_url": f"{page}/workflows/{one.name}/badge.svg",
    }


def job(world: World, at: Repository, one: Job) -> dict[str, Any]:
    check = one.check
    url = f"{repositories.url(world, at)}/actions/jobs/{one.id}"
    run_url = f"{repositories.url(world, at)}/actions/runs/{one.run.id}"
    return {
        "id": one.id,
        "run_id": one.run.id,
        "run_url": run_url,
        "run_attempt": one.run.attempt,
        "node_id": node_id("CR", one.id),
        "head_sha": check.head_sha,
        "url": url,
        "html_url": f"{repositories.html(world, at)}/actions/runs/{one.run.id}/job/{one.id}",
        "status": check.status,
        "conclusion": check.conclusion,
        "created_at": one.created_at,
        "started_at": check.started_at,
        "completed_at": check.completed_at,
        "name": check.name,
        "steps": [
            {
                "status": "completed",
                "conclusion": check.conclusion,
                "name": "Run",
                "number": 1,
                "started_at": check.started_at,
                "completed_at": check.completed_at,
            }
        ],
        "check_run_url": f"{repositories.url(world, at)}/check-runs/{check.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "hosted",
        "runner_group_id": 1,
        "runner_group_name": "hosted",
        "workflow_name": one.run.name,
        "head_branch": one.run.head_branch,
    }


def _path(one: WorkflowRun) -> str:
    return f".github/workflows/{'-'.join(one.name.lower().split())}.yml"


def _workflow_id(at: Repository) -> int:
    return at.id * 10
