"""Check runs and suites, statuses, and the jobs of Actions."""

from typing import Any

from hive_github.testing import checking
from hive_github.testing.model import App, CheckRun, CheckSuite, Job, WorkflowRun
from hive_github.testing.refusals import Refused, not_found
from hive_github.testing.routes import Answer, Call, route
from hive_github.testing.shapes import actions
from hive_github.testing.shapes import checks as shown

_RUNS = "check_runs"


def _check_writable(call: Call) -> None:
    """Raises Refused."""
    if call.repository.archived:
        raise Refused(403, "Repository was archived so is read-only.")


def _app(call: Call) -> App:
    """Only Apps write checks. Raises Refused."""
    _check_writable(call)
    if call.caller.installation is None:
        raise Refused(403, "You must authenticate via a GitHub App.")
    return call.caller.installation.app


@route("POST /repos/{owner}/{repo}/check-runs", "checks:write")
def create_run(call: Call) -> Answer:
    app, sha = _app(call), call.body["head_sha"]
    if call.world.git.resolve(call.repository.path, sha) != sha:
        raise Refused(422, f"No commit found for SHA: {sha}")
    made = checking.create_run(call.world, call.repository, app, call.account, sha, call.body)
    return Answer(status=201, body=shown.run(call.world, call.repository, made))


@route("PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", "checks:write")
def update_run(call: Call) -> Any:
    one = call.check_run
    if one.suite.app is not _app(call):
        raise Refused(403, "Invalid app_id - check run can only be modified by its own App.")
    checking.update_run(call.world, call.repository, one, call.account, call.body)
    return shown.run(call.world, call.repository, one)


@route("GET /repos/{owner}/{repo}/check-runs/{check_run_id}", "checks:read")
def get_run(call: Call) -> Any:
    return shown.run(call.world, call.repository, call.check_run)


@route("GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations", "checks:read")
def list_annotations(call: Call) -> Answer:
    one = call.check_run
    return call.page(
        one.annotations, lambda each: shown.annotation(call.world, call.repository, one, each)
    )


@route("POST /repos/{owner}/{repo}/check-runs/{check_run_id}/rerequest", "checks:write")
def rerequest_run(call: Call) -> Answer:
    checking.rerequest(call.world, call.repository, call.check_run, call.account)
    return Answer(status=201, body={})


@route("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", "checks:read")
def runs_of_commit(call: Call) -> Answer:
    sha = call.sha()
    suites = [one for one in call.repository.suites if one.head_sha == sha]
    found = [run for one in suites for run in _chosen(call, one)]
    if app := call.query.get("app_id"):
        found = [run for run in found if run.suite.app.id == int(app)]
    return call.page(found, lambda one: shown.run(call.world, call.repository, one), _RUNS)


def _chosen(call: Call, suite: CheckSuite) -> list[CheckRun]:
    found = suite.runs if call.query.get("filter") == "all" else shown.latest(suite)
    if name := call.query.get("check_name"):
        found = [run for run in found if run.name == name]
    if status := call.query.get("status"):
        found = [run for run in found if run.status == status]
    return found


def _suite(call: Call) -> CheckSuite:
    wanted = call.number("check_suite_id")
    for one in call.repository.suites:
        if one.id == wanted:
            return one
    raise not_found()


@route("GET /repos/{owner}/{repo}/check-suites/{check_suite_id}", "checks:read")
def get_suite(call: Call) -> Any:
    return shown.suite(call.world, call.repository, _suite(call))


@route("GET /repos/{owner}/{repo}/check-suites/{check_suite_id}/check-runs", "checks:read")
def runs_of_suite(call: Call) -> Answer:
    found = _chosen(call, _suite(call))
    return call.page(found, lambda one: shown.run(call.world, call.repository, one), _RUNS)


@route("POST /repos/{owner}/{repo}/check-suites/{check_suite_id}/rerequest", "checks:write")
def rerequest_suite(call: Call) -> Answer:
    checking.rerequest_suite(call.world, call.repository, _suite(call), call.account)
    return Answer(status=201, body={})


@route("GET /repos/{owner}/{repo}/commits/{ref}/check-suites", "checks:read")
def suites_of_commit(call: Call) -> Answer:
    sha = call.sha()
    found = [one for one in call.repository.suites if one.head_sha == sha]
    if app := call.query.get("app_id"):
        found = [one for one in found if one.app.id == int(app)]
    return call.page(
        found, lambda one: shown.suite(call.world, call.repository, one), "check_suites"
    )


# ---- statuses


@route("POST /repos/{owner}/{repo}/statuses/{sha}", "statuses:write")
def create_status(call: Call) -> Answer:
    _check_writable(call)
    sha = call.params["sha"]
    if call.world.git.resolve(call.repository.path, sha) != sha:
        raise Refused(422, f"No commit found for SHA: {sha}")
    made = checking.set_status(call.world, call.repository, sha, call.account, call.body)
    return Answer(status=201, body=shown.status(call.world, call.repository, made))


@route("GET /repos/{owner}/{repo}/commits/{ref}/status", "statuses:read")
def combined_status(call: Call) -> Any:
    return shown.combined(call.world, call.repository, call.sha())


@route("GET /repos/{owner}/{repo}/commits/{ref}/statuses", "statuses:read")
def list_statuses(call: Call) -> Answer:
    sha = call.sha()
    found = [one for one in reversed(call.repository.statuses) if one.sha == sha]
    return call.page(found, lambda one: shown.status(call.world, call.repository, one))


# ---- Actions


def _run(call: Call) -> WorkflowRun:
    wanted = call.number("run_id")
    for one in call.repository.workflow_runs:
        if one.id == wanted:
            return one
    raise not_found()


def _job(call: Call) -> Job:
    wanted = call.number("job_id")
    for run in call.repository.check_runs:
        if run.job is not None and run.job.id == wanted:
            return run.job
    raise not_found()


@route("GET /repos/{owner}/{repo}/actions/runs", "actions:read")
def list_workflow_runs(call: Call) -> Answer:
    found = list(reversed(call.repository.workflow_runs))
    if sha := call.query.get("head_sha"):
        found = [one for one in found if one.head_sha == sha]
    if branch := call.query.get("branch"):
        found = [one for one in found if one.head_branch == branch]
    return call.page(
        found, lambda one: actions.run(call.world, call.repository, one), "workflow_runs"
    )


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}", "actions:read")
def get_workflow_run(call: Call) -> Any:
    return actions.run(call.world, call.repository, _run(call))


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs", "actions:read")
def list_jobs(call: Call) -> Answer:
    run = _run(call)
    return call.page(run.jobs, lambda one: actions.job(call.world, call.repository, one), "jobs")


@route("GET /repos/{owner}/{repo}/actions/jobs/{job_id}", "actions:read")
def get_job(call: Call) -> Any:
    return actions.job(call.world, call.repository, _job(call))


@route("GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs", "actions:read")
def job_log(call: Call) -> Answer:
    """A link that is good for a minute, and needs no token."""
    job = _job(call)
    ticket = call.world.secret("log", 32)
    call.world.logs[ticket] = (job, call.world.clock.now() + 60)
    return Answer(status=302, headers={"Location": f"{call.world.url}/logs/{ticket}"})


@route("POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun", "actions:write")
def rerun_job(call: Call) -> Answer:
    job = _job(call)
    _again(call, job.run, [job])
    return Answer(status=201, body={})


@route("POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun", "actions:write")
def rerun(call: Call) -> Answer:
    run = _run(call)
    _again(call, run, run.jobs)
    return Answer(status=201, body={})


@route("POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs", "actions:write")
def rerun_failed(call: Call) -> Answer:
    run = _run(call)
    _again(call, run, [job for job in run.jobs if job.check.conclusion != "success"])
    return Answer(status=201, body={})


def _again(call: Call, run: WorkflowRun, jobs: list[Job]) -> None:
    """They come out as the script says next, else as they did."""
    run.attempt += 1
    outcomes = {
        job.check.name: call.world.reruns.pop(
            (call.repository.id, job.check.name), (job.check.conclusion or "success", job.log)
        )
        for job in jobs
    }
    checking.finish_jobs(call.world, call.repository, run, call.account, outcomes)
