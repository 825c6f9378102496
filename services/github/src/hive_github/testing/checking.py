"""Check suites, check runs, statuses and jobs: what is said of a commit."""

from typing import Any, Final

from hive_github.testing import registry
from hive_github.testing.git import ZERO
from hive_github.testing.model import (
    Account,
    App,
    CheckRun,
    CheckSuite,
    Job,
    Repository,
    Status,
    WorkflowRun,
)
from hive_github.testing.refusals import Refused, invalid
from hive_github.testing.shapes import actions as shown_actions
from hive_github.testing.shapes import checks as shown
from hive_github.testing.world import World

MOST_ANNOTATIONS: Final = 50
"""In one request."""
MOST_TEXT: Final = 65_535
"""Characters of a summary and of a text."""
MOST_ACTIONS: Final = 3
ACTIONS: Final = "GitHub Actions"


def suites_for_push(
    world: World, at: Repository, branch: str, old: str, new: str, who: Account
) -> None:
    """Each installed App that writes checks is asked for some."""
    for installation in world.installations_on(at):
        if installation.permissions.get("checks") != "write" or installation.suspended_at:
            continue
        if any(s.head_sha == new and s.app is installation.app for s in at.suites):
            continue
        made = suite_of(world, at, installation.app, new, branch, old)
        _told_suite(world, at, made, "requested", who)


def suite_of(
    world: World,
    at: Repository,
    app: App,
    sha: str,
    branch: str | None = None,
    before: str = ZERO,
) -> CheckSuite:
    """An App has one for each commit."""
    for one in at.suites:
        if one.head_sha == sha and one.app is app:
            return one
    if branch is None:
        heads = world.git.refs(at.path, "refs/heads/")
        names = [name.removeprefix("refs/heads/") for name, tip in heads.items() if tip == sha]
        branch = names[0] if names else None
    made = CheckSuite(
        id=world.next_id("check suite"), created_at=world.now(), head_sha=sha, head_branch=branch,
        before=before, app=app,
    )  # fmt: skip
    at.suites.append(made)
    return made


def create_run(
    world: World, at: Repository, app: App, who: Account, sha: str, told: dict[str, Any]
) -> CheckRun:
    """`told` as REST's body. Raises Refused."""
    suite = suite_of(world, at, app, sha)
    made = CheckRun(
        id=world.next_id("check run"), created_at=world.now(), name=told["name"], head_sha=sha,
        suite=suite,
    )  # fmt: skip
    _filled(world, made, told)
    suite.runs.append(made)
    _told_run(world, at, made, "created", who)
    if made.status == "completed":
        _completed(world, at, made, who)
    return made


def update_run(
    world: World, at: Repository, one: CheckRun, who: Account, told: dict[str, Any]
) -> None:
    """Raises Refused."""
    before = one.status
    _filled(world, one, told)
    one.updated_at = world.now()
    if one.status == "completed" and before != "completed":
        _completed(world, at, one, who)


def rerequest(world: World, at: Repository, one: CheckRun, who: Account) -> None:
    """A person asks for it again: the App is told of it as it was, and it begins anew.

    Raises Refused for one that is under way.
    """
    if one.status != "completed":
        raise Refused(422, "This check run is not rerequestable")
    _told_run(world, at, one, "rerequested", who, only=one.suite.app)
    one.status, one.conclusion, one.completed_at = "queued", None, None


def rerequest_suite(world: World, at: Repository, one: CheckSuite, who: Account) -> None:
    _told_suite(world, at, one, "rerequested", who)


def press(world: World, at: Repository, one: CheckRun, who: Account, identifier: str) -> None:
    """A button of a check run. Raises Refused where it has none of that name."""
    if identifier not in [action["identifier"] for action in one.actions]:
        raise invalid("CheckRun", "requested_action")
    more = {"requested_action": {"identifier": identifier}}
    _told_run(world, at, one, "requested_action", who, only=one.suite.app, **more)


def set_status(
    world: World, at: Repository, sha: str, creator: Account, told: dict[str, Any]
) -> Status:
    made = Status(
        id=world.next_id("status"), created_at=world.now(), sha=sha, state=told["state"],
        context=told.get("context", "default"), description=told.get("description"),
        target_url=told.get("target_url"), creator=creator,
    )  # fmt: skip
    at.statuses.append(made)
    world.tell(
        "status", {**shown.told_status(world, at, made), **registry.context(world, at, creator)}, at
    )
    world.checks_changed(at, sha)
    return made


def run_workflow(
    world: World,
    at: Repository,
    who: Account,
    sha: str,
    branch: str,
    name: str,
    jobs: dict[str, tuple[str, str]],
    event: str = "push",
) -> WorkflowRun:
    """A run of Actions whose jobs end at once: name → (conclusion, log)."""
    suite = suite_of(world, at, actions_app(world), sha, branch)
    made = WorkflowRun(
        id=world.next_id("workflow run"), created_at=world.now(), name=name, head_sha=sha,
        head_branch=branch, event=event, actor=who, number=len(at.workflow_runs) + 1, suite=suite,
    )  # fmt: skip
    at.workflow_runs.append(made)
    finish_jobs(world, at, made, who, jobs)
    return made


def finish_jobs(
    world: World,
    at: Repository,
    run: WorkflowRun,
    who: Account,
    jobs: dict[str, tuple[str, str]],
) -> None:
    for name, (conclusion, log) in jobs.items():
        made = create_run(
            world, at, run.suite.app, who, run.head_sha, {"name": name, "status": "in_progress"}
        )
        job = Job(id=made.id, created_at=world.now(), run=run, check=made, log=log)
        made.job = job
        run.jobs = [each for each in run.jobs if each.check.name != name] + [job]
        update_run(world, at, made, who, {"conclusion": conclusion})
        _told_job(world, at, job, who)
    said = {
        "action": "completed",
        "workflow_run": shown_actions.run(world, at, run),
        "workflow": shown_actions.workflow(world, at, run),
    }
    world.tell("workflow_run", {**said, **registry.context(world, at, who)}, at)


def actions_app(world: World) -> App:
    """Whose checks the jobs of Actions are."""
    for app in world.apps.values():
        if app.name == ACTIONS:
            return app
    return registry.create_app(
        world, world.account("github", "Organization"), ACTIONS, "", permissions={}, events=()
    )


def _filled(world: World, one: CheckRun, told: dict[str, Any]) -> None:
    conclusion = told.get("conclusion")
    status = told.get("status") or ("completed" if conclusion else one.status)
    if status == "completed" and not (conclusion or one.conclusion):
        raise invalid("CheckRun", "conclusion", "missing_field")
    output = told.get("output", {})
    for field in ("summary", "text"):
        if len(output.get(field) or "") > MOST_TEXT:
            message = (
                f"Only {MOST_TEXT} characters are allowed; {len(output[field])} were supplied."
            )
            raise invalid("CheckRun", field, "custom", message)
    annotations = output.get("annotations", [])
    if len(annotations) > MOST_ANNOTATIONS:
        raise invalid("CheckRun", "annotations", "custom", f"more than {MOST_ANNOTATIONS}")
    actions = told.get("actions", one.actions)
    if len(actions) > MOST_ACTIONS:
        raise invalid("CheckRun", "actions", "custom", f"more than {MOST_ACTIONS}")
    one.name = told.get("name", one.name)
    one.external_id = told.get("external_id", one.external_id)
    one.details_url = told.get("details_url", one.details_url)
    one.title = output.get("title", one.title)
    one.summary = output.get("summary", one.summary)
    one.text = output.get("text", one.text)
    one.annotations = [*one.annotations, *annotations]
    one.actions = actions
    one.status = status
    one.started_at = told.get("started_at") or one.started_at or world.now()
    if status == "completed":
        one.conclusion = conclusion or one.conclusion
        one.completed_at = told.get("completed_at") or world.now()
    else:
        one.conclusion, one.completed_at = None, None


def _completed(world: World, at: Repository, one: CheckRun, who: Account) -> None:
    _told_run(world, at, one, "completed", who)
    if all(each.status == "completed" for each in shown.latest(one.suite)):
        _told_suite(world, at, one.suite, "completed", who)
    world.checks_changed(at, one.head_sha)


def _told_run(
    world: World,
    at: Repository,
    one: CheckRun,
    action: str,
    who: Account,
    only: App | None = None,
    **more: Any,
) -> None:
    said = {"action": action, "check_run": shown.told_run(world, at, one), **more}
    world.tell("check_run", {**said, **registry.context(world, at, who)}, at, only)


def _told_suite(world: World, at: Repository, one: CheckSuite, action: str, who: Account) -> None:
    """Requests go to the App whose suite it is alone."""
    said = {"action": action, "check_suite": shown.told_suite(world, at, one)}
    only = None if action == "completed" else one.app
    world.tell("check_suite", {**said, **registry.context(world, at, who)}, at, only)


def _told_job(world: World, at: Repository, job: Job, who: Account) -> None:
    said = {"action": "completed", "workflow_job": shown_actions.job(world, at, job)}
    world.tell("workflow_job", {**said, **registry.context(world, at, who)}, at)
